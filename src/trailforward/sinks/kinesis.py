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

#: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html; a record's size is the
#: stream's setting MaxRecordSizeInKiB, 1,024 unless raised. Data before base64 and partition key count.
LIMITS = Limits(max_entries=500, max_entry_bytes=1_048_576, max_batch_bytes=10_485_760, max_concurrency=4)

_KEY_CHARACTERS = 256
_FIELDS = {"recipientAccountId": "account", "awsRegion": "region"}


class KinesisSettings(AwsSinkSettings):
    """``[sinks.NAME]`` with a stream's ARN.

    Attributes:
        partition_key: ``eventID`` spreads evenly; ``recipientAccountId`` or ``awsRegion`` keep an account's
            or a Region's events on one shard (a hot one, if it is busy).
    """

    service: ClassVar[str] = "kinesis"
    resource_prefix: ClassVar[str] = "stream/"
    example: ClassVar[str] = "arn:aws:kinesis:us-west-2:111122223333:stream/cloudsec"

    partition_key: Literal["eventID", "recipientAccountId", "awsRegion"] = "eventID"

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """PutRecords on the stream."""
        return (OwnCall("kinesis.amazonaws.com", ("PutRecords",), self.to),)


class KinesisSink(AwsSink):
    """A stream.

    Args:
        settings: see :class:`KinesisSettings`.
        direct: False to call through botocore always.
    """

    Settings: ClassVar = KinesisSettings
    service: ClassVar = "kinesis"
    default_limits: ClassVar = LIMITS

    def __init__(self, settings: KinesisSettings, *, direct: bool = True) -> None:
        super().__init__(settings, settings.arn.region, direct=direct)
        self._field = _FIELDS.get(settings.partition_key)
        self.uses_fields = self._field is not None

    def size(self, entry: Entry) -> int:
        """Data before base64, and the partition key in UTF-8."""
        return len(entry.data) + len(self._key(entry).encode())

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """One PutRecords call. Refused entries are found by position.

        Raises:
            TransientError: throttled, or no answer that tells of every entry.
            PermanentError: the stream is absent, forbidden or its key is out of use.
        """
        answer = self._client.call(
            "put_records",
            StreamARN=self.arn,
            Records=[{"Data": entry.data, "PartitionKey": self._key(entry)} for entry in batch],
        )
        return by_position(answer.get("Records"), len(batch), "SequenceNumber")

    def _key(self, entry: Entry) -> str:
        key = entry.key if self._field is None else entry.fields.get(self._field) or entry.key
        return key if len(key) <= _KEY_CHARACTERS else digest(to_bytes(key))
