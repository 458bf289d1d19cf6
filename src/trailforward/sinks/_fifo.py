"""FIFO queues and topics: message group, deduplication ID, and one call at a time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trailforward.jsontext import to_bytes
from trailforward.sinks._aws_batches import digest

if TYPE_CHECKING:
    from trailforward.sinks.base import Entry, Limits

#: Characters and length that are valid in both IDs.
#: Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_FIFO_ID = re.compile(r"[!-~]{1,128}")


def is_fifo(arn: str) -> bool:
    """Whether an ARN names a FIFO queue or topic."""
    return arn.endswith(".fifo")


def in_order(limits: Limits) -> Limits:
    """The limits with a concurrency of one, because concurrent calls could overtake each other."""
    return limits.override(max_concurrency=1)


def fifo_ids(entry: Entry) -> dict[str, str]:
    """The two IDs of an entry. The group is the account; the same bytes have the same deduplication ID."""
    return {
        "MessageGroupId": fifo_id(entry.group or "trailforward"),
        "MessageDeduplicationId": digest(entry.data),
    }


def fifo_id(text: str) -> str:
    """The text itself if it is a valid ID, otherwise its digest."""
    return text if _FIFO_ID.fullmatch(text) else digest(to_bytes(text))
