"""Fan-out: the cost of each further destination, compared with the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.contestants import BLOG_POST, EVERYTHING, OURS, Contestant, arn
from benchmarks.measures.warm import load, per_event
from benchmarks.measuring import Goal, Measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.stage import Stage

_FIRST = "sending to one sink (1 - 0)"


def run(stage: Stage, seconds: float) -> list[Measure]:
    """Zero, one, two, and four streams; each stream gets every event."""
    none, one, two, four = (contestant(count) for count in (0, 1, 2, 4))
    found = per_event(stage, [load(each, 1_000) for each in (BLOG_POST, none, one, two, four)], seconds)
    found[_FIRST] = _more(found[one.name], found[none.name], 1)
    goal = Goal(1.1, None, _FIRST, "sending to one")
    goals = {}
    for many, count in ((two, 1), (four, 3)):
        name = f"trailforward, each further of {count + 1}"
        found[name] = _more(found[many.name], found[one.name], count)
        goals[name] = goal
    return [
        Measure(
            "fan-out, SQS batch of 1,000, to Kinesis, per event",
            "µs",
            found,
            {"blog post": BLOG_POST.name},
            goals,
        )
    ]


def contestant(count: int) -> Contestant:
    """A contestant with so many streams; with none, its only route matches no event."""
    streams = tuple(f"benchmark-{number}" for number in range(1, count + 1))
    named = streams or ("benchmark-0",)
    config = "".join(f'[sinks.{stream}]\nto = "{arn(stream)}"\n' for stream in named)
    source = "aws." if count else "nobody."
    config += f'[[routes]]\nname = "all"\nsinks = {list(named)}\n'
    config += f'pattern = {{ source = [{{ prefix = "{source}" }}] }}\n'
    name = f"trailforward, {count} sink{'' if count == 1 else 's'}" if count else "trailforward, all filtered"
    return Contestant(name, OURS, {"TRAILFORWARD_CONFIG": config, **EVERYTHING}, streams)


def _more(many: Sequence[float], few: Sequence[float], sinks: int) -> list[float]:
    """The cost of each further sink, by round."""
    return [(one - other) / sinks for one, other in zip(many, few, strict=True)]
