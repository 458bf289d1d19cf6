"""What the benchmarks forward: trailforward's own samples, each stamped with ids of its own."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from trailforward.testing import samples

_QUEUE = "arn:aws:sqs:us-east-1:111122223333:events"
#: It would be filtered: trailforward itself caused it.
_OWN = "own-put-records"


def bodies(count: int) -> list[str]:
    """Events as EventBridge writes them, all kinds in turn, no id twice."""
    names = [name for name in samples.names() if name != _OWN]
    now = datetime.now(UTC)
    return [samples.stamped(names[at % len(names)], now=now, unique=str(at)).decode() for at in range(count)]


def sqs_payload(some: list[str]) -> dict[str, Any]:
    """An SQS batch as Lambda hands it over, already parsed."""
    return {"Records": [_sqs_record(body) for body in some]}


def _sqs_record(body: str) -> dict[str, Any]:
    return {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "AQEB" + "x" * 180,
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1795400000000",
            "SenderId": "AIDAEXAMPLE",
            "ApproximateFirstReceiveTimestamp": "1795400000010",
        },
        "messageAttributes": {},
        "md5OfBody": "0" * 32,
        "eventSource": "aws:sqs",
        "eventSourceARN": _QUEUE,
        "awsRegion": "us-east-1",
    }
