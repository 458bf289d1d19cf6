"""The AWS calls that read sources with the function's role: Lambda's pollers, and reading objects from S3.

The configuration does not name the queue or stream of a source. If ``own_arns`` names queues or streams, they
are used. Otherwise, the payloads of event source mappings name them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.aws.own_calls import OwnCall, parsed
from trailforward.sources._lenient import first_record, member

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.arn import Arn

#: Service of a source → the calls that an event source mapping makes there with the function's role
#: (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html, ``with-kinesis.html``).
_POLLING = {
    "sqs": (
        "ReceiveMessage",
        "DeleteMessage",
        "DeleteMessageBatch",
        "ChangeMessageVisibility",
        "ChangeMessageVisibilityBatch",
        "GetQueueAttributes",
    ),
    "kinesis": (
        "GetRecords",
        "GetShardIterator",
        "DescribeStream",
        "DescribeStreamSummary",
        "ListShards",
        "SubscribeToShard",
    ),
}


def reading_calls(arn: Arn) -> Iterator[OwnCall]:
    """Yields the calls that read a source with the function's role; nothing for other resources.

    Args:
        arn: ARN of a queue or stream that Lambda polls, or of a bucket with CloudTrail log files.
    """
    if arn.service in _POLLING:
        yield OwnCall(f"{arn.service}.amazonaws.com", _POLLING[arn.service], str(arn))
        if arn.service == "kinesis":  # a mapping with enhanced fan-out
            yield OwnCall("kinesis.amazonaws.com", ("SubscribeToShard",), f"{arn}/consumer/*")
    elif arn.service == "s3":
        bucket = arn.resource.partition("/")[0]
        yield OwnCall("s3.amazonaws.com", ("GetObject",), str(arn._replace(resource=f"{bucket}/*")))


def polled(payload: Any) -> Arn | None:
    """Returns the queue or stream that an event source mapping's payload names; None for other payloads."""
    if not isinstance(payload, dict) or "Records" not in payload:
        return None
    arn = parsed(member(first_record(payload), "eventSourceARN"))
    return arn if arn is not None and arn.service in _POLLING else None
