"""Compares what was sent with what arrived: SHA-256 digests, per event and destination."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from trailforward.errors import EventError
from trailforward.jsontext import on_one_line
from trailforward.message import Message, Origin
from trailforward.outcome import Fate, Outcome, Totals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trailforward.demo.event_source_mapping import Invocation
    from trailforward.demo.events import Event


class Mark(StrEnum):
    """The result for one event at one destination."""

    EQUAL = "equal"
    DIFFERENT = "different"
    MISSING = "missing"
    FILTERED = "filtered"


@dataclass(frozen=True, slots=True)
class Row:
    """One event with its results.

    Attributes:
        event: the event that was sent.
        marks: destination → result.
        filtered: why the event must not arrive, such as ``self``; empty if it must arrive.
        milliseconds: from the source queue to the end of the invocation; None if no invocation received it.
    """

    event: Event
    marks: Mapping[str, Mark]
    filtered: str
    milliseconds: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """The ledger of one sink, summed over all invocations."""

    sink: str
    totals: Totals
    retries: int


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of the demo.

    Attributes:
        rows: one row per event, in the order of sending.
        lines: one line per sink.
        breaks: what is wrong with the ledger, in words.
        extra: destination → number of bodies that were never sent, or arrived more than once.
        invocations: number of invocations of the handler.
    """

    rows: Sequence[Row]
    lines: Sequence[Line]
    breaks: Sequence[str]
    extra: Mapping[str, int] = field(default_factory=dict)
    invocations: int = 0

    @property
    def expected(self) -> int:
        """Expected number of deliveries: events times destinations, without filtered events."""
        return sum(mark is not Mark.FILTERED for row in self.rows for mark in row.marks.values())

    @property
    def equal(self) -> int:
        """Number of deliveries with the digest of the event that was sent."""
        return sum(mark is Mark.EQUAL for row in self.rows for mark in row.marks.values())

    @property
    def holds(self) -> bool:
        """Whether every event arrived at every destination, once and unchanged, and the ledger agrees."""
        delivered = sum(line.totals.delivered for line in self.lines)
        return (
            self.equal == self.expected == delivered > 0
            and not self.breaks
            and not any(self.extra.values())
            and all(line.totals.balanced for line in self.lines)
        )


def compare(
    sent: Mapping[str, tuple[Event, float]],
    arrived: Mapping[str, Sequence[bytes]],
    invocations: Sequence[Invocation],
) -> Proof:
    """Compares sent and arrived events.

    Args:
        sent: digest → the event, and when it was sent to the queue (monotonic seconds).
        arrived: destination → the bodies that arrived there.
        invocations: all invocations of the handler.
    """
    filtered: dict[str, str] = {}
    ended: dict[str, float] = {}
    for invocation in invocations:
        outcome = invocation.outcome
        for index, message in enumerate(outcome.messages):
            key = digest(message.raw)
            ended[key] = invocation.ended
            verdicts = [found[index] for found in outcome.verdicts.values() if index in found]
            if verdicts and all(verdict.fate is Fate.FILTERED for verdict in verdicts):
                filtered[key] = verdicts[0].code
    counts = {name: Counter(map(digest, bodies)) for name, bodies in arrived.items()}
    changed = {
        name: {_id(body) for body in bodies if digest(body) not in sent} for name, bodies in arrived.items()
    }

    def mark(name: str, key: str, event: Event) -> Mark:
        if counts[name][key]:
            return Mark.EQUAL
        if event.id in changed[name]:
            return Mark.DIFFERENT
        return Mark.FILTERED if key in filtered else Mark.MISSING

    rows = [
        Row(
            event,
            {name: mark(name, key, event) for name in arrived},
            filtered.get(key, ""),
            (ended[key] - start) * 1_000 if key in ended else None,
        )
        for key, (event, start) in sent.items()
    ]
    extra = {
        name: sum(count - (key in sent and key not in filtered) for key, count in found.items())
        for name, found in counts.items()
    }
    outcomes = [invocation.outcome for invocation in invocations]
    breaks = [str(found) for outcome in outcomes for found in outcome.breaks]
    return Proof(rows, _lines(outcomes), breaks, extra, len(invocations))


def _lines(outcomes: Sequence[Outcome]) -> list[Line]:
    names = list(dict.fromkeys(name for outcome in outcomes for name in outcome.accounts))
    return [
        Line(
            name,
            sum((outcome.totals(name) for outcome in outcomes), Totals()),
            sum(outcome.accounts[name].retries for outcome in outcomes),
        )
        for name in names
    ]


def digest(body: bytes) -> str:
    """SHA-256 of an event, without the line breaks that destinations which read lines remove."""
    return hashlib.sha256(on_one_line(body)).hexdigest()


def _id(body: bytes) -> str:
    """Returns the ``id`` of the envelope in a changed body; empty if it cannot be read."""
    try:
        return str(Message(body, Origin("demo")).event.get("id", ""))
    except EventError:
        return ""
