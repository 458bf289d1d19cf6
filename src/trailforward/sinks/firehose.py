"""Amazon Data Firehose: PutRecordBatch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from trailforward.aws.own_calls import OwnCall
from trailforward.sinks._aws_batches import by_position
from trailforward.sinks._aws_sink import AwsSink
from trailforward.sinks.base import Limits
from trailforward.sinks.settings import AwsSinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.sinks.base import Entry, Rejection

#: https://docs.aws.amazon.com/firehose/latest/dev/limits.html says 4 MiB a call, the API reference 4 MB:
#: the smaller holds for both. A record is at most 1,000 KiB before base64.
LIMITS = Limits(max_entries=500, max_entry_bytes=1_024_000, max_batch_bytes=4_000_000, max_concurrency=4)


class FirehoseSettings(AwsSinkSettings):
    r"""``[sinks.NAME]`` with a delivery stream's ARN.

    Attributes:
        delimiter: sent after each record, because Firehose joins records without one; ``""`` where the
            stream appends its own. It is not part of the event's bytes.
    """

    service: ClassVar[str] = "firehose"
    resource_prefix: ClassVar[str] = "deliverystream/"
    named_in_own_account: ClassVar[bool] = True
    example: ClassVar[str] = "arn:aws:firehose:us-west-2:111122223333:deliverystream/archive"

    delimiter: str = "\n"

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """PutRecordBatch on the delivery stream."""
        return (OwnCall("firehose.amazonaws.com", ("PutRecordBatch",), self.to),)


class FirehoseSink(AwsSink):
    """A delivery stream, in the account of the credentials: the API takes its name only, no ARN.

    Args:
        settings: see :class:`FirehoseSettings`.
        direct: False to call through botocore always.
    """

    Settings: ClassVar = FirehoseSettings
    service: ClassVar = "firehose"
    default_limits: ClassVar = LIMITS
    uses_fields = False

    def __init__(self, settings: FirehoseSettings, *, direct: bool = True) -> None:
        super().__init__(settings, settings.arn.region, direct=direct)
        self._name = settings.resource_name
        self._delimiter = settings.delimiter.encode()

    def size(self, entry: Entry) -> int:
        """Data before base64, delimiter included."""
        return len(entry.data) + len(self._delimiter)

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """One PutRecordBatch call. Refused entries are found by position.

        Raises:
            TransientError: throttled, or no answer that tells of every entry.
            PermanentError: the stream is absent, forbidden or its key is out of use.
        """
        delimiter = self._delimiter
        answer = self._client.call(
            "put_record_batch",
            DeliveryStreamName=self._name,
            Records=[{"Data": entry.data + delimiter} for entry in batch],
        )
        return by_position(answer.get("RequestResponses"), len(batch), "RecordId")
