"""SQS: SendMessageBatch. Also carries the dead letters and the retry queue."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.sinks._aws import Client
from trailforward.sinks._batches import attribute_bytes, attributes, by_id, digest, fifo_id, named, sendable
from trailforward.sinks.base import Entry, Limits, Rejection
from trailforward.sinks.settings import AwsSinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.formats.base import Format

#: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html; a queue's
#: own MaximumMessageSize may be lower (queues made before 2025 often say 262,144). Body and attributes count.
LIMITS = Limits(entries=10, entry_bytes=1_048_576, batch_bytes=1_048_576, calls=8)


class SqsSettings(AwsSinkSettings):
    """``[sinks.NAME]`` with a queue's ARN. A name ending in ``.fifo`` gets group and deduplication ids."""

    service: ClassVar[str] = "sqs"
    resource_type: ClassVar[str] = "an SQS queue"
    example: ClassVar[str] = "arn:aws:sqs:us-west-2:111122223333:cloudsec"


class SqsSink:
    """A queue.

    Args:
        settings: see :class:`SqsSettings`.
        format: unused here; every sink is made the same way.
        direct: False to call by botocore always.
    """

    Settings: ClassVar = SqsSettings

    def __init__(self, settings: SqsSettings, format: Format | None = None, *, direct: bool = True) -> None:  # noqa: A002, ARG002
        self.arn = settings.to
        arn = settings.arn
        self._path = f"/{arn.account}/{arn.resource}"
        self._fifo = arn.resource.endswith(".fifo")
        limits = settings.limits.over(LIMITS)
        # Calls at once would overtake each other.
        self.limits = limits.override(calls=1) if self._fifo else limits
        self.plain = not self._fifo  # the group is the account
        self._client = Client("sqs", arn.region, direct=direct)

    def size(self, entry: Entry) -> int:
        """Body and attributes in UTF-8."""
        return len(entry.data) + attribute_bytes(entry.attributes)

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """One SendMessageBatch call. The MD5 in the answer proves that the bytes arrived.

        Raises:
            TransientError: throttled, or no answer.
            PermanentError: the queue is absent, forbidden or its key is out of use.
        """
        refused: list[Rejection] = []
        sendable_entries = sendable(batch, refused)
        if not sendable_entries:
            return refused
        answer = self._client.call(
            "send_message_batch",
            # The endpoint and the ARN make the URL: no GetQueueUrl, so no permission for it.
            QueueUrl=self._client.endpoint + self._path,
            Entries=[self._entry(index, entry, text) for index, entry, text in sendable_entries],
        )
        missed = by_id(answer, (index for index, _, _ in sendable_entries))
        known = {rejection.index for rejection in missed}
        taken = named(answer, "Successful")
        for index, entry, _ in sendable_entries:
            if index in known:
                continue
            proof = taken[str(index)].get("MD5OfMessageBody")
            if proof is not None and proof != _md5(entry.data):
                missed.append(Rejection(index, "md5_mismatch", "the queue took other bytes", transient=True))
        return refused + missed

    def _entry(self, index: int, entry: Entry, text: str) -> dict[str, Any]:
        request: dict[str, Any] = {"Id": str(index), "MessageBody": text}
        if entry.attributes:
            request["MessageAttributes"] = attributes(entry.attributes)
        if self._fifo:
            request["MessageGroupId"] = fifo_id(entry.group or "trailforward")
            request["MessageDeduplicationId"] = digest(entry.data)
        return request

    def prepare(self) -> None:
        """Makes the client."""
        self._client.prepare()

    def close(self) -> None:
        """Gives up the connections."""
        self._client.close()


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
