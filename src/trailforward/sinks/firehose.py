"""Amazon Data Firehose: PutRecordBatch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from trailforward.aws.own_calls import OwnCall
from trailforward.sinks._aws_batches import by_position
from trailforward.sinks._aws_sink import AwsSink
from trailforward.sinks._lines import on_one_line
from trailforward.sinks.base import Limits
from trailforward.sinks.settings import AwsSinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.sinks.base import Entry, Rejection

#: https://docs.aws.amazon.com/firehose/latest/dev/limits.html says 4 MiB per call, the API reference says
#: 4 MB; the smaller value satisfies both. A record has at most 1,000 KiB before base64.
LIMITS = Limits(max_entries=500, max_entry_bytes=1_024_000, max_batch_bytes=4_000_000, max_concurrency=4)


class FirehoseSettings(AwsSinkSettings):
    r"""``[sinks.NAME]`` with a delivery stream's ARN.

    Attributes:
        delimiter: sent after each record, because Firehose concatenates records without a delimiter; ``""``
            if the stream appends a delimiter. It is not part of the event's bytes.
    """

    service: ClassVar[str] = "firehose"
    service_name: ClassVar[str] = "Firehose"
    resource_type: ClassVar[str] = "delivery stream"
    resource_prefix: ClassVar[str] = "deliverystream/"
    only_own_account: ClassVar[bool] = True
    example: ClassVar[str] = "arn:aws:firehose:us-west-2:111122223333:deliverystream/archive"

    delimiter: str = "\n"

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """PutRecordBatch on the delivery stream."""
        return (OwnCall("firehose.amazonaws.com", ("PutRecordBatch",), self.to),)


class FirehoseSink(AwsSink):
    """Sends to a delivery stream. The API takes its name, so it must be in the function's own account.

    Args:
        settings: see :class:`FirehoseSettings`.
        direct: False to always call through botocore.
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
        """Data before base64, including the delimiter."""
        return len(entry.data) + len(self._delimiter)

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Makes one PutRecordBatch call.

        Raises:
            TransientError: throttled, or no complete response.
            PermanentError: the stream does not exist, access is denied, or its KMS key is disabled.
        """
        delimiter = self._delimiter
        response = self._client.call(
            "put_record_batch",
            DeliveryStreamName=self._name,
            Records=[{"Data": on_one_line(entry) + delimiter} for entry in batch],
        )
        return by_position(response.get("RequestResponses"), len(batch), "RecordId")
