"""Peak memory of a new process: after one event, after a full payload, after a batch of 10,000."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import events
from benchmarks.contestants import BLOG_POST, FLOOR, NOTHING, POWERTOOLS, TRAILFORWARD
from benchmarks.measuring import Goal, Measure, interleave

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.contestants import Contestant
    from benchmarks.stage import Stage

_CONTESTANTS = (BLOG_POST, POWERTOOLS, TRAILFORWARD, FLOOR, NOTHING)
_BATCH_MEGABYTES = 200


def run(stage: Stage, seconds: float) -> list[Measure]:
    """Three payloads, each in a new process. The blog post's handler always gets one event."""
    every = events.made()
    full = events.largest_batch(every)
    goal = Goal(1.0, 0.7, BLOG_POST.name, "blog post")
    return [
        _measure(stage, "peak memory, one event", every[:1], seconds * 0.3, goal),
        _measure(stage, f"peak memory, a full payload of 6 MB ({len(full):,} events)", full, seconds * 0.3),
        _measure(
            stage, f"peak memory, batch of {len(every):,}", every, seconds * 0.4, Goal(_BATCH_MEGABYTES)
        ),
    ]


def _measure(
    stage: Stage, title: str, some: list[events.Event], seconds: float, goal: Goal | None = None
) -> Measure:
    found = peaks(stage, _CONTESTANTS, some, seconds)
    ones = {"blog post": BLOG_POST.name, "floor": FLOOR.name}
    note = "" if len(some) == 1 else "blog post: one event"
    return Measure(title, "MB", found, ones, {} if goal is None else {TRAILFORWARD.name: goal}, note)


def peaks(
    stage: Stage, contestants: Iterable[Contestant], some: list[events.Event], seconds: float
) -> dict[str, list[float]]:
    """Bytes, by contestant, one per round, of a new process that gets these events at once.

    Raises:
        LostError: an event did not arrive.
        FunctionError: a handler failed.
    """

    def started(contestant: Contestant) -> Callable[[], float]:
        return lambda: _peak(stage, contestant, some)

    return interleave({each.name: started(each) for each in contestants}, seconds=seconds)


def _peak(stage: Stage, contestant: Contestant, some: list[events.Event]) -> float:
    batch = contestant.takes == "batch" and len(some) > 1
    given, size = (some, len(some)) if batch else (some[:1], 0)
    with stage.function(contestant) as function:
        stage.forward(function, contestant, given, size)
        return float(function.peak_memory())
