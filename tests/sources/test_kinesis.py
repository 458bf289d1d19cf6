"""Kinesis batches: exact bytes, and log events from a subscription."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.entries import ODD
from tests.support.events import envelope
from tests.support.payloads import STREAM, kinesis_record, log_data, record
from tests.test_jsontext import fault
from trailforward.sources import detect


@pytest.mark.parametrize("data", [*ODD, envelope(), b"\xff\x00", b""])
def test_a_message_has_the_bytes_of_the_record(data: bytes) -> None:
    """A message's bytes are the record's data."""
    payload = {"Records": [kinesis_record(data, "7")]}
    (message,) = detect(payload).messages(payload)
    assert message.raw == data
    assert (message.origin.source, message.origin.ref, message.origin.arn) == ("kinesis", "7", STREAM)
    assert message.origin.first_seen == "2026-05-04T09:15:00.123+00:00"


def test_log_events_in_a_stream() -> None:
    """CloudWatch Logs data in a stream is unpacked; each log event keeps its exact bytes."""
    data = log_data(record(1).decode(), envelope(2).decode())
    payload = {"Records": [kinesis_record(data, "7"), kinesis_record(envelope(3), "8")]}
    made = list(detect(payload).messages(payload))
    assert [message.detail for message in made[:1]] == [record(1)]
    assert [message.raw for message in made[1:]] == [envelope(2), envelope(3)]
    assert [message.origin.item for message in made] == ["7", "7", "8"]


BAD: list[tuple[Any, str]] = [
    (None, "bad_base64"),
    ({}, "bad_base64"),
    ({"kinesis": 3}, "bad_base64"),
    ({"kinesis": {"data": "%", "sequenceNumber": 3, "approximateArrivalTimestamp": "soon"}}, "bad_base64"),
    ({"kinesis": {"data": "é"}}, "bad_base64"),
    ({"kinesis": {"data": "e30="}}, "unknown_shape"),
    (kinesis_record(b"\x1f\x8b", "2"), "bad_gzip"),
    (kinesis_record(b"\x1f\x8bx" * 9, "2"), "bad_gzip"),
    (kinesis_record(log_data("x")[:-4], "2"), "bad_gzip"),
]


@pytest.mark.parametrize(("bad", "code"), BAD, ids=range(len(BAD)))
def test_a_bad_record_does_not_hide_the_others(bad: Any, code: str) -> None:
    """A bad record becomes a message with an error code; the records around it stay unchanged."""
    payload = {"Records": [kinesis_record(envelope(1), "1"), bad, kinesis_record(envelope(3), "3")]}
    first, odd, last = detect(payload).messages(payload)
    assert (first.raw, last.raw) == (envelope(1), envelope(3))
    error = fault(lambda: odd.event)
    assert error is not None
    assert error.code == code
