"""Three answers: True, False, and None for "nobody can say" (Kleene's logic)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Answer = bool | None


def every(answers: Iterable[Answer]) -> Answer:
    """False if any is False, else None if any is None, else True."""
    result: Answer = True
    for answer in answers:
        if answer is False:
            return False
        if answer is None:
            result = None
    return result


def some(answers: Iterable[Answer]) -> Answer:
    """True if any is True, else None if any is None, else False."""
    return negate(every(map(negate, answers)))


def negate(answer: Answer) -> Answer:
    """The opposite; nobody can say stays."""
    return None if answer is None else not answer
