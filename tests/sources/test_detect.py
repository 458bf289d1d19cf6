"""The source is detected from the shape of the payload, and ``parse`` reads every shape."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.events import envelope, sqs, sqs_record
from tests.test_jsontext import fault
from trailforward import EventError, PayloadError, parse
from trailforward.models import ConsoleSignIn
from trailforward.outcome import Fate, Outcome, Verdict
from trailforward.sources import detect
from trailforward.sources.base import ObjectReader
from trailforward.testing import samples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.aws.objects import S3Object

EVENT = json.loads(envelope())
RECORD = EVENT["detail"]

SHAPES = [
    ("eventbridge", EVENT),
    ("sqs", sqs(sqs_record(envelope(), "m"))),
    ("sqs", {"Records": []}),
    ("direct", RECORD),
    ("direct", {"Records": [RECORD]}),
    ("unknown", {"Records": [], "x": 1}),
    ("unknown", {"Records": 3}),
    ("unknown", {"Records": [3]}),
    ("unknown", {"Records": [{"eventSource": "aws:dynamodb"}]}),
    ("kinesis", {"Records": [{"eventSource": "aws:kinesis"}]}),
    ("s3", {"Records": [{"eventSource": "aws:s3"}]}),
    ("s3", {"s3Bucket": "b", "s3ObjectKey": ["k"]}),
    ("s3", {"Service": "Amazon S3", "Event": "s3:TestEvent"}),
    ("sns", {"Records": [{"EventSource": "aws:sns"}]}),
    ("sns", {"Type": "Notification", "TopicArn": "t", "Message": "m"}),
    ("firehose", {"deliveryStreamArn": "a", "records": []}),
    ("cloudwatch_logs", {"awslogs": {"data": ""}}),
    ("unknown", {"awslogs": {}}),
    ("unknown", {"detail-type": "x"}),
    ("unknown", {"detail": {}}),
    ("unknown", {}),
    ("direct", [EVENT]),
    ("unknown", "text"),
    ("unknown", None),
]


@pytest.mark.parametrize(("name", "payload"), SHAPES)
def test_shapes(name: str, payload: Any) -> None:
    """Each payload is recognized by one source."""
    assert detect(payload).name == name


def nothing_there(s3_object: S3Object) -> Iterator[bytes]:
    """S3 without any object."""
    yield from ()
    raise EventError("NoSuchKey", "no such key")


NOTHING_THERE = ObjectReader(nothing_there)

MEMBERS = [
    *("Records", "detail", "detail-type", "eventSource", "EventSource", "body", "messageId", "attributes"),
    *("messageAttributes", "awsRegion", "eventVersion", "stringValue", "SentTimestamp", "MessageGroupId"),
    *("eventSourceARN", "Event", "Sns", "Message", "TopicArn", "Type", "kinesis", "data", "sequenceNumber"),
    *("awslogs", "records", "deliveryStreamArn", "recordId", "s3", "bucket", "object", "key", "name"),
    *("s3Bucket", "s3ObjectKey"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(MEMBERS),
            inner | st.sampled_from(["aws:sqs", "aws:sns", "aws:kinesis", "aws:s3", "Notification", "e30="]),
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_payload_becomes_messages(payload: Any) -> None:
    """No payload crashes a source, and every message has an event or an error code."""
    for message in detect(payload).messages(payload, NOTHING_THERE):
        assert isinstance(message.raw, bytes)
        error = fault(lambda message=message: message.event)  # type: ignore[misc]
        assert error is None or error.code


@given(JSON | st.text() | st.binary())
def test_any_payload_parses_or_says_why(payload: Any) -> None:
    """``parse`` yields events or raises ``EventError``, whatever the payload."""
    error = fault(lambda: list(parse(payload, fetch=nothing_there)))
    assert error is None or (error.code and str(error))


FORMS: list[Any] = [
    EVENT,
    envelope(),
    envelope().decode(),
    bytearray(envelope()),
    memoryview(envelope()),
    sqs(sqs_record(envelope(), "m")),
    json.dumps(sqs(sqs_record(envelope(), "m"))),
    RECORD,
    json.dumps(RECORD).encode(),
    {"Records": [RECORD]},
    json.dumps({"Records": [RECORD]}, indent=2),
    [EVENT],
    json.dumps([RECORD]),
    [envelope()],
    [envelope().decode()],
]


@pytest.mark.parametrize("payload", FORMS, ids=range(len(FORMS)))
def test_parse_unwraps_everything(payload: Any) -> None:
    """Every payload with this event yields the same event, as dict, text, or bytes, however it is wrapped."""
    (event,) = parse(payload)
    assert (event.source, event.region, event.account) == ("aws.ec2", "eu-west-1", "111122223333")
    assert event.detail.event_name == "StopInstances"
    assert event.detail.actor == "rosa"


def test_parse_keeps_the_order() -> None:
    """Events keep their order, however they are wrapped."""
    numbers = [
        (event.detail.event_id or "")[-1]
        for event in parse(
            [sqs(*(sqs_record(envelope(n), str(n)) for n in range(3))), envelope(3), {"Records": []}]
        )
    ]
    assert numbers == ["0", "1", "2", "3"]
    assert list(parse([])) == []


@pytest.mark.parametrize("name", samples.names())
def test_parse_types_every_sample(name: str) -> None:
    """Every kind of event is typed, and keeps its ID."""
    (event,) = parse(samples.load(name))
    assert event.id == json.loads(samples.load(name))["id"]
    assert isinstance(event.detail, ConsoleSignIn) == name.endswith(
        ("console-login", "login-failure", "without-mfa")
    )


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ("", "empty"),
        ("{", "not_json"),
        (b"\xef\xbb\xbf{}", "unknown_shape"),
        (b"\xff", "not_utf8"),
        ([[5]], "not_an_object"),
        (None, "not_an_object"),
        (5, "not_an_object"),
        ({"detail-type": "x"}, "no_detail"),
        ({"x": 1}, "unknown_shape"),
        (sqs(sqs_record("{", "m")), "not_json"),
        (sqs({"eventSource": "aws:sqs"}), "bad_sqs_record"),
    ],
)
def test_parse_rejects_invalid_payloads(payload: Any, code: str) -> None:
    """A payload without a valid event raises ``EventError`` with a stable code."""
    with pytest.raises(EventError) as caught:
        list(parse(payload))
    assert caught.value.code == code


def test_parse_yields_the_events_before_an_error() -> None:
    """Events before a bad one are yielded."""
    events = parse(sqs(sqs_record(envelope(1), "1"), sqs_record("{", "2")))
    assert (next(events).detail.event_id or "").endswith("1")
    with pytest.raises(EventError):
        next(events)


def returned(payload: Any, *indexes: int) -> tuple[Any, Outcome]:
    """A payload's source, and an outcome in which the messages with these indexes are returned."""
    source = detect(payload)
    messages = list(source.messages(payload))
    outcome = Outcome(messages, ["siem"])
    for index in range(len(messages)):
        fate = Fate.RETURNED if index in indexes else Fate.DELIVERED
        outcome.record(
            "siem", index, Verdict(fate, *(("throttled", "slow down") if index in indexes else ()))
        )
    return source, outcome


@pytest.mark.parametrize("payload", [EVENT, RECORD, {"x": 1}])
def test_direct_invocations_raise(payload: Any) -> None:
    """A direct invocation raises an error that names sink and code, so that Lambda retries it."""
    source, outcome = returned(payload)
    assert source.response(outcome, payload) is None
    source, outcome = returned(payload, 0)
    with pytest.raises(PayloadError, match=r"must be retried: siem: throttled \(slow down\)"):
        source.response(outcome, payload)


def test_the_event_of_a_direct_invocation() -> None:
    """The event of a direct invocation is encoded again, compactly, and its ID becomes the reference."""
    (message,) = detect(EVENT).messages(EVENT)
    assert json.loads(message.raw) == EVENT
    assert message.origin.ref == EVENT["id"]
    (message,) = detect({**EVENT, "id": 5}).messages({**EVENT, "id": 5})
    assert message.origin.ref == ""


def test_values_that_are_not_records() -> None:
    """A value that is not a record does not hide the other records of a log file."""
    payload = {"Records": [RECORD, 3, {"x": 1}, RECORD]}
    messages = list(detect(payload).messages(payload))
    assert [message.origin.ref for message in messages] == [f"direct#{n}" for n in range(4)]
    assert messages[3].record == RECORD
    for message, code in zip(messages[1:3], ["not_an_object", "unknown_shape"], strict=True):
        with pytest.raises(EventError) as caught:
            _ = message.event
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"Records": [{"eventSource": "aws:dynamodb"}]}, "no source recognizes Records of aws:dynamodb"),
        ({"Records": [{"EventSource": "aws:other"}]}, "Records of aws:other"),
        ({"Records": [{"eventSource": {"hunter2": 1}}]}, "Records of an unknown service"),
        ({"Records": [{"eventSource": "hunter 2\n"}]}, "Records of an unknown service"),
        ({"detail": 1}, "'detail' but without 'detail-type'"),
        (5, "no source recognizes the payload: a JSON number"),
    ],
)
def test_unknown_payloads_say_what_they_are(payload: Any, text: str) -> None:
    """An unknown payload is kept whole, with an error that names its service and shows no data."""
    (message,) = detect(payload).messages(payload)
    assert json.loads(message.raw) == payload
    with pytest.raises(EventError, match=text) as caught:
        _ = message.event
    assert caught.value.code == "unknown_payload"
    assert "hunter" not in str(caught.value)
