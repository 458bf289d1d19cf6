"""What a rule counts, as the ``threshold`` of a route."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.patterns.cloudtrail import shape_of
from trailforward.sigma.clauses import NotConvertibleError

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.sigma.rule import Counting

#: Limits of ``threshold`` (``trailforward.config.repeats``).
_MOST_EVENTS, _MOST_SECONDS, _MOST_PATHS = 100, 7 * 86_400, 10
#: Seconds of each unit; pySigma also knows weeks, months, and years.
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "M": 2_629_746, "y": 31_556_952}
#: Fields that every record has.
#: Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
_ALWAYS = frozenset({"eventVersion", "eventTime", "eventSource", "eventName", "awsRegion", "eventID"})


class Threshold(NamedTuple):
    """The ``threshold`` of a route.

    Attributes:
        events: how many must happen.
        within: in which time, as the configuration has it.
        per: paths in the envelope.
    """

    events: int
    within: str
    per: tuple[str, ...]

    def table(self) -> dict[str, Any]:
        """The setting of the route."""
        made: dict[str, Any] = {"count": self.events, "within": self.within}
        return made | ({"per": list(self.per)} if self.per else {})

    def __str__(self) -> str:
        each = f" per {' and '.join(self.per)}" if self.per else ""
        return f"{self.events} events within {self.within}{each}"


def threshold(counting: Counting, note: Callable[[str], None]) -> Threshold | None:
    """The threshold of a rule that counts events; None if one event is enough.

    Args:
        counting: what it counts.
        note: takes each way in which the route may differ from the rule.

    Raises:
        NotConvertibleError: a route cannot have the threshold; the text says why.
    """
    number = counting.number
    events = math.floor(number) + 1 if counting.operator == "gt" else math.ceil(number)
    if events < 1:
        raise NotConvertibleError("its condition also holds without events, but a route needs an event")
    if events == 1:
        return None
    if events > _MOST_EVENTS:
        text = f"it asks for {events:,} events, but the threshold of a route counts up to {_MOST_EVENTS}"
        raise NotConvertibleError(text)
    if len(counting.fields) > _MOST_PATHS:
        raise NotConvertibleError(f"it groups by more than {_MOST_PATHS} fields")
    within = _within(counting.timespan)
    note(
        f"the route sends event {events}, {2 * events}, and so on, of those within {within}: each event "
        "counts for one message. In the rule, each event counts as long as it is in the window, and Sigma "
        "does not say how often the rule then matches"
    )
    sometimes = [field for field in counting.fields if field not in _ALWAYS]
    if sometimes:
        note(f"events without {' or '.join(sometimes)} count together; Sigma does not say what they do")
    for field in counting.fields:
        if "." in field and shape_of(f"detail.{field}") not in {"text", "boolean"}:
            note(f"if a part of {field} is a list, the route does not look into it to tell events apart")
    return Threshold(events, within, tuple(f"detail.{field}" for field in counting.fields))


def _within(timespan: str) -> str:
    """A time as the configuration has it."""
    number, unit = int(timespan[:-1]), timespan[-1]
    if number * _UNITS[unit] > _MOST_SECONDS:
        raise NotConvertibleError(f"its time, {timespan}, is longer than seven days, the most of a route")
    if re.fullmatch("[smhd]", unit):
        return f"{number}{unit}"
    return f"{number * 7}d"
