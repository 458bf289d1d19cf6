"""How every measure is taken: interleaved, first round dropped, ratios within rounds, goals."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: A median so far above the minimum means that the machine had other things to do.
BUSY = 1.3
#: Rounds that are always taken: one to drop, three to count.
_LEAST_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should be at most.

    Attributes:
        target: the most.
        stretch: better still.
        of: the contestant whose figure is 1; empty if the goal is in the measure's own unit.
        words: what ``of`` is called in the table.
    """

    target: float
    stretch: float | None = None
    of: str = ""
    words: str = ""


@dataclass(slots=True)
class Measure:
    """One measure of several contestants in one run.

    Attributes:
        title: what was measured.
        unit: of the figures: ``µs`` and ``ms`` of CPU, ``MB``.
        found: contestant → its figures, one per round, in seconds or bytes.
        ones: heading of a ratio column → the contestant that is 1 in it.
        goals: by contestant.
        note: what a reader must know.
    """

    title: str
    unit: str
    found: Mapping[str, Sequence[float]] = field(default_factory=dict)
    ones: Mapping[str, str] = field(default_factory=dict)
    goals: Mapping[str, Goal] = field(default_factory=dict)
    note: str = ""

    def ratio(self, name: str, one: str) -> float:
        """Median of the ratios within each round: neighbours in time met the same mood of the machine."""
        return median(mine / base for mine, base in zip(self.found[name], self.found[one], strict=True))

    @property
    def busy(self) -> bool:
        """Whether the machine disturbed it."""
        return any(median(some) > BUSY * min(some) > 0 for some in self.found.values())


def interleave(work: Mapping[str, Callable[[], float]], *, seconds: float) -> dict[str, list[float]]:
    """Runs contestants in turn, A B C A B C …, so that the machine's mood meets all alike.

    Args:
        work: by contestant, what runs one round and returns its figure.
        seconds: begin no further round after this long. The first round is not counted, three always are.
    """
    found: dict[str, list[float]] = {name: [] for name in work}
    end = time.monotonic() + seconds
    rounds = 0
    while rounds < _LEAST_ROUNDS or time.monotonic() < end:
        for name, run in work.items():
            figure = run()
            if rounds:
                found[name].append(figure)
        rounds += 1
    return found


def mood(measures: Sequence[Measure]) -> str:
    """Whether the figures can be trusted."""
    if busy := [measure.title for measure in measures if measure.busy]:
        names = "every measure" if len(busy) == len(measures) else "; ".join(busy)
        return f"THE MACHINE WAS BUSY (a median over {BUSY} x its minimum): {names}."
    return f"The machine was quiet (every median within {BUSY} x its minimum)."


def place(*packages: str) -> str:
    """Where and with what this ran."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores; {platform.system()}."
