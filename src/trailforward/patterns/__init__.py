"""Event patterns with the exact semantics of Amazon EventBridge, in the standard library only.

::

    Pattern('{"source": ["aws.iam"]}').matches(event)
    PatternSet({"iam": pattern, "s3": other}).matches(event)
    lint(pattern)
"""

from __future__ import annotations

from trailforward.patterns.explain import Explanation, Mismatch
from trailforward.patterns.index import PatternSet
from trailforward.patterns.limits import Limits
from trailforward.patterns.lint import Lint, lint
from trailforward.patterns.pattern import Pattern
from trailforward.patterns.refusal import InvalidPattern

__all__ = [
    "Explanation",
    "InvalidPattern",
    "Limits",
    "Lint",
    "Mismatch",
    "Pattern",
    "PatternSet",
    "lint",
]
