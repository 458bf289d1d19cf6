"""SNS: PublishBatch, with message attributes for subscription filter policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.aws.own_calls import OwnCall
from trailforward.sinks._aws_batches import attribute_bytes, attributes, by_id, sendable
from trailforward.sinks._aws_sink import AwsSink
from trailforward.sinks._fifo import fifo_ids, in_order, is_fifo
from trailforward.sinks.base import Entry, Limits, Rejection
from trailforward.sinks.settings import AwsSinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence


#: https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html: a topic's MaximumMessageSize
#: limits each message and the call: 262,144 by default, at most 1,048,576. Body and attributes count.
LIMITS = Limits(max_entries=10, max_entry_bytes=262_144, max_batch_bytes=262_144, max_concurrency=8)


class SnsSettings(AwsSinkSettings):
    """``[sinks.NAME]`` with a topic's ARN.

    Attributes:
        attributes: whether to send the message attributes source, detail-type, account, region, eventSource,
            eventName, readOnly, and errorCode, for subscription filter policies.
    """

    service: ClassVar[str] = "sns"
    service_name: ClassVar[str] = "SNS"
    resource_type: ClassVar[str] = "topic"
    example: ClassVar[str] = "arn:aws:sns:us-west-2:111122223333:alerts"

    attributes: bool = True

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """PublishBatch to the topic."""
        return (OwnCall("sns.amazonaws.com", ("PublishBatch", "Publish"), self.to),)


class SnsSink(AwsSink):
    """Sends to a topic.

    Args:
        settings: see :class:`SnsSettings`.
        direct: False to always call through botocore.
    """

    Settings: ClassVar = SnsSettings
    service: ClassVar = "sns"
    default_limits: ClassVar = LIMITS

    def __init__(self, settings: SnsSettings, *, direct: bool = True) -> None:
        super().__init__(settings, settings.arn.region, direct=direct)
        self._attributes = settings.attributes
        self._fifo = is_fifo(self.arn)
        if self._fifo:
            self.limits = in_order(self.limits)

    def size(self, entry: Entry) -> int:
        """Body plus attributes in UTF-8."""
        return len(entry.data) + (attribute_bytes(entry.fields) if self._attributes else 0)

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Makes one PublishBatch call.

        Raises:
            TransientError: throttled, or no response.
            PermanentError: the topic does not exist, access is denied, or its KMS key is disabled.
        """
        rejections: list[Rejection] = []
        # SNS cannot deliver characters to queues that SQS does not allow; such a message would be lost.
        sendable_entries = sendable(batch, rejections)
        if sendable_entries:
            response = self._client.call(
                "publish_batch",
                TopicArn=self.arn,
                PublishBatchRequestEntries=[self._entry(*item) for item in sendable_entries],
            )
            rejections += by_id(response, (index for index, _, _ in sendable_entries))
        return rejections

    def _entry(self, index: int, entry: Entry, text: str) -> dict[str, Any]:
        request: dict[str, Any] = {"Id": str(index), "Message": text}
        if entry.subject:
            request["Subject"] = entry.subject
        if self._attributes and entry.fields:
            request["MessageAttributes"] = attributes(entry.fields)
        if self._fifo:
            request |= fifo_ids(entry)
        return request
