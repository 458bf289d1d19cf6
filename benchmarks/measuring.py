"""Measuring: interleaved rounds without the first one, ratios within rounds, and goals."""

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

#: If a median is so many times its minimum, the machine was busy with something else.
BUSY = 1.3
#: Minimum rounds: one that does not count, and three that count.
_MIN_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Goal:
    """The highest value that a figure may have.

    Attributes:
        target: the maximum.
        stretch: a more ambitious maximum.
        of: the contestant whose figure is 1; empty if the goal is in the unit of the measure.
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
        found: contestant → its figures in seconds or bytes, one per round.
        ones: heading of a ratio column → the contestant that is 1 in it.
        goals: by contestant.
        note: for the reader of the table.
    """

    title: str
    unit: str
    found: Mapping[str, Sequence[float]] = field(default_factory=dict)
    ones: Mapping[str, str] = field(default_factory=dict)
    goals: Mapping[str, Goal] = field(default_factory=dict)
    note: str = ""

    def ratio(self, name: str, one: str) -> float:
        """Median of the ratios within each round, because the load of the machine changes between rounds."""
        return median(mine / base for mine, base in zip(self.found[name], self.found[one], strict=True))

    @property
    def busy(self) -> bool:
        """Whether the machine was busy during the measure."""
        return any(median(some) > BUSY * min(some) > 0 for some in self.found.values())


def interleave(work: Mapping[str, Callable[[], float]], *, seconds: float) -> dict[str, list[float]]:
    """Runs contestants in turn, A B C A B C …, so that the load of the machine affects all of them.

    Args:
        work: contestant → function that runs one round and returns its figure.
        seconds: no round starts after this time. The first round does not count; at least three rounds do.
    """
    found: dict[str, list[float]] = {name: [] for name in work}
    end = time.monotonic() + seconds
    rounds = 0
    while rounds < _MIN_ROUNDS or time.monotonic() < end:
        for name, run in work.items():
            figure = run()
            if rounds:
                found[name].append(figure)
        rounds += 1
    return found


def reliability(measures: Sequence[Measure]) -> str:
    """A sentence that says whether the figures are reliable."""
    if busy := [measure.title for measure in measures if measure.busy]:
        names = "every measure" if len(busy) == len(measures) else "; ".join(busy)
        return f"THE MACHINE WAS BUSY (a median over {BUSY} x its minimum): {names}."
    return f"The machine was quiet (every median within {BUSY} x its minimum)."


def place(*packages: str) -> str:
    """The Python version, packages, and machine of the run."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores; {platform.system()}."
