"""Event patterns with the exact semantics of Amazon EventBridge, in the standard library only.

::

    Pattern('{"source": ["aws.iam"]}').matches(event)
    PatternSet({"iam": pattern, "s3": other}).matches(event)
    lint(pattern)

The names are loaded on first use: who only matches needs neither explanations nor lints.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trailforward.patterns.explain import Explanation, Mismatch
    from trailforward.patterns.index import PatternSet
    from trailforward.patterns.limits import Limits
    from trailforward.patterns.lints import Lint, lint
    from trailforward.patterns.pattern import Pattern
    from trailforward.patterns.refusal import InvalidPattern

_HOMES = {
    "Explanation": "explain",
    "InvalidPattern": "refusal",
    "Limits": "limits",
    "Lint": "lints",
    "Mismatch": "explain",
    "Pattern": "pattern",
    "PatternSet": "index",
    "lint": "lints",
}

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


def __getattr__(name: str) -> object:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'trailforward.patterns' has no attribute {name!r}") from None
    value = getattr(import_module(f"trailforward.patterns.{home}"), name)
    globals()[name] = value
    return value
