"""CPU time per event of warm functions: one event per invocation, SQS batches, HTTP."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from itertools import cycle, islice
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import events
from benchmarks.contestants import (
    BLOG_POST,
    FLOOR,
    HTTP_FLOOR,
    MODULE_CLIENT,
    NOTHING,
    OWN_FUNCTION,
    POWERTOOLS,
    TO_HTTP,
    TRAILFORWARD,
)
from benchmarks.measuring import Goal, Measure, interleave

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.contestants import Contestant
    from benchmarks.events import Event
    from benchmarks.function import Function
    from benchmarks.stage import Stage

#: Invocations in a round, by batch size. Each kind of event occurs about equally often.
_INVOCATIONS = {0: events.KINDS, 10: 15, 100: 3, 1_000: 1, 10_000: 1}
#: Invocations of contestants without batches. Fewer suffice, because one event costs them much more.
_SINGLE = 10
#: Share of the time, by batch size. Longer rounds get more.
_SHARES = {10: 0.15, 100: 0.15, 1_000: 0.3, 10_000: 0.4}


class Load(NamedTuple):
    """The work of a contestant in one round.

    Attributes:
        contestant: the contestant.
        size: of a batch; 0 for one event per invocation.
        invocations: number of invocations.
    """

    contestant: Contestant
    size: int
    invocations: int


def load(contestant: Contestant, size: int) -> Load:
    """A round of batches, or of single events if the contestant does not accept batches."""
    if size and contestant.takes == "event":
        return Load(contestant, 0, _SINGLE)
    return Load(contestant, size, _INVOCATIONS[size])


def per_event(stage: Stage, loads: Iterable[Load], seconds: float) -> dict[str, list[float]]:
    """Runs one process of each contestant, all in turn.

    Returns:
        CPU time per event in seconds, by contestant, one per round.

    Raises:
        LostError: see :meth:`Stage.forward`.
        FunctionError: a handler failed.
    """
    with ExitStack() as processes:
        work = {}
        for each in loads:
            function = processes.enter_context(stage.function(each.contestant))
            # Each gets the same events in the same order.
            work[each.contestant.name] = partial(_round, stage, function, each, cycle(events.made()))
        return interleave(work, seconds=seconds)


def _round(stage: Stage, function: Function, each: Load, source: Iterator[Event]) -> float:
    some = list(islice(source, each.invocations * max(1, each.size)))
    return stage.forward(function, each.contestant, some, each.size) / len(some)


def direct(stage: Stage, seconds: float) -> list[Measure]:
    """A rule that invokes the function: one event per invocation."""
    contestants = (BLOG_POST, MODULE_CLIENT, POWERTOOLS, TRAILFORWARD, OWN_FUNCTION, FLOOR, NOTHING)
    found = per_event(stage, [load(each, 0) for each in contestants], seconds)
    return [
        Measure(
            "one event per invocation, to Kinesis",
            "µs",
            found,
            {"blog post": BLOG_POST.name, "floor": FLOOR.name},
            {TRAILFORWARD.name: Goal(0.12, 0.08, BLOG_POST.name, "blog post")},
        )
    ]


def batches(stage: Stage, seconds: float) -> list[Measure]:
    """SQS batches of four sizes."""
    return [_batches(stage, size, seconds * share) for size, share in _SHARES.items()]


def _batches(stage: Stage, size: int, seconds: float) -> Measure:
    contestants = (BLOG_POST, POWERTOOLS, TRAILFORWARD, OWN_FUNCTION, FLOOR, NOTHING)
    found = per_event(stage, [load(each, size) for each in contestants], seconds)
    goal = Goal(1.3, 1.05, FLOOR.name, "floor")
    return Measure(
        f"SQS batch of {size:,}, to Kinesis, per event",
        "µs",
        found,
        {"blog post": BLOG_POST.name, "floor": FLOOR.name},
        {TRAILFORWARD.name: goal} if size == 1_000 else {},  # noqa: PLR2004  # the batch that has one
        "more than the 6 MB of a Lambda payload" if size == 10_000 else "",  # noqa: PLR2004
    )


def http(stage: Stage, seconds: float) -> list[Measure]:
    """SQS batches to an HTTP API."""
    contestants = (BLOG_POST, TO_HTTP, HTTP_FLOOR)
    found = per_event(stage, [load(each, 1_000) for each in contestants], seconds)
    return [
        Measure(
            "SQS batch of 1,000, to an HTTP API, per event",
            "µs",
            found,
            {"blog post": BLOG_POST.name, "floor": HTTP_FLOOR.name},
            {TO_HTTP.name: Goal(1.3, 1.1, HTTP_FLOOR.name, "HTTP floor")},
            "blog post: to Kinesis",
        )
    ]
