"""Lambda payloads have the documented shapes and contain the exact bytes."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trailforward
from trailforward.jsontext import encode
from trailforward.message import Message, Origin
from trailforward.testing import (
    as_cloudtrail_notification,
    as_cloudwatch_logs,
    as_eventbridge,
    as_fifo_sqs,
    as_firehose,
    as_kinesis,
    as_list,
    as_s3_notification,
    as_s3_object_created,
    as_sns,
    as_sns_in_sqs,
    as_sqs,
    cloudtrail_event,
    log_batch,
    log_file,
    log_file_key,
    lookup_events,
    s3_test_event,
    samples,
    strategies,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ODD = samples.load("numbers-and-escapes")


def logged(data: str) -> list[bytes]:
    """The messages in the data of a CloudWatch Logs subscription."""
    batch = json.loads(gzip.decompress(base64.b64decode(data)))
    return [event["message"].encode() for event in batch["logEvents"]]


#: Function → how to find the bytes in its payload, according to AWS.
SHAPES: dict[str, tuple[Callable[..., Any], Callable[[Any], list[bytes]]]] = {
    "sqs": (as_sqs, lambda p: [r["body"].encode() for r in p["Records"]]),
    "fifo": (as_fifo_sqs, lambda p: [r["body"].encode() for r in p["Records"]]),
    "sns": (as_sns, lambda p: [r["Sns"]["Message"].encode() for r in p["Records"]]),
    "sns-in-sqs": (
        as_sns_in_sqs,
        lambda p: [json.loads(r["body"])["Message"].encode() for r in p["Records"]],
    ),
    "sns-in-sqs-raw": (
        lambda *e: as_sns_in_sqs(*e, raw_delivery=True),
        lambda p: [r["body"].encode() for r in p["Records"]],
    ),
    "kinesis": (as_kinesis, lambda p: [base64.b64decode(r["kinesis"]["data"]) for r in p["Records"]]),
    "firehose": (as_firehose, lambda p: [base64.b64decode(r["data"]) for r in p["records"]]),
    "logs": (lambda *e: as_cloudwatch_logs(*e, envelopes=True), lambda p: logged(p["awslogs"]["data"])),
    "logs-in-kinesis": (
        lambda *e: as_kinesis(log_batch(*e, envelopes=True)),
        lambda p: logged(p["Records"][0]["kinesis"]["data"]),
    ),
    "logs-in-firehose": (
        lambda *e: as_firehose(log_batch(*e, envelopes=True)),
        lambda p: logged(p["records"][0]["data"]),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_bytes_arrive_as_they_are(shape: str) -> None:
    """Text and bytes are included byte for byte; dicts and messages as the bytes that they represent."""
    wrap, read = SHAPES[shape]
    event = cloudtrail_event()
    payload = wrap(ODD, event, dict(event), event.raw.decode(), Message(ODD, Origin("test")))
    assert read(payload) == [ODD, event.raw, event.raw, event.raw, ODD]
    assert json.loads(json.dumps(payload)) == payload


@pytest.mark.parametrize("shape", SHAPES)
def test_trailforward_parses_every_shape(shape: str) -> None:
    """``trailforward.parse`` finds the events of each payload, in order."""
    events = [cloudtrail_event("StopLogging"), cloudtrail_event("DeleteTrail")]
    names = [event.detail.event_name for event in trailforward.parse(SHAPES[shape][0](*events))]
    assert names == ["StopLogging", "DeleteTrail"]


@pytest.mark.parametrize(
    "wrap", [as_list, lambda *events: as_list(*events, metadata=True), lookup_events], ids=range(3)
)
def test_lists_and_lookups_are_json_and_parse(wrap: Callable[..., Any]) -> None:
    """The payloads of callers that pass several events are JSON, and contain the events in order."""
    events = [cloudtrail_event("StopLogging"), cloudtrail_event("DeleteTrail")]
    payload = json.loads(json.dumps(wrap(*events)))
    assert [event.detail.event_name for event in trailforward.parse(payload)] == [
        "StopLogging",
        "DeleteTrail",
    ]
    found = lookup_events(*events)["Events"]
    assert [each["CloudTrailEvent"].encode() for each in found] == [encode(event.record) for event in events]


@settings(deadline=None)
@given(strategies.payloads())
def test_any_payload_of_the_strategy_parses(case: tuple[list[Any], dict[str, Any]]) -> None:
    """Events of every type come out of payloads of every source, in order."""
    events, payload = case
    found = [event.detail.event_id for event in trailforward.parse(payload)]
    assert found == [event.record["eventID"] for event in events]


def test_ids_within_a_payload_are_unique() -> None:
    """Messages with the same event have different IDs, which are the same in every run."""
    event = cloudtrail_event(seed=1)
    cases: list[tuple[Callable[..., dict[str, Any]], Callable[[Any], list[str]]]] = [
        (as_sqs, lambda p: [r["messageId"] for r in p["Records"]]),
        (as_sns, lambda p: [r["Sns"]["MessageId"] for r in p["Records"]]),
        (as_kinesis, lambda p: [r["kinesis"]["sequenceNumber"] for r in p["Records"]]),
        (as_firehose, lambda p: [r["recordId"] for r in p["records"]]),
    ]
    for wrap, get in cases:
        payload = wrap(event, event, event)
        assert len(set(get(payload))) == 3
        assert wrap(event, event, event) == payload


def test_queues_prove_their_bodies() -> None:
    """``md5OfBody`` matches the body, and the ARN contains the name of the queue."""
    (record,) = as_sqs(ODD, queue="mine")["Records"]
    assert record["md5OfBody"] == hashlib.md5(ODD, usedforsecurity=False).hexdigest()
    assert record["eventSourceARN"] == "arn:aws:sqs:eu-west-1:111122223333:mine"


def test_fifo_queues_have_groups() -> None:
    """All messages have one group, or each has its own."""

    def groups(payload: dict[str, Any]) -> list[str]:
        return [record["attributes"]["MessageGroupId"] for record in payload["Records"]]

    assert groups(as_fifo_sqs(ODD, ODD)) == ["111122223333"] * 2
    assert groups(as_fifo_sqs(ODD, ODD, group="a")) == ["a", "a"]
    assert groups(as_fifo_sqs(ODD, ODD, groups=("a", "b"))) == ["a", "b"]
    with pytest.raises(ValueError, match="argument"):
        as_fifo_sqs(ODD, ODD, groups=("a",))


def test_logs_hold_records_where_cloudtrail_fills_them() -> None:
    """Without ``envelopes``, the log group contains records with the same bytes as in their envelopes."""
    payload = as_cloudwatch_logs(ODD)
    assert logged(payload["awslogs"]["data"]) == [Message(ODD, Origin("test")).detail]


def test_control_messages() -> None:
    """A control message contains no event."""
    batch = json.loads(gzip.decompress(log_batch(control=True)))
    assert batch["messageType"] == "CONTROL_MESSAGE"
    assert "logEvents" in batch


def test_direct_invocation_is_the_event() -> None:
    """EventBridge passes the parsed envelope; a record gets the envelope that EventBridge would add."""
    event = cloudtrail_event()
    assert as_eventbridge(event.raw) == event
    assert as_eventbridge(event.record)["source"] == "aws.ec2"


@settings(deadline=None)
@given(st.lists(strategies.events() | strategies.records(), max_size=4))
def test_log_files_contain_exact_records(events: list[Any]) -> None:
    """A log file contains the bytes of the records, gzipped or not."""
    plain = log_file(*events, compressed=False)
    assert gzip.decompress(log_file(*events)) == plain
    assert json.loads(plain) == {"Records": [event.get("detail", event) for event in events]}


def test_log_files_keep_bytes() -> None:
    """Literals that a parser would change are the same in the log file as in the event."""
    assert Message(ODD, Origin("test")).detail in log_file(ODD, compressed=False)


def test_keys_are_those_of_cloudtrail() -> None:
    """The key contains account, Region, and day as in CloudTrail."""
    assert log_file_key() == (
        "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/09/14/"
        "111122223333_CloudTrail_eu-west-1_20260914T0912Z_EXAMPLE0a1B2c3D4.json.gz"
    )


def test_notifications_point_to_objects() -> None:
    """S3 URL-encodes keys, CloudTrail and EventBridge do not; the default key is that of a log file."""
    (record,) = as_s3_notification("a b/ü+.gz", bucket="mine", size=7)["Records"]
    assert record["s3"]["object"]["key"] == "a+b/%C3%BC%2B.gz"
    assert unquote_plus(record["s3"]["object"]["key"]) == "a b/ü+.gz"
    assert (record["s3"]["bucket"]["name"], record["s3"]["object"]["size"]) == ("mine", 7)
    assert as_s3_object_created("a b", bucket="mine")["detail"]["object"]["key"] == "a b"
    assert as_cloudtrail_notification("a", "b", bucket="mine") == {
        "s3Bucket": "mine",
        "s3ObjectKey": ["a", "b"],
    }
    assert as_cloudtrail_notification()["s3ObjectKey"] == [log_file_key()]
    assert as_s3_object_created()["detail"]["object"]["key"] == log_file_key()
    assert len(as_s3_notification("a", "b")["Records"]) == 2


@pytest.mark.parametrize(
    "payload",
    [
        as_s3_notification(),
        as_s3_object_created(),
        as_sqs(as_s3_notification()),
        as_sqs(as_s3_object_created()),
        as_sns(as_s3_notification()),
        as_sns(as_cloudtrail_notification()),
        as_sns_in_sqs(as_s3_notification()),
        as_sns_in_sqs(as_cloudtrail_notification(), raw_delivery=True),
    ],
    ids=["s3", "eventbridge", "sqs", "eventbridge-sqs", "sns", "sns-own", "sns-sqs", "sns-sqs-own"],
)
def test_notifications_lead_to_the_log_file(payload: dict[str, Any]) -> None:
    """For every notification about a log file, ``trailforward.parse`` returns its events."""
    asked = []

    def fetch(pointer: Any) -> list[bytes]:
        asked.append((pointer.bucket, pointer.key))
        return [log_file(cloudtrail_event("StopLogging"), ODD)]

    names = [event.detail.event_name for event in trailforward.parse(payload, fetch=fetch)]
    assert names == ["StopLogging", "SearchInsights"]
    assert asked == [("example-trail", log_file_key())]


def test_what_holds_no_event_is_skipped() -> None:
    """Control messages and S3's test messages are recognized."""
    for payload in (as_cloudwatch_logs(control=True), as_kinesis(log_batch(control=True))):
        assert list(trailforward.parse(payload)) == []
    assert list(trailforward.parse(as_sqs(s3_test_event()))) == []


def test_notifications_nest() -> None:
    """A queue may contain a notification as well as an event."""
    (record,) = as_sqs(as_s3_notification())["Records"]
    assert json.loads(record["body"]) == as_s3_notification()
    assert s3_test_event("mine")["Event"] == "s3:TestEvent"
