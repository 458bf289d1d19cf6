"""How much of the long tests runs: a part in ``make test``, everything in ``make trials``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

#: Whether everything runs.
DEEP = "TRAILFORWARD_DEEP" in os.environ


def part(items: Iterable[T], every: int) -> list[T]:
    """Every so-many-th of some items, beginning with the first; all of them in a deep run."""
    return list(items)[:: 1 if DEEP else every]


def examples(deep: int) -> int:
    """How many examples Hypothesis makes: this number in a deep run, otherwise a fifth of it."""
    return deep if DEEP else max(deep // 5, 10)
