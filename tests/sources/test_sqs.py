"""SQS batches: exact bytes, isolated errors, and the response that Lambda expects."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.events import FIFO, QUEUE, envelope, sqs, sqs_record
from trailforward import EventError, Message, redelivery
from trailforward.outcome import Fate, Outcome, Verdict
from trailforward.sources.sqs import SqsSource


def messages(*records: Any) -> list[Message]:
    """The messages of a batch."""
    return list(SqsSource().messages({"Records": list(records)}))


def code(message: Message) -> str:
    """The error code of a message."""
    with pytest.raises(EventError) as caught:
        _ = message.event
    return caught.value.code


@pytest.mark.parametrize(
    "body", ['{ "detail" : 1.10 }', '{"detail":"\\u003d \u2028 \u0085 😀"}', "no json", "", "\ud800"]
)
def test_a_message_has_the_bytes_of_the_body(body: str) -> None:
    """A message's bytes are those of the body, valid or not."""
    (message,) = messages(sqs_record(body, "m-1"))
    assert message.raw == body.encode("utf-8", "surrogatepass")
    assert (message.origin.source, message.origin.ref, message.origin.arn) == ("sqs", "m-1", QUEUE)
    assert message.origin.first_seen == "2026-05-04T09:15:00.123+00:00"
    assert (message.origin.group, message.origin.owed, message.origin.attempts) == (None, None, 0)


BAD: list[tuple[Any, str]] = [
    (sqs_record("", "1"), "empty"),
    (sqs_record("no json", "1"), "not_json"),
    (sqs_record(envelope()[:-5], "1"), "not_json"),
    (sqs_record("\ufeff" + envelope().decode(), "1"), "bom"),
    (sqs_record("[" * 100_000, "1"), "too_deep"),
    (sqs_record('{"s3ObjectKey":', "1"), "not_json"),
    (sqs_record("[1]", "1"), "not_an_object"),
    (sqs_record("{}", "1"), "unknown_shape"),
    (sqs_record('{"detail-type": "x"}', "1"), "no_detail"),
    (sqs_record('{"Service":"Amazon S3","Event":"s3:TestEvent"}', "1"), "s3_test_event"),
    (sqs_record('{"Type":"Notification","TopicArn":"x","Message":"{}"}', "1"), "unknown_shape"),
    (sqs_record('{"Type":"Notification","TopicArn":"x","Message":5}', "1"), "sns_notification"),
    (
        sqs_record("%", "1", attributes={redelivery.SINKS: "a", redelivery.ENCODING: "base64"}),
        "bad_base64",
    ),
    (sqs_record("%", "1", attributes={redelivery.ENCODING: "base64"}), "not_json"),
    ({"eventSource": "aws:kinesis", "kinesis": {}}, "bad_sqs_record"),
    ({"eventSource": "aws:sqs", "body": {"detail": {}}}, "bad_sqs_record"),
    ({}, "bad_sqs_record"),
    ([], "bad_sqs_record"),
    ("text", "bad_sqs_record"),
    (None, "bad_sqs_record"),
]


@pytest.mark.parametrize(("record", "expected"), BAD, ids=range(len(BAD)))
def test_a_bad_message_does_not_hide_the_others(record: Any, expected: str) -> None:
    """A bad message has an error code; the messages around it stay unchanged."""
    made = messages(sqs_record(envelope(1), "a"), record, sqs_record(envelope(2), "b"))
    assert [made[0].raw, made[2].raw] == [envelope(1), envelope(2)]
    assert code(made[1]) == expected
    assert made[0].record["eventID"] != made[2].record["eventID"]


def test_duplicates_are_separate_messages() -> None:
    """SQS delivers at least once: an event that arrives twice makes two messages with the same key."""
    first, second = messages(sqs_record(envelope(), "a"), sqs_record(envelope(), "b"))
    assert first.key == second.key
    assert first.origin.ref != second.origin.ref


def test_lone_surrogates_in_an_event() -> None:
    """An event with an escaped lone surrogate can be parsed, and keeps its bytes."""
    (message,) = messages(sqs_record('{"detail":{"a":"\\ud800"}}', "1"))
    assert message.record == {"a": "\ud800"}
    assert message.detail == b'{"a":"\\ud800"}'


def test_group_ids_of_fifo_queues() -> None:
    """Only group IDs of FIFO queues imply an order; those of standard queues are for fairness."""
    fifo, standard, odd = messages(
        sqs_record("{}", "1", arn=FIFO, group="g"),
        sqs_record("{}", "2", group="g"),
        {**sqs_record("{}", "3", arn=FIFO), "attributes": {"MessageGroupId": 3}},
    )
    assert (fifo.origin.group, standard.origin.group, odd.origin.group) == ("g", None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"attributes": None, "messageAttributes": None},
        {"attributes": [], "messageAttributes": []},
        {"attributes": {"SentTimestamp": "soon"}, "messageAttributes": {"x": 3, "y": {"stringValue": 3}}},
        {"attributes": {"SentTimestamp": "9" * 40}},
        {"attributes": {"SentTimestamp": [[[]]]}},
        {"messageId": 3, "eventSourceARN": None},
    ],
)
def test_wrong_types_around_a_body(change: dict[str, Any]) -> None:
    """Only the body must be valid; other members with a wrong type are ignored."""
    (message,) = messages({**sqs_record(envelope(), "1"), **change})
    assert message.raw == envelope()
    assert message.origin.owed is None
    if "attributes" in change:
        assert message.origin.first_seen == ""


def test_a_redelivered_message() -> None:
    """A redelivered message has the sinks still owed, its attempts, and the time it was first seen."""
    attributes = {
        redelivery.SINKS: "siem,lake",
        redelivery.ATTEMPTS: "4",
        redelivery.FIRST_SEEN: "2026-05-01T00:00:00+00:00",
        redelivery.ENCODING: "base64",
    }
    (message,) = messages(sqs_record("/w==", "1", attributes=attributes))
    assert message.raw == b"\xff"
    assert message.origin.owed == frozenset({"siem", "lake"})
    assert (message.origin.attempts, message.origin.first_seen) == (4, "2026-05-01T00:00:00+00:00")


def response(batch: list[Message], *indexes: int) -> Any:
    """The response if the messages with these indexes are returned."""
    outcome = Outcome(batch, ["a"])
    for index in range(len(batch)):
        outcome.record("a", index, Verdict(Fate.RETURNED if index in indexes else Fate.DELIVERED))
    return SqsSource().response(outcome, None)


def test_response() -> None:
    """The response names exactly the returned messages. One without an ID returns the whole batch."""
    batch = messages(sqs_record("{}", "x"), sqs_record("{}", "y"), {"body": "{}"})
    assert response(batch) == {"batchItemFailures": []}
    assert response(batch, 1) == {"batchItemFailures": [{"itemIdentifier": "y"}]}
    assert response(batch, 0, 2) == {"batchItemFailures": [{"itemIdentifier": "x"}, {"itemIdentifier": ""}]}
    assert response([]) == {"batchItemFailures": []}


def test_an_empty_batch_is_sqs() -> None:
    """An empty batch counts as an SQS batch."""
    assert SqsSource().recognizes(sqs())
    assert list(SqsSource().messages(sqs())) == []


def test_an_ordinary_batch_is_one_batch() -> None:
    """Events that a rule put into a queue are read at once, so that they are sent together."""
    payload = sqs(*(sqs_record(envelope(number), f"m-{number}") for number in range(3)))
    assert isinstance(SqsSource().messages(payload), list)


def test_the_first_record_decides_the_source() -> None:
    """A broken record behind good ones becomes a message with an error."""
    payload = {"Records": [sqs_record(envelope(1), "m-1"), None]}
    assert SqsSource().recognizes(payload)
    good, bad = messages(*payload["Records"])
    assert good.raw == envelope(1)
    assert code(bad) == "bad_sqs_record"
    assert not SqsSource().recognizes({"Records": [None, sqs_record(envelope(1), "m-1")]})
