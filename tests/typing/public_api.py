"""Pins the types of the public API. mypy checks this file (`make check`); nothing runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

import trailforward
from trailforward import (
    CloudTrailRecord,
    Config,
    EventBridgeEvent,
    Fate,
    Forwarder,
    Message,
    Origin,
    Outcome,
    Pattern,
)
from trailforward.outcome import Totals, Verdict
from trailforward.sinks.base import Entry, Limits, Rejection, Sink
from trailforward.sinks.settings import SinkSettings
from trailforward.testing import Event, FlakySink, as_sqs, assert_forwarded, cloudtrail_event, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def parsing(payload: dict[str, Any]) -> None:
    """Typed events from any payload."""
    events: Iterator[EventBridgeEvent] = trailforward.parse(payload)
    for event in events:
        assert_type(event, EventBridgeEvent)
        assert_type(event.id, str | None)
        assert_type(event.account, str | None)
        assert_type(event.region, str | None)
        assert_type(event.detail_type, str | None)
        assert_type(event.detail, CloudTrailRecord)
        assert_type(event.detail.event_name, str | None)
        assert_type(event.detail.event_id, str | None)
        assert_type(event.detail.is_root, bool)


def configuring() -> None:
    """Every constructor gives a Config, whose sinks are settings by name."""
    assert_type(Config.to("stdout:", format="text", dead_letter="file:dead.ndjson"), Config)
    assert_type(Config.from_toml('[sinks.a]\nto = "stdout:"\n', envelope_mismatch="tag"), Config)
    config = Config.from_env({"TRAILFORWARD_TO": "stdout:"})
    assert_type(config, Config)
    assert_type(config.sinks, dict[str, SinkSettings])
    assert_type(config.sinks["a"].to, str)
    assert_type(config.sinks["a"].limits.max_entries, int | None)


def forwarding(payload: dict[str, Any], sink: Sink) -> None:
    """A forwarder returns what Lambda expects, and the ledger."""
    forwarder = Forwarder(Config.to("stdout:"), made={"stdout": sink})
    assert_type(Forwarder.from_env({}), Forwarder)
    response, outcome = forwarder.process(payload)
    assert_type(response, Any)
    assert_type(outcome, Outcome)
    message = Message(b"{}", Origin("test", "1"))
    assert_type(forwarder.forward([message], seconds=1.0), Outcome)
    assert_type(outcome.totals("stdout"), Totals)
    assert_type(outcome.totals("stdout").balanced, bool)
    assert_type(outcome.verdicts["stdout"][0], Verdict)
    assert_type(outcome.verdicts["stdout"][0].fate, Fate)
    assert_type(outcome.verdicts["stdout"][0].in_retry_queue, bool)
    assert_type(outcome.returned, list[int])
    assert_type(message.raw, bytes)
    assert_type(message.detail, bytes)
    assert_type(message.key, str)


def matching(event: dict[str, Any]) -> None:
    """A pattern says yes or no."""
    pattern = Pattern({"source": ["aws.iam"]})
    assert_type(pattern.matches(event), bool)


class MySink(Sink):
    """A sink of another package needs ``size`` and ``send``."""

    limits = Limits(max_entries=1, max_entry_bytes=1_000, max_batch_bytes=1_000)

    def size(self, entry: Entry) -> int:
        """Bytes."""
        return len(entry.data)

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Refuses everything."""
        return [Rejection(index, "No", "not today", transient=True) for index, _ in enumerate(batch)]


def testing() -> None:
    """The testing kit is typed, too."""
    event = cloudtrail_event("StopLogging")
    assert_type(event, Event)
    assert_type(event.raw, bytes)
    assert_type(event.with_changes({"detail.eventName": "DeleteTrail"}), Event)
    assert_type(as_sqs(event), dict[str, Any])
    sink = FlakySink([None, refuse(0)])
    assert_type(sink.data, list[bytes])
    outcome = Forwarder(Config.to("stdout:"), made={"stdout": sink}).forward([])
    assert_forwarded(outcome, event, to="stdout")
