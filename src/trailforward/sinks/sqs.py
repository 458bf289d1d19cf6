"""SQS: SendMessageBatch. The pipeline also uses it for the dead-letter queue and the retry queue."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.aws.own_calls import OwnCall
from trailforward.sinks._aws_batches import (
    attribute_bytes,
    attributes,
    by_id,
    results_by_id,
    sendable,
)
from trailforward.sinks._aws_sink import AwsSink
from trailforward.sinks._fifo import fifo_ids, in_order, is_fifo
from trailforward.sinks.base import Entry, Limits, Rejection
from trailforward.sinks.settings import AwsSinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence


#: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html; a queue's
#: MaximumMessageSize may be lower (often 262,144 if it was created before 2025). Body and attributes count.
LIMITS = Limits(max_entries=10, max_entry_bytes=1_048_576, max_batch_bytes=1_048_576, max_concurrency=8)


class SqsSettings(AwsSinkSettings):
    """``[sinks.NAME]`` with a queue's ARN. FIFO queues get group and deduplication IDs."""

    service: ClassVar[str] = "sqs"
    service_name: ClassVar[str] = "SQS"
    resource_type: ClassVar[str] = "queue"
    example: ClassVar[str] = "arn:aws:sqs:us-west-2:111122223333:cloudsec"

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """SendMessageBatch to the queue."""
        return (OwnCall("sqs.amazonaws.com", ("SendMessageBatch", "SendMessage"), self.to),)


class SqsSink(AwsSink):
    """Sends to a queue.

    Args:
        settings: see :class:`SqsSettings`.
        direct: False to always call through botocore.
    """

    Settings: ClassVar = SqsSettings
    service: ClassVar = "sqs"
    default_limits: ClassVar = LIMITS

    def __init__(self, settings: SqsSettings, *, direct: bool = True) -> None:
        arn = settings.arn
        super().__init__(settings, arn.region, direct=direct)
        self._path = f"/{arn.account}/{arn.resource}"
        self._fifo = is_fifo(self.arn)
        self.uses_fields = self._fifo  # the message group is the account ID
        if self._fifo:
            self.limits = in_order(self.limits)

    def size(self, entry: Entry) -> int:
        """Body plus attributes in UTF-8."""
        return len(entry.data) + attribute_bytes(entry.attributes)

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Makes one SendMessageBatch call, and compares the MD5 of each body with the one in the response.

        Raises:
            TransientError: throttled, or no response.
            PermanentError: the queue does not exist, access is denied, or its KMS key is disabled.
        """
        unsendable: list[Rejection] = []
        sendable_entries = sendable(batch, unsendable)
        if not sendable_entries:
            return unsendable
        response = self._client.call(
            "send_message_batch",
            # Built from the endpoint and the ARN, so sqs:GetQueueUrl is not needed.
            QueueUrl=self._client.endpoint + self._path,
            Entries=[self._entry(index, entry, text) for index, entry, text in sendable_entries],
        )
        rejections = by_id(response, (index for index, _, _ in sendable_entries))
        rejected = {rejection.index for rejection in rejections}
        accepted = results_by_id(response, "Successful")
        for index, entry, _ in sendable_entries:
            if index in rejected:
                continue
            md5 = accepted[str(index)].get("MD5OfMessageBody")
            if md5 is not None and md5 != _md5(entry.data):
                text = "the queue received different bytes"
                rejections.append(Rejection(index, "md5_mismatch", text, transient=True))
        return unsendable + rejections

    def _entry(self, index: int, entry: Entry, text: str) -> dict[str, Any]:
        request: dict[str, Any] = {"Id": str(index), "MessageBody": text}
        if entry.attributes:
            request["MessageAttributes"] = attributes(entry.attributes)
        if self._fifo:
            request |= fifo_ids(entry)
        return request


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
