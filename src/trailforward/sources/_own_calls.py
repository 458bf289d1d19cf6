"""The AWS calls made to read sources: by Lambda's pollers with the function's role, and by reading objects.

The configuration does not name the queue or stream of a source. Those that ``own_arns`` names count; where it
names none, those that Lambda names in the payloads of event source mappings count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.aws.own_calls import OwnCall, parsed
from trailforward.sources._lenient import first_record, part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.arn import Arn

#: Service of a source → what Lambda calls there with the function's role: what an event source mapping needs
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
    """What reading a source calls with the function's role; nothing for other resources.

    Args:
        arn: of a queue or stream that Lambda polls, or of a bucket that holds CloudTrail log files.
    """
    if arn.service in _POLLING:
        yield OwnCall(f"{arn.service}.amazonaws.com", _POLLING[arn.service], str(arn))
        if arn.service == "kinesis":  # a mapping with enhanced fan-out
            yield OwnCall("kinesis.amazonaws.com", ("SubscribeToShard",), f"{arn}/consumer/*")
    elif arn.service == "s3":
        bucket = arn.resource.partition("/")[0]
        yield OwnCall("s3.amazonaws.com", ("GetObject",), str(arn._replace(resource=f"{bucket}/*")))


def polled(payload: Any) -> Arn | None:
    """The queue or stream that an event source mapping's payload names; None for any other payload."""
    arn = parsed(part(first_record(payload), "eventSourceARN"))
    return arn if arn is not None and arn.service in _POLLING else None
