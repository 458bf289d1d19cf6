"""SQS: SendMessageBatch. Also carries the dead letters and the retry queue."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.aws.own_calls import OwnCall
from trailforward.sinks._aws_batches import (
    attribute_bytes,
    attributes,
    by_id,
    named,
    sendable,
)
from trailforward.sinks._aws_sink import AwsSink
from trailforward.sinks._fifo import fifo_ids, in_order, is_fifo
from trailforward.sinks.base import Entry, Limits, Rejection
from trailforward.sinks.settings import AwsSinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence


#: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html; a queue's
#: own MaximumMessageSize may be lower (queues made before 2025 often say 262,144). Body and attributes count.
LIMITS = Limits(max_entries=10, max_entry_bytes=1_048_576, max_batch_bytes=1_048_576, max_concurrency=8)


class SqsSettings(AwsSinkSettings):
    """``[sinks.NAME]`` with a queue's ARN. A name ending in ``.fifo`` gets group and deduplication ids."""

    service: ClassVar[str] = "sqs"
    example: ClassVar[str] = "arn:aws:sqs:us-west-2:111122223333:cloudsec"

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """SendMessageBatch to the queue."""
        return (OwnCall("sqs.amazonaws.com", ("SendMessageBatch", "SendMessage"), self.to),)


class SqsSink(AwsSink):
    """A queue.

    Args:
        settings: see :class:`SqsSettings`.
        direct: False to call through botocore always.
    """

    Settings: ClassVar = SqsSettings
    service: ClassVar = "sqs"
    default_limits: ClassVar = LIMITS

    def __init__(self, settings: SqsSettings, *, direct: bool = True) -> None:
        arn = settings.arn
        super().__init__(settings, arn.region, direct=direct)
        self._path = f"/{arn.account}/{arn.resource}"
        self._fifo = is_fifo(self.arn)
        self.uses_fields = self._fifo  # the message group is the account
        if self._fifo:
            self.limits = in_order(self.limits)

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
            request |= fifo_ids(entry)
        return request


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
