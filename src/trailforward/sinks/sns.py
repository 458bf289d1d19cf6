"""SNS: PublishBatch, with message attributes for subscription filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.sinks._aws import Client
from trailforward.sinks._batches import attribute_bytes, attributes, by_id, digest, fifo_id, sendable
from trailforward.sinks.base import Entry, Limits, Rejection
from trailforward.sinks.settings import AwsSinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.formats.base import Format

#: https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html: a topic's MaximumMessageSize is
#: 262,144 unless raised (up to 1,048,576), for each message and for the call. Body and attributes count.
LIMITS = Limits(entries=10, entry_bytes=262_144, batch_bytes=262_144, calls=8)


class SnsSettings(AwsSinkSettings):
    """``[sinks.NAME]`` with a topic's ARN.

    Attributes:
        attributes: whether to send the message attributes source, detail-type, account, region, eventSource,
            eventName, readOnly and errorCode, for subscription filters.
    """

    service: ClassVar[str] = "sns"
    resource_type: ClassVar[str] = "an SNS topic"
    example: ClassVar[str] = "arn:aws:sns:us-west-2:111122223333:alerts"

    attributes: bool = True


class SnsSink:
    """A topic.

    Args:
        settings: see :class:`SnsSettings`.
        format: unused here; every sink is made the same way.
        direct: False to call by botocore always.
    """

    Settings: ClassVar = SnsSettings

    def __init__(self, settings: SnsSettings, format: Format, *, direct: bool = True) -> None:  # noqa: A002, ARG002
        self.arn = settings.to
        self._attributes = settings.attributes
        self._fifo = self.arn.endswith(".fifo")
        limits = settings.limits.over(LIMITS)
        # Calls at once would overtake each other.
        self.limits = limits.override(calls=1) if self._fifo else limits
        self._client = Client("sns", settings.arn.region, direct=direct)

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
            request["MessageGroupId"] = fifo_id(entry.group or "trailforward")
            request["MessageDeduplicationId"] = digest(entry.data)
        return request

    def prepare(self) -> None:
        """Makes the client."""
        self._client.prepare()

    def close(self) -> None:
        """Gives up the connections."""
        self._client.close()
