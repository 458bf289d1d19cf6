"""Cold start: CPU time of a new process until its first response."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import events
from benchmarks.contestants import (
    BLOG_POST,
    EVERYTHING,
    FLOOR,
    HTTP_FLOOR,
    MODULE_CLIENT,
    NOTHING,
    OURS,
    OWN_FUNCTION,
    POWERTOOLS,
    STREAM,
    TO_HTTP,
    TRAILFORWARD,
    Contestant,
    arn,
)
from benchmarks.measuring import Goal, Measure, interleave

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.stage import Stage

_ROUTES = f"""
[sinks.archive]
to = "{arn(STREAM)}"

[[routes]]
name = "everything"
sinks = ["archive"]

[[routes]]
name = "changes"
sinks = ["archive"]
pattern = {{ "detail-type" = [{{ suffix = " via CloudTrail" }}], detail = {{ readOnly = [false] }} }}

[[routes]]
name = "root"
use = "root-sign-in"
sinks = ["archive"]
"""
THREE_ROUTES = Contestant(
    "trailforward, TOML with three routes", OURS, {"TRAILFORWARD_CONFIG": _ROUTES, **EVERYTHING}
)
#: The detection matches no event of the benchmark, so a fourth route is held back.
_ONCE = f"""
state = "arn:aws:dynamodb:us-east-1:111122223333:table/state"
{_ROUTES}
[[routes]]
name = "alerts"
sinks = ["archive"]
once = {{ per = ["detail.userIdentity.arn"], within = "1h" }}
"""
ONCE = Contestant("trailforward, the same with once", OURS, {"TRAILFORWARD_CONFIG": _ONCE, **EVERYTHING})


def run(stage: Stage, seconds: float) -> list[Measure]:
    """All contestants, with a new process each time."""
    contestants = (
        BLOG_POST,
        MODULE_CLIENT,
        POWERTOOLS,
        TRAILFORWARD,
        OWN_FUNCTION,
        THREE_ROUTES,
        ONCE,
        TO_HTTP,
        FLOOR,
        HTTP_FLOOR,
        NOTHING,
    )
    found = starts(stage, contestants, seconds)
    return [
        Measure(
            "cold start: a new process to its first response",
            "ms",
            found,
            {"blog post": BLOG_POST.name, "floor": FLOOR.name},
            {
                TRAILFORWARD.name: Goal(0.6, 0.35, BLOG_POST.name, "blog post"),
                ONCE.name: Goal(1.25, None, THREE_ROUTES.name, "three routes"),
            },
        )
    ]


def starts(stage: Stage, contestants: Iterable[Contestant], seconds: float) -> dict[str, list[float]]:
    """CPU time in seconds, by contestant, one per round. The first round writes bytecode and does not count.

    Raises:
        LostError: an event did not arrive.
        FunctionError: a handler failed.
    """
    return interleave({each.name: partial(_start, stage, each) for each in contestants}, seconds=seconds)


def _start(stage: Stage, contestant: Contestant) -> float:
    with stage.function(contestant) as function:
        stage.forward(function, contestant, events.made()[:1], 0)
        return function.cpu()
