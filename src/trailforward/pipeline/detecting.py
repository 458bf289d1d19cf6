"""Routing and intake for configurations with detections, drop rules, minimum severities, or route metrics.

Other configurations do not import this module, and pay nothing for it.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.matched import SEVERITIES, Matched
from trailforward.outcome import Fate, Verdict
from trailforward.pipeline.intake import EntryBuilder, Intake
from trailforward.pipeline.routing import CACHED, Router
from trailforward.pipeline.sender import PendingEntry
from trailforward.sinks.base import DETECTION, REPEATS, SEVERITY

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from trailforward.message import Message
    from trailforward.outcome import Outcome
    from trailforward.pipeline.intake import Decisions
    from trailforward.pipeline.routing import Route
    from trailforward.pipeline.sender import Failure

#: SNS discards a raw message with more attributes.
#: https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
_MOST_ATTRIBUTES = 10
#: Most detections that an attribute names; the most severe come first.
_MOST_NAMES = 10


class Delivery(NamedTuple):
    """What one sink gets of an event.

    Attributes:
        form: name of the format.
        matched: the detections that name the sink, most severe first.
        attributes: the attributes of the entry that say so.
        routes: names of the routes because of which the sink gets the event.
    """

    form: str
    matched: tuple[Matched, ...]
    attributes: Mapping[str, str]
    routes: tuple[str, ...]


class Plan(NamedTuple):
    """What happens to the events that match the same routes.

    Attributes:
        sinks: sink → what it gets, or why it gets nothing; no route names the other sinks.
        routes: names of the routes that the event matches, in order.
        dropped: sink → name of the route that keeps the event from it.
    """

    sinks: Mapping[str, Delivery | Verdict]
    routes: tuple[str, ...]
    dropped: Mapping[str, str]


NO_PLAN = Plan({}, (), {})


class DetectingRouter(Router):
    """A router that also says what matched, and why a sink gets nothing.

    Args:
        routes: in order of configuration.
        minimums: every sink → its minimum severity; empty if it has none.

    Attributes:
        latest: the plan of the event that was routed last.
    """

    def __init__(self, routes: Iterable[Route], minimums: Mapping[str, str]) -> None:
        super().__init__(routes)
        self.latest = NO_PLAN
        self._minimums = minimums
        self._plans: dict[tuple[tuple[int, ...], tuple[int, ...]], Plan] = {}

    def routes(self, event: dict[str, Any]) -> list[Route]:
        """The routes that the event matches, in order, up to one that stops.

        Default routes count if every other route that matches only keeps the event from some sinks.
        """
        return self._routes(*self._numbers(event))

    def sinks(self, event: dict[str, Any]) -> Mapping[str, Any]:
        """Sink → what it gets, or why it gets nothing; no route names the other sinks."""
        numbers = self._numbers(event)
        plan = self._plans.get(numbers)
        if plan is None:
            plan = self._plan(self._routes(*numbers))
            if len(self._plans) < CACHED:
                self._plans[numbers] = plan
        self.latest = plan
        return plan.sinks

    def _numbers(self, event: dict[str, Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        first = self._first.numbers(event)
        taken = any(not route.drop or route.stop for route in map(self._first.all.__getitem__, first))
        return first, () if taken else self._default.numbers(event)

    def _routes(self, first: Sequence[int], default: Sequence[int]) -> list[Route]:
        return self._first.upto_stop(first) + self._default.upto_stop(default)

    def _plan(self, routes: Sequence[Route]) -> Plan:
        naming: dict[str, list[Route]] = {}
        dropped: dict[str, Route] = {}
        for route in routes:
            for sink in route.sinks or self._minimums:
                if route.drop:
                    dropped.setdefault(sink, route)
                elif sink not in dropped:
                    naming.setdefault(sink, []).append(route)
        sinks: dict[str, Delivery | Verdict] = {}
        kept: dict[str, str] = {}
        for sink, minimum in self._minimums.items():
            named = naming.get(sink, [])
            causes = [route.name for route in named if not minimum or _rank(route) >= _RANKS[minimum]]
            if causes:
                sinks[sink] = _delivery(sink, named, causes)
            elif sink in dropped:
                kept[sink] = dropped[sink].name
                reason = f"route {kept[sink]} drops the event"
                sinks[sink] = Verdict(Fate.FILTERED, "dropped", reason)
            elif named:
                reason = f"no detection that matches has at least the severity {minimum}"
                sinks[sink] = Verdict(Fate.FILTERED, "below_severity", reason)
        return Plan(sinks, tuple(route.name for route in routes), kept)


_RANKS = {name: rank for rank, name in enumerate(SEVERITIES, 1)}


def _rank(route: Route) -> int:
    return 0 if route.matched is None else _RANKS.get(route.matched.severity, 0)


def _delivery(sink: str, routes: Sequence[Route], causes: Iterable[str]) -> Delivery:
    found = [route for route in routes if route.matched is not None]
    found.sort(key=_rank, reverse=True)  # stable: equal ones stay in order
    matched = tuple(route.matched for route in found if route.matched is not None)
    attributes: dict[str, str] = {}
    if matched:
        if matched[0].severity:
            attributes[SEVERITY] = matched[0].severity
        names = json.dumps([one.name for one in matched[:_MOST_NAMES]])
        if repeats := " ".join(one.repeats for one in matched[:_MOST_NAMES] if one.repeats):
            attributes[REPEATS] = repeats
        attributes[DETECTION] = names.replace("\x7f", "\\u007f")  # printable ASCII, as HTTP headers must be
    return Delivery(routes[0].formats.get(sink, "raw"), matched, MappingProxyType(attributes), tuple(causes))


class DetectingBuilder(EntryBuilder):
    """Builds entries that say which detections matched."""

    def __init__(self, *collaborators: Any) -> None:
        super().__init__(*collaborators)
        if (redaction := self._redaction) is not None:
            self._redaction = _keeping_detections(redaction)

    def build(
        self, wanted: Any, index: int, message: Message, differs: str
    ) -> PendingEntry | Failure | Verdict:
        """The entry for a message, or why there is none.

        Args:
            wanted: a :class:`Delivery`, or the verdict or failure.
            index: of the message.
            message: an event.
            differs: the field by which its envelope contradicts its record, or empty.
        """
        if type(wanted) is not Delivery:
            return wanted  # type: ignore[no-any-return]
        message.matched = wanted.matched
        entry = super().build(wanted.form, index, message, differs)
        if type(entry) is not PendingEntry or not wanted.attributes:
            return entry
        entry.attributes = {**entry.attributes, **wanted.attributes}
        if self._uses_fields:
            entry.fields = {**entry.fields, **wanted.attributes}
            for name in (REPEATS, DETECTION):
                if len(entry.fields) > _MOST_ATTRIBUTES:
                    entry.fields.pop(name, None)
        entry.size = self._size(entry)
        return self._too_large(entry.size) if entry.size > self._most else entry


def _keeping_detections(redaction: Callable[[Message], Message]) -> Callable[[Message], Message]:
    def redacted(message: Message) -> Message:
        changed = redaction(message)
        changed.matched = message.matched
        return changed

    return redacted


class MeteredIntake(Intake):
    """An intake that also remembers the plan of each message, for the metrics of routes."""

    _router: DetectingRouter

    def _decide_one(self, message: Message, index: int, owed: Sequence[str], decisions: Decisions) -> None:
        self._router.latest = NO_PLAN
        super()._decide_one(message, index, owed, decisions)
        if (plan := self._router.latest) is not NO_PLAN:
            decisions.plans.append((index, plan))


def count_routes(outcome: Outcome, plans: Iterable[tuple[int, Plan]]) -> None:
    """Counts in the ledger what happened because of each route.

    ``matched`` counts events, ``alerted`` those that at least one sink got because of the route, and
    ``dropped`` those that the route kept from at least one sink. An event that comes back for some of its
    sinks matched before, so only ``alerted`` counts it again.
    """
    counts: Counter[tuple[str, str]] = outcome.routes
    for index, plan in plans:
        if outcome.messages[index].origin.owed is None:
            counts.update((name, "matched") for name in plan.routes)
            counts.update((name, "dropped") for name in set(plan.dropped.values()))
        alerted = {
            route
            for sink, verdicts in outcome.verdicts.items()
            if (verdict := verdicts.get(index)) is not None
            and verdict.fate is Fate.DELIVERED
            and isinstance(delivery := plan.sinks.get(sink), Delivery)
            for route in delivery.routes
        }
        counts.update((name, "alerted") for name in alerted)
