"""SNS: PublishBatch, with message attributes for subscription filters."""

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


#: https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html: a topic's MaximumMessageSize is
#: 262,144 unless raised (up to 1,048,576), for each message and for the call. Body and attributes count.
LIMITS = Limits(max_entries=10, max_entry_bytes=262_144, max_batch_bytes=262_144, max_concurrency=8)


class SnsSettings(AwsSinkSettings):
    """``[sinks.NAME]`` with a topic's ARN.

    Attributes:
        attributes: whether to send the message attributes source, detail-type, account, region, eventSource,
            eventName, readOnly and errorCode, for subscription filters.
    """

    service: ClassVar[str] = "sns"
    example: ClassVar[str] = "arn:aws:sns:us-west-2:111122223333:alerts"

    attributes: bool = True

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """PublishBatch to the topic."""
        return (OwnCall("sns.amazonaws.com", ("PublishBatch", "Publish"), self.to),)


class SnsSink(AwsSink):
    """A topic.

    Args:
        settings: see :class:`SnsSettings`.
        direct: False to call through botocore always.
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
        """Body and attributes in UTF-8."""
        return len(entry.data) + (attribute_bytes(entry.fields) if self._attributes else 0)

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """One PublishBatch call.

        Raises:
            TransientError: throttled, or no answer.
            PermanentError: the topic is absent, forbidden or its key is out of use.
        """
        refused: list[Rejection] = []
        # A topic hands its messages to queues: what SQS cannot hold would be lost behind it.
        sendable_entries = sendable(batch, refused)
        if sendable_entries:
            answer = self._client.call(
                "publish_batch",
                TopicArn=self.arn,
                PublishBatchRequestEntries=[self._entry(*item) for item in sendable_entries],
            )
            refused += by_id(answer, (index for index, _, _ in sendable_entries))
        return refused

    def _entry(self, index: int, entry: Entry, text: str) -> dict[str, Any]:
        request: dict[str, Any] = {"Id": str(index), "Message": text}
        if entry.subject:
            request["Subject"] = entry.subject
        if self._attributes and entry.fields:
            request["MessageAttributes"] = attributes(entry.fields)
        if self._fifo:
            request |= fifo_ids(entry)
        return request
