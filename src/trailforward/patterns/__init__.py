"""Event patterns with the exact semantics of Amazon EventBridge.

::

    Pattern('{"source": ["aws.iam"]}').matches(event)
    PatternSet({"iam": pattern, "s3": other}).matches(event)
    lint(pattern)

The names load on first use: code that only matches events does not import explanations or lints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward._lazy import lazy_names

if TYPE_CHECKING:
    from trailforward.patterns.explain import Explanation, Mismatch
    from trailforward.patterns.index import PatternSet
    from trailforward.patterns.invalid import InvalidPatternError
    from trailforward.patterns.limits import OF_ROUTES, Limits
    from trailforward.patterns.lints import Lint, lint, lint_codes
    from trailforward.patterns.pattern import Pattern

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Explanation": "explain",
        "InvalidPatternError": "invalid",
        "Limits": "limits",
        "OF_ROUTES": "limits",
        "Lint": "lints",
        "Mismatch": "explain",
        "Pattern": "pattern",
        "PatternSet": "index",
        "lint": "lints",
        "lint_codes": "lints",
    },
)

__all__ = [
    "OF_ROUTES",
    "Explanation",
    "InvalidPatternError",
    "Limits",
    "Lint",
    "Mismatch",
    "Pattern",
    "PatternSet",
    "lint",
    "lint_codes",
]
