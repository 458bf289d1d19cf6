"""Simulates the event source mapping of Lambda, which polls a queue and invokes the handler."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trailforward.demo.local_aws import ACCOUNT, HOME, NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from trailforward.demo.local_aws import LocalAws
    from trailforward.outcome import Outcome

BATCH = 10
_TIMEOUT_MS = 30_000


@dataclass(slots=True)
class Context:
    """The Lambda context object."""

    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_name: str = NAME
    function_version: str = "$LATEST"
    invoked_function_arn: str = f"arn:aws:lambda:{HOME}:{ACCOUNT}:function:{NAME}"
    memory_limit_in_mb: int = 256
    log_group_name: str = f"/aws/lambda/{NAME}"
    log_stream_name: str = "demo"
    _deadline: float = field(default_factory=lambda: time.monotonic() * 1_000 + _TIMEOUT_MS)

    def get_remaining_time_in_millis(self) -> int:
        """Returns the milliseconds until the Lambda timeout."""
        return max(0, int(self._deadline - time.monotonic() * 1_000))


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation of the handler: its outcome, and when it ended (monotonic seconds)."""

    outcome: Outcome
    ended: float


def sqs_payload(messages: Sequence[Mapping[str, Any]], arn: str) -> dict[str, Any]:
    """Returns the payload that Lambda builds from received SQS messages."""
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": {
                    name: {
                        "stringValue": value.get("StringValue"),
                        "stringListValues": [],
                        "binaryListValues": [],
                        "dataType": value["DataType"],
                    }
                    for name, value in message.get("MessageAttributes", {}).items()
                },
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": HOME,
            }
            for message in messages
        ]
    }


def poll(
    aws: LocalAws,
    queues: Sequence[str],
    process: Callable[[dict[str, Any], Context], tuple[Any, Outcome]],
    *,
    seconds: float = 20.0,
) -> Iterator[Invocation]:
    """Invokes the handler with batches until the queues are empty or the time is over.

    Deletes the messages that the handler does not name in ``batchItemFailures``. The others become visible
    immediately: the demo does not wait for a visibility timeout.

    Args:
        aws: the local AWS.
        queues: URLs of the queues to poll, in this order.
        process: the ``process`` method of the forwarder; returns the Lambda response and the outcome.
        seconds: how long to poll.
    """
    client = aws.client("sqs")
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(aws.waiting(url) for url in queues):
        idle = True
        for url in queues:
            messages = client.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=BATCH,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            if not messages:
                continue
            idle = False
            response, outcome = process(sqs_payload(messages, aws.queue_arn(url)), Context())
            ended = time.monotonic()
            failed = {item["itemIdentifier"] for item in (response or {}).get("batchItemFailures", ())}
            for message in messages:
                receipt = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
                if message["MessageId"] in failed:
                    client.change_message_visibility(**receipt, VisibilityTimeout=0)
                else:
                    client.delete_message(**receipt)
            yield Invocation(outcome, ended)
        if idle:  # the remaining messages are delayed or in flight
            time.sleep(0.05)
