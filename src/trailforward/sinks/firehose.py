"""Amazon Data Firehose: PutRecordBatch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from trailforward.sinks._aws import Client
from trailforward.sinks._batches import by_position
from trailforward.sinks.base import Limits
from trailforward.sinks.settings import AwsSinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.formats.base import Format
    from trailforward.sinks.base import Entry, Rejection

#: https://docs.aws.amazon.com/firehose/latest/dev/limits.html says 4 MiB a call, the API reference 4 MB:
#: the smaller holds for both. A record is at most 1,000 KiB before base64.
LIMITS = Limits(entries=500, entry_bytes=1_024_000, batch_bytes=4_000_000, calls=4)


class FirehoseSettings(AwsSinkSettings):
    r"""``[sinks.NAME]`` with a delivery stream's ARN.

    Attributes:
        delimiter: sent after each record, because Firehose joins records without one; ``""`` where the
            stream appends its own. It is not part of the event's bytes.
    """

    service: ClassVar[str] = "firehose"
    resource_type: ClassVar[str] = "a Firehose stream"
    resource_prefix: ClassVar[str] = "deliverystream/"
    own_account_only: ClassVar[bool] = True
    example: ClassVar[str] = "arn:aws:firehose:us-west-2:111122223333:deliverystream/archive"

    delimiter: str = "\n"


class FirehoseSink:
    """A delivery stream, in the account of the credentials: the API takes its name only, no ARN.

    Args:
        settings: see :class:`FirehoseSettings`.
        format: unused here; every sink is made the same way.
        direct: False to call by botocore always.
    """

    Settings: ClassVar = FirehoseSettings
    plain: ClassVar = True

    def __init__(self, settings: FirehoseSettings, format: Format, *, direct: bool = True) -> None:  # noqa: A002, ARG002
        self.arn = settings.to
        self.limits = settings.limits.over(LIMITS)
        self._name = settings.resource_name
        self._delimiter = settings.delimiter.encode()
        self._client = Client("firehose", settings.arn.region, direct=direct)

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

    def prepare(self) -> None:
        """Makes the client."""
        self._client.prepare()

    def close(self) -> None:
        """Gives up the connections."""
        self._client.close()
