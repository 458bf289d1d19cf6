from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

import pytest

from trailforward.demo.event_source_mapping import Context, poll
from trailforward.message import Message, Origin
from trailforward.outcome import Outcome
from trailforward.testing import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.demo.local_aws import LocalAws

BODIES = [samples.load(name) for name in samples.names()]


class Handler:
    """Records its calls, and fails each of the given bodies once."""

    def __init__(self, failing: tuple[bytes, ...] = ()) -> None:
        self.calls: list[tuple[dict[str, Any], Context]] = []
        self.failing = list(failing)

    def __call__(self, payload: dict[str, Any], context: Context) -> tuple[Any, Outcome]:
        """Has the signature of the forwarder's `process`."""
        self.calls.append((payload, context))
        failures = []
        for record in payload["Records"]:
            if record["body"].encode() in self.failing:
                self.failing.remove(record["body"].encode())
                failures.append({"itemIdentifier": record["messageId"]})
        messages = [Message(record["body"].encode(), Origin("sqs")) for record in payload["Records"]]
        return {"batchItemFailures": failures} if failures else None, Outcome(messages, ["sink"])

    @property
    def bodies(self) -> list[bytes]:
        """Every received body, in order."""
        return [record["body"].encode() for payload, _ in self.calls for record in payload["Records"]]


def test_every_message_reaches_the_handler_in_batches(aws: LocalAws) -> None:
    """Batches have at most ten messages with exact bodies, and the queue is empty afterward."""
    for body in BODIES[:23]:
        aws.put(body)
    handler = Handler()
    invocations = list(poll(aws, [aws.source], handler))
    assert sorted(handler.bodies) == sorted(BODIES[:23])
    assert max(len(payload["Records"]) for payload, _ in handler.calls) <= 10
    assert len(invocations) == len(handler.calls) >= 3
    assert aws.waiting(aws.source) == 0


def test_the_payload_has_lambdas_shape(aws: LocalAws) -> None:
    """Records have the names and values that Lambda uses for SQS messages, including attributes."""
    attributes = {"trailforward-sinks": {"StringValue": "http-x", "DataType": "String"}}
    aws.client("sqs").send_message(
        QueueUrl=aws.retry_queue, MessageBody=BODIES[0].decode(), MessageAttributes=attributes
    )
    handler = Handler()
    list(poll(aws, [aws.source, aws.retry_queue], handler))
    [(payload, context)] = handler.calls
    [record] = payload["Records"]
    assert list(record) == [
        *("messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody"),
        *("eventSource", "eventSourceARN", "awsRegion"),
    ]
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == aws.queue_arn(aws.retry_queue)
    assert record["md5OfBody"] == hashlib.md5(BODIES[0], usedforsecurity=False).hexdigest()
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"]["trailforward-sinks"] == {
        "stringValue": "http-x",
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": "String",
    }
    assert context.invoked_function_arn.endswith(f":function:{context.function_name}")


def test_failed_messages_come_again_and_the_others_do_not(aws: LocalAws) -> None:
    """Messages in batchItemFailures are received again immediately; the others are deleted."""
    for body in BODIES[:3]:
        aws.put(body)
    handler = Handler(failing=(BODIES[1],))
    list(poll(aws, [aws.source], handler))
    assert sorted(handler.bodies) == sorted([*BODIES[:3], BODIES[1]])
    assert aws.waiting(aws.source) == 0


@pytest.mark.parametrize("delay", [0, 900])
def test_polling_ends_although_messages_stay(aws: LocalAws, delay: int) -> None:
    """The demo ends even if the handler always fails, or a message never becomes visible."""
    aws.client("sqs").send_message(QueueUrl=aws.source, MessageBody="{}", DelaySeconds=delay)

    def never(payload: dict[str, Any], _: Context) -> tuple[Any, Outcome]:
        failures = [{"itemIdentifier": record["messageId"]} for record in payload["Records"]]
        return {"batchItemFailures": failures}, Outcome([], [])

    process: Callable[[dict[str, Any], Context], tuple[Any, Outcome]] = never
    list(poll(aws, [aws.source], process, seconds=0.3))
    assert aws.waiting(aws.source) + aws.waiting(aws.dead_letter) == 1


def test_the_context_counts_down() -> None:
    """The remaining time decreases as in Lambda, and never falls below zero."""
    context = Context(_deadline=time.monotonic() * 1_000 + 50_000)
    first = context.get_remaining_time_in_millis()
    time.sleep(0.02)
    assert 0 < context.get_remaining_time_in_millis() < first <= 50_000
    assert Context(_deadline=0).get_remaining_time_in_millis() == 0
    assert 0 < Context().get_remaining_time_in_millis() <= 30_000
