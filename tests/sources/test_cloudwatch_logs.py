"""CloudWatch Logs subscriptions: each log event keeps its bytes, and gets an envelope if it has none."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.events import envelope
from tests.support.payloads import log_data, logs, record
from tests.test_jsontext import fault
from trailforward import Pattern, parse
from trailforward.errors import EventError, NothingToForwardError
from trailforward.sources import _log_events, detect

if TYPE_CHECKING:
    from trailforward import Message


def messages(payload: Any) -> list[Message]:
    """The messages of a payload."""
    return list(detect(payload).messages(payload))


def code(message: Message) -> str:
    """The error code of a message; empty if it is an event."""
    error = fault(lambda: message.event)
    return error.code if error else ""


def test_a_record_gets_its_envelope() -> None:
    """A record gets the envelope that EventBridge would have made, with its origin, and keeps its bytes."""
    (message,) = messages(logs(log_data(record(4).decode())))
    expected = json.loads(envelope(4))
    seen = json.loads(message.raw)
    added = seen.pop("trailforward")
    assert list(seen) == list(expected)
    assert {**seen, "id": ""} == {**expected, "id": ""}
    assert added == {"origin": "logs:trail:111122223333_CloudTrail_eu-west-1#e0"}
    assert message.detail == record(4)
    assert message.raw.endswith(b'"detail":' + record(4) + b"}")
    assert message.event == json.loads(message.raw)
    assert message.origin.first_seen == "2026-05-04T09:15:00.123+00:00"
    assert Pattern('{"trailforward":{"origin":[{"prefix":"logs:"}]}}').matches(message.event)


def test_an_envelope_stays_as_it_is() -> None:
    """If a rule writes to the log group, the text of the log event is the event."""
    assert [message.raw for message in messages(logs(log_data(envelope().decode())))] == [envelope()]


@pytest.mark.parametrize(
    "text", ['{"awsRegion":"x","eventID":"\\ud800"}', '{"awsRegion":"\u2028","eventType":1}']
)
def test_odd_records_keep_their_bytes(text: str) -> None:
    """Bytes that would not survive parsing and encoding are kept."""
    (message,) = messages(logs(log_data(text)))
    assert message.detail == text.encode()


def test_control_messages_are_skipped() -> None:
    """The message that tests a subscription is neither an event nor an error."""
    (message,) = messages(logs(log_data("CWL CONTROL MESSAGE", kind="CONTROL_MESSAGE")))
    with pytest.raises(NothingToForwardError):
        _ = message.event
    assert list(parse(logs(log_data("x", kind="CONTROL_MESSAGE")))) == []


def inner(value: Any) -> dict[str, Any]:
    """Subscription data with any JSON value in it."""
    return logs(gzip.compress(json.dumps(value).encode()))


BAD: list[tuple[Any, str]] = [
    ({"awslogs": {"data": 3}}, "bad_base64"),
    ({"awslogs": {"data": "%"}}, "bad_base64"),
    (logs(b""), "empty"),
    (logs(b"no json"), "not_json"),
    (logs(b"\xff\xff"), "not_utf8"),
    (logs(gzip.compress(b'{"logEvents":[]}')[:-9]), "bad_gzip"),
    (inner([]), "not_json"),
    (inner({}), "bad_log_data"),
    (inner({"messageType": "DATA_MESSAGE", "logEvents": []}), "no_log_events"),
    (inner({"logEvents": [3]}), "bad_log_event"),
    (inner({"logEvents": [{"message": {}}]}), "bad_log_event"),
    (inner({"logEvents": [{"message": "START RequestId: 1", "id": 3, "timestamp": {}}]}), "not_json"),
    (inner({"logEvents": [{"message": "{}", "timestamp": 1e300}]}), "unknown_shape"),
    (inner({"logEvents": [{"message": "5", "timestamp": "x"}]}), "not_an_object"),
]


@pytest.mark.parametrize(("payload", "expected"), BAD, ids=range(len(BAD)))
def test_invalid_data(payload: Any, expected: str) -> None:
    """Invalid data becomes one message whose error code says what is wrong."""
    (message,) = messages(payload)
    assert code(message) == expected


def test_a_bad_log_event_does_not_hide_the_others() -> None:
    """Log events before and after an invalid one stay unchanged."""
    made = messages(logs(log_data(record(1).decode(), "x", 3, record(2).decode())))
    assert [code(message) for message in made] == ["", "not_json", "bad_log_event", ""]
    assert [made[0].detail, made[3].detail] == [record(1), record(2)]


def test_too_much_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data that would fill the memory when decompressed is rejected."""
    monkeypatch.setattr(_log_events, "MAX_LOG_DATA_BYTES", 1_000_000)
    (message,) = messages(logs(gzip.compress(b'{"logEvents":[' + b" " * 2_000_000)))
    assert code(message) == "too_large"


def test_parse() -> None:
    """``parse`` yields the typed events of subscription data."""
    (event,) = parse(logs(log_data(record(7).decode())))
    assert (event.source, event.detail.event_name) == ("aws.ec2", "StopInstances")
    with pytest.raises(EventError):
        list(parse({"awslogs": {"data": base64.b64encode(b"x").decode()}}))


def test_a_log_event_without_an_id_is_forwarded() -> None:
    """An ID is not required; the origin then has the position of the log event."""
    data = json.loads(gzip.decompress(log_data(record(4).decode())))
    del data["logEvents"][0]["id"]
    (message,) = messages(logs(gzip.compress(json.dumps(data).encode())))
    assert message.detail == record(4)
    added = json.loads(message.raw)["trailforward"]
    assert added == {"origin": "logs:trail:111122223333_CloudTrail_eu-west-1#0"}


def test_data_without_log_events_says_so() -> None:
    """An empty list of log events is valid data without events."""
    (message,) = messages(logs(log_data()))
    assert code(message) == "no_log_events"
