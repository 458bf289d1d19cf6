"""Custom event buses of EventBridge's second API (``eventsv2``): PutRawEvents, through botocore.

Written from docs.aws.amazon.com/eventbridge/latest/userguide/eb-custom-bus-publish.html and from botocore's
service model ``eventbridgev2`` (2025-05-15). Never tried on a real bus: no stand-in has this API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.aws.errors import INVALID_INPUT_CODES
from trailforward.aws.own_calls import OwnCall
from trailforward.errors import SettingError
from trailforward.sinks._aws_batches import by_position
from trailforward.sinks._aws_sink import AwsSink
from trailforward.sinks._fifo import fifo_id
from trailforward.sinks.base import Limits, Rejection
from trailforward.sinks.settings import AwsSinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.formats.base import Format
    from trailforward.sinks.base import Entry

#: 100 entries are documented (eb-custom-bus-publish). The limit on bytes is not: AWS gives 1 MB for calls of
#: Put*Events, and it is not known what counts, so this counts all strings, and uses the smaller megabyte.
LIMITS = Limits(max_entries=100, max_entry_bytes=1_000_000, max_batch_bytes=1_000_000, max_concurrency=4)

#: The formats of data that AWS lists are JSON, Avro, Protobuf, and bytes (eb-custom-bus-open-formats).
CONTENT_TYPE = "application/json"

#: Permanent error codes of entries: invalid input, and those of the call (service model).
_PERMANENT = INVALID_INPUT_CODES | {"AccessDeniedException", "ResourceNotFoundException"}


class EventBridgeV2Settings(AwsSinkSettings):
    """``[sinks.NAME]`` with the ARN of such a bus."""

    service: ClassVar[str] = "events"
    service_name: ClassVar[str] = "EventBridge"
    resource_type: ClassVar[str] = "custom event bus"
    resource_prefix: ClassVar[str] = "event-busv2/"
    example: ClassVar[str] = (
        "arn:aws:events:us-west-2:111122223333:event-busv2/security/abcdefghij0123456789abcde"
    )

    @classmethod
    def name_shape(cls) -> str:
        """The name of the bus, and its ID (service model)."""
        return r"[A-Za-z0-9][._A-Za-z0-9-]{0,255}/[a-z0-9]{25}"

    def check(self, format: Format) -> None:  # noqa: A002  # named as the setting is
        """Rejects formats that are not JSON, which subscribers could not filter.

        Raises:
            SettingError: the format is not JSON.
        """
        super().check(format)
        if not format.json:
            raise SettingError(
                f"format {format.name!r} is not JSON, but subscribers filter by the event's JSON",
                'use format = "raw"',
            )

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """PutRawEvents on the bus."""
        return (OwnCall("events.amazonaws.com", ("PutRawEvents",), self.to),)


class EventBridgeV2Sink(AwsSink):
    """Sends to a custom event bus: the data is the formatted bytes, and the metadata is what was detected.

    The deduplication ID is the event ID, so EventBridge publishes an event once within five minutes.

    Args:
        settings: see :class:`EventBridgeV2Settings`.
        direct: ignored: the API is called through botocore.

    Raises:
        SettingError: the installed botocore does not know the API.
        MissingExtraError: botocore is not installed.
    """

    Settings: ClassVar = EventBridgeV2Settings
    service: ClassVar = "eventbridgev2"
    default_limits: ClassVar = LIMITS
    uses_fields = False

    def __init__(self, settings: EventBridgeV2Settings, *, direct: bool = True) -> None:
        super().__init__(settings, settings.arn.region, direct=direct)
        _require_api()

    def size(self, entry: Entry) -> int:
        """Data, deduplication ID, content type, and metadata."""
        metadata = sum(len(name.encode()) + len(value.encode()) for name, value in entry.attributes.items())
        return len(entry.data) + len(fifo_id(entry.key)) + len(CONTENT_TYPE) + metadata

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Makes one PutRawEvents call. EventBridge can reject single entries.

        Raises:
            TransientError: throttled, or no complete response.
            PermanentError: the bus does not exist, or access is denied.
        """
        response = self._client.call(
            "put_raw_events", EventBusArn=self.arn, Entries=[_entry(entry) for entry in batch]
        )
        # SuccessCode is PUBLISHED, or DEDUPLICATED: the bus has the event already.
        return by_position(response.get("Entries"), len(batch), "SuccessCode", permanent=_PERMANENT)


def _entry(entry: Entry) -> dict[str, Any]:
    system = {"ContentType": CONTENT_TYPE, "DeduplicationId": fifo_id(entry.key)}
    metadata = {name: value for name, value in entry.attributes.items() if value}
    return {"Data": entry.data, "SystemMetadata": system} | ({"Metadata": metadata} if metadata else {})


def _require_api() -> None:
    from trailforward.aws.session import shared_session

    if "eventbridgev2" not in shared_session().get_available_services():
        from botocore import __version__

        raise SettingError(
            f"botocore {__version__} does not know the API of V2 custom event buses (eventbridgev2)",
            "build the layer with boto3 (python -m layer.build --with-boto3), or install a newer boto3",
        )
