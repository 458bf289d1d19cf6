"""Nearest: whether a slip is the reason why a pattern does not match any event."""

from __future__ import annotations

from functools import lru_cache

from trailforward.errors import PatternError
from trailforward.patterns import Pattern
from trailforward.patterns.cloudtrail import combinations


@lru_cache(maxsize=1024)
def slip_in(pattern: str) -> str:
    """Why no CloudTrail event can match a pattern that means them; an empty text if some can."""
    compiled = _compiled(pattern)
    found = list(combinations(compiled)) if compiled is not None else []
    if not found or not all(one.about and one.reasons for one in found):
        return ""
    return next((str(problem) for problem in found[0].reasons if problem.definite), "")


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Pattern | None:
    try:
        return Pattern(pattern)
    except PatternError:
        return None
