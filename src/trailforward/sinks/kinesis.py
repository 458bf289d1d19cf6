"""Kinesis Data Streams: PutRecords."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from trailforward.aws.own_calls import OwnCall
from trailforward.jsontext import to_bytes
from trailforward.sinks._aws_batches import by_position, digest
from trailforward.sinks._aws_sink import AwsSink
from trailforward.sinks.base import Limits
from trailforward.sinks.settings import AwsSinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.sinks.base import Entry, Rejection

#: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html. The largest record is
#: the stream's MaxRecordSizeInKiB, 1,024 by default. Data before base64 and the partition key count.
LIMITS = Limits(max_entries=500, max_entry_bytes=1_048_576, max_batch_bytes=10_485_760, max_concurrency=4)

_KEY_CHARACTERS = 256
_FIELDS = {"recipientAccountId": "account", "awsRegion": "region"}


class KinesisSettings(AwsSinkSettings):
    """``[sinks.NAME]`` with a stream's ARN.

    Attributes:
        partition_key: ``eventID`` spreads events evenly over the shards. ``recipientAccountId`` or
            ``awsRegion`` keeps the events of an account or a Region on one shard, which can become hot.
    """

    service: ClassVar[str] = "kinesis"
    service_name: ClassVar[str] = "Kinesis"
    resource_type: ClassVar[str] = "stream"
    resource_prefix: ClassVar[str] = "stream/"
    example: ClassVar[str] = "arn:aws:kinesis:us-west-2:111122223333:stream/cloudsec"

    partition_key: Literal["eventID", "recipientAccountId", "awsRegion"] = "eventID"

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """PutRecords on the stream."""
        return (OwnCall("kinesis.amazonaws.com", ("PutRecords",), self.to),)


class KinesisSink(AwsSink):
    """Sends to a data stream.

    Args:
        settings: see :class:`KinesisSettings`.
        direct: False to always call through botocore.
    """

    Settings: ClassVar = KinesisSettings
    service: ClassVar = "kinesis"
    default_limits: ClassVar = LIMITS

    def __init__(self, settings: KinesisSettings, *, direct: bool = True) -> None:
        super().__init__(settings, settings.arn.region, direct=direct)
        self._field = _FIELDS.get(settings.partition_key)
        self.uses_fields = self._field is not None

    def size(self, entry: Entry) -> int:
        """Data before base64, plus the partition key in UTF-8."""
        return len(entry.data) + len(self._key(entry).encode())

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Makes one PutRecords call.

        Raises:
            TransientError: throttled, or no complete response.
            PermanentError: the stream does not exist, access is denied, or its KMS key is disabled.
        """
        response = self._client.call(
            "put_records",
            StreamARN=self.arn,
            Records=[{"Data": entry.data, "PartitionKey": self._key(entry)} for entry in batch],
        )
        return by_position(response.get("Records"), len(batch), "SequenceNumber")

    def _key(self, entry: Entry) -> str:
        key = entry.key if self._field is None else entry.fields.get(self._field) or entry.key
        return key if len(key) <= _KEY_CHARACTERS else digest(to_bytes(key))
