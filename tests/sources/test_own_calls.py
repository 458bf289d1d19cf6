"""The calls that read sources with the function's role: the self-guard filters exactly these."""

from __future__ import annotations

import pytest

from trailforward.arn import Arn
from trailforward.sources._own_calls import polled, reading_calls

QUEUE = "arn:aws:sqs:eu-west-1:111122223333:events"
STREAM = "arn:aws:kinesis:eu-west-1:111122223333:stream/events"
BUCKET = "arn:aws:s3:::trail-logs/AWSLogs/x"


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (
            QUEUE,
            {("sqs.amazonaws.com", "ReceiveMessage", QUEUE), ("sqs.amazonaws.com", "DeleteMessage", QUEUE)},
        ),
        (
            STREAM,
            {
                ("kinesis.amazonaws.com", "GetRecords", STREAM),
                ("kinesis.amazonaws.com", "SubscribeToShard", f"{STREAM}/consumer/*"),
            },
        ),
        (BUCKET, {("s3.amazonaws.com", "GetObject", "arn:aws:s3:::trail-logs/*")}),
        ("arn:aws:sns:eu-west-1:111122223333:topic", set()),
    ],
)
def test_reading_a_source_makes_known_calls(arn: str, expected: set[tuple[str, str, str]]) -> None:
    """Polling a queue or stream and reading a bucket make calls of that service on that resource."""
    found = {
        (call.source, name, call.resource) for call in reading_calls(Arn.parse(arn)) for name in call.names
    }
    assert expected <= found
    assert bool(found) is bool(expected)
    assert {source for source, _, _ in found} == {source for source, _, _ in expected}


@pytest.mark.parametrize("arn", [QUEUE, STREAM])
def test_a_mappings_payload_names_its_source(arn: str) -> None:
    """The first record of a queue's or stream's batch names it."""
    assert str(polled({"Records": [{"eventSourceARN": arn}]})) == arn


@pytest.mark.parametrize(
    "payload",
    [None, [], {}, {"Records": []}, {"Records": [1]}, {"Records": [{"eventSourceARN": 1}]}]
    + [{"Records": [{"eventSourceARN": arn}]} for arn in ("x", BUCKET, "arn:aws:sns:eu-west-1:1:t")]
    + [{"records": [{"eventSourceARN": QUEUE}]}],
    ids=repr,
)
def test_other_payloads_name_no_polled_source(payload: object) -> None:
    """Everything else is not from an event source mapping."""
    assert polled(payload) is None


@pytest.mark.parametrize(
    ("arn", "names"),
    [
        (
            QUEUE,
            {
                "ReceiveMessage",
                "DeleteMessage",
                "DeleteMessageBatch",
                "ChangeMessageVisibility",
                "ChangeMessageVisibilityBatch",
                "GetQueueAttributes",
            },
        ),
        (
            STREAM,
            {
                "GetRecords",
                "GetShardIterator",
                "DescribeStream",
                "DescribeStreamSummary",
                "ListShards",
                "SubscribeToShard",
            },
        ),
    ],
)
def test_every_call_of_a_poller_is_known(arn: str, names: set[str]) -> None:
    """Lambda's pollers make exactly these calls; their events are the pipeline's own."""
    assert {name for call in reading_calls(Arn.parse(arn)) for name in call.names} == names
