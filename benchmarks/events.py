"""The events that the benchmarks forward: trailforward's samples with unique IDs."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import orjson

from trailforward.testing import samples

if TYPE_CHECKING:
    from collections.abc import Iterable

_QUEUE = "arn:aws:sqs:us-east-1:111122223333:events"
#: This one would be filtered, because trailforward caused it.
_OWN = "own-put-records"
#: Lambda's maximum payload of a synchronous invocation, which it uses for batches.
_PAYLOAD_BYTES = 6_291_456
_NAMES = [name for name in samples.names() if name != _OWN]

#: Number of kinds. So many consecutive events contain each kind once.
KINDS = len(_NAMES)
#: Unique events in a run.
COUNT = 10_000


class Event(NamedTuple):
    """One event in the forms that payloads need.

    Attributes:
        id: of the envelope.
        body: as EventBridge writes it.
        record: the SQS record with this body, as JSON.
    """

    id: str
    body: bytes
    record: bytes


@cache
def made(count: int = COUNT) -> list[Event]:
    """All kinds of events in turn, with unique IDs."""
    now = datetime.now(UTC)
    bodies = (samples.stamped(_NAMES[at % KINDS], now=now, unique=str(at)) for at in range(count))
    return [Event(orjson.loads(body)["id"], body, _record(body.decode())) for body in bodies]


def batch(events: Iterable[Event]) -> bytes:
    """An SQS batch, as Lambda passes it."""
    return b'{"Records":[' + b",".join(event.record for event in events) + b"]}"


def largest_batch(events: Iterable[Event]) -> list[Event]:
    """As many of the first events as fit in a Lambda payload."""
    room = _PAYLOAD_BYTES - len(batch([]))
    fitting = []
    for event in events:
        room -= len(event.record) + 1
        if room < 0:
            break
        fitting.append(event)
    return fitting


def _record(body: str) -> bytes:
    return orjson.dumps(
        {
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
    )
