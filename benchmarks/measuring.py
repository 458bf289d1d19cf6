"""How every measure is taken: interleaved, first round dropped, CPU time first, ratios of one run."""

from __future__ import annotations

import gc
import os
import platform
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: A median so far above the minimum means that the machine had other things to do.
BUSY = 1.3


@dataclass(slots=True)
class Series:
    """One contestant's rounds.

    Attributes:
        name: of the contestant.
        events: how many a round holds.
        cpu: seconds of CPU per event, all threads of this process, one per round.
        wall: seconds per event.
    """

    name: str
    events: int
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    @property
    def busy(self) -> bool:
        """Whether the machine disturbed it."""
        return median(self.cpu) > BUSY * min(self.cpu)


def interleave(work: Mapping[str, tuple[int, Callable[[], object]]], *, seconds: float) -> dict[str, Series]:
    """Runs contestants in turn, A B C A B C …, so that the machine's mood meets all alike.

    Args:
        work: by name, the number of events and what forwards them.
        seconds: begin no further round after this long. The first round is not counted, two always are.
    """
    found = {name: Series(name, events) for name, (events, _) in work.items()}
    end = time.perf_counter() + seconds
    rounds = 0
    while rounds < 3 or time.perf_counter() < end:  # noqa: PLR2004
        for name, (events, run) in work.items():
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            if rounds:
                found[name].cpu.append(cpu / events)
                found[name].wall.append(wall / events)
        rounds += 1
    return found


def table(found: Mapping[str, Series], ones: Mapping[str, str]) -> str:
    """One line per contestant: its CPU time per event, and that as a multiple of each baseline's.

    Args:
        found: the series.
        ones: heading of a ratio column → name of the contestant that is 1 in it.
    """
    width = max(map(len, found))
    lines = [
        f"{'':{width}} {'events':>7} {'CPU µs':>8} {'':>8} {'events per':>10}"
        + "".join(f"  {heading:>10}" for heading in ones),
        f"{'contestant':{width}} {'a round':>7} {'median':>8} {'minimum':>8} {'CPU second':>10}"
        + f"  {'= 1':>10}" * len(ones),
    ]
    for name, series in found.items():
        middle = median(series.cpu)
        ratios = (_ratio(series, found[one]) for one in ones.values())
        lines.append(
            f"{name:{width}} {series.events:7,} {middle * 1e6:8,.1f} {min(series.cpu) * 1e6:8,.1f} "
            f"{1 / middle:10,.0f}" + "".join(f"  {ratio:>10.3g}" for ratio in ratios)
        )
    return "\n".join(lines)


def _ratio(series: Series, one: Series) -> float:
    """Median of the ratios within each round: neighbours in time met the same mood of the machine."""
    return median(mine / base for mine, base in zip(series.cpu, one.cpu, strict=True))


def mood(found: Mapping[str, Series]) -> str:
    """Whether the figures can be trusted."""
    rounds = len(next(iter(found.values())).cpu)
    if busy := [series.name for series in found.values() if series.busy]:
        names = "every contestant" if len(busy) == len(found) else "; ".join(busy)
        return f"{rounds} rounds. THE MACHINE WAS BUSY (median over {BUSY} x minimum): {names}."
    return f"{rounds} rounds; the machine was quiet (every median within {BUSY} x its minimum)."


def place(*packages: str) -> str:
    """Where and with what this ran."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores; {platform.system()}."
