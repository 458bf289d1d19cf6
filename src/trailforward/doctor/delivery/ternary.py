"""Three-valued logic (Kleene's): True, False, and None for "unknown"."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Ternary = bool | None


def every(values: Iterable[Ternary]) -> Ternary:
    """False if any value is False, else None if any is None, else True."""
    result: Ternary = True
    for value in values:
        if value is False:
            return False
        if value is None:
            result = None
    return result


def some(values: Iterable[Ternary]) -> Ternary:
    """True if any value is True, else None if any is None, else False."""
    return negate(every(map(negate, values)))


def negate(value: Ternary) -> Ternary:
    """The opposite; None stays None."""
    return None if value is None else not value
