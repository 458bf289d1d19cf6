"""EventBridge: PutEvents to an event bus in any Region and account."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from trailforward.aws.own_calls import OwnCall, OwnEvent
from trailforward.errors import Cause, EventError, PermanentError, SettingError
from trailforward.jsontext import to_text
from trailforward.settings import Constraint
from trailforward.sinks._aws_batches import by_position
from trailforward.sinks._aws_sink import AwsSink
from trailforward.sinks.base import Limits, Rejection
from trailforward.sinks.settings import AwsSinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.formats.base import Format
    from trailforward.sinks.base import Entry

#: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html: a call must be
#: smaller than 1,048,576 bytes, and a single entry may use all of it.
LIMITS = Limits(max_entries=10, max_entry_bytes=1_048_575, max_batch_bytes=1_048_575, max_concurrency=4)

#: Permanent error codes of entries
#: (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html).
_PERMANENT_CODES = frozenset(
    {
        "AccessDeniedException",
        "InvalidAccountIdException",
        "InvalidArgument",
        "MalformedDetail",
        "NotAuthorizedForDetailTypeException",
        "NotAuthorizedForSourceException",
        "RedactionFailure",
    }
)

#: Seconds between two checks that the bus exists.
CHECK_SECONDS = 900.0


class EventBridgeSettings(AwsSinkSettings):
    """``[sinks.NAME]`` with a bus's ARN.

    Attributes:
        source: ``source`` of the events on the bus. EventBridge rejects ``aws.…``, so the original event is
            sent inside ``detail``.
        detail_type: ``detail-type`` of the events on the bus.
        check_bus: check that the bus exists (``events:DescribeEventBus``). If it does not exist, PutEvents
            reports success and drops the events.
    """

    service: ClassVar[str] = "events"
    service_name: ClassVar[str] = "EventBridge"
    resource_type: ClassVar[str] = "event bus"
    resource_prefix: ClassVar[str] = "event-bus/"
    example: ClassVar[str] = "arn:aws:events:us-west-2:111122223333:event-bus/security"

    source: Annotated[str, Constraint(min_length=1, max_length=256)] = "trailforward"
    detail_type: Annotated[str, Constraint(min_length=1, max_length=128)] = "CloudTrail Event by trailforward"
    check_bus: bool = True

    @classmethod
    def check_source(cls, source: str) -> None:
        """Rejects sources that EventBridge does not accept."""
        if source.startswith("aws."):
            raise SettingError(
                "EventBridge reserves sources that begin with aws. for AWS", "use another name"
            )

    def check(self, format: Format) -> None:  # noqa: A002  # named as the setting is
        """Rejects formats that are not JSON, because ``detail`` must be a JSON object."""
        super().check(format)
        if not format.json:
            raise SettingError(
                f"format {format.name!r} is not JSON, but an event's `detail` must be", 'use format = "raw"'
            )

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """PutEvents on the bus, and DescribeEventBus if ``check_bus`` is true."""
        names = ("PutEvents", "DescribeEventBus") if self.check_bus else ("PutEvents",)
        return (OwnCall("events.amazonaws.com", names, self.to),)

    @property
    def own_event(self) -> OwnEvent:
        """The shape of the events that the sink puts on the bus. A rule on the bus may send them back."""
        return OwnEvent(self.source, self.detail_type, self.to)


class EventBridgeSink(AwsSink):
    """Sends to an event bus. The formatted bytes become ``detail``, and ``resources`` contains the bus's ARN.

    ``resources`` lets the self-guard recognize forwarded events that a rule on the bus sends back.

    Args:
        settings: see :class:`EventBridgeSettings`.
        direct: False to always call through botocore.

    Raises:
        SettingError: the format is not supported.
    """

    Settings: ClassVar = EventBridgeSettings
    service: ClassVar = "events"
    default_limits: ClassVar = LIMITS
    uses_fields = False

    def __init__(self, settings: EventBridgeSettings, *, direct: bool = True) -> None:
        super().__init__(settings, settings.arn.region, direct=direct)
        self._fields = {
            "Source": settings.source,
            "DetailType": settings.detail_type,
            "Resources": [self.arn],
            "EventBusName": self.arn,
        }
        self._overhead = len((settings.source + settings.detail_type + self.arn).encode())
        self._check = settings.check_bus
        self._checked_at = 0.0

    def size(self, entry: Entry) -> int:
        """Detail, source, detail type, and resources in UTF-8."""
        return len(entry.data) + self._overhead

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Makes one PutEvents call. EventBridge can reject single entries, such as integers beyond int64.

        Raises:
            TransientError: throttled, or no complete response.
            PermanentError: the bus does not exist, or access is denied.
        """
        self._check_bus_exists()
        sendable: list[tuple[int, str]] = []
        rejections: list[Rejection] = []
        for index, entry in enumerate(batch):
            try:
                sendable.append((index, to_text(entry.data)))
            except EventError as error:
                rejections.append(
                    Rejection(index, error.code, str(error), transient=False, cause=Cause.CONTENT)
                )
        if sendable:
            response = self._client.call(
                "put_events", Entries=[{**self._fields, "Detail": text} for _, text in sendable]
            )
            rejected = by_position(
                response.get("Entries"), len(sendable), "EventId", permanent=_PERMANENT_CODES
            )
            rejections += [replace(r, index=sendable[r.index][0]) for r in rejected]
        return rejections

    def _check_bus_exists(self) -> None:
        """Checks the bus, because PutEvents to a bus that does not exist succeeds and drops the events."""
        if not self._check or 0 <= time.time() - self._checked_at < CHECK_SECONDS:
            return
        try:
            self._client.call("describe_event_bus", Name=self.arn)
        except PermanentError as error:
            if error.code == "ResourceNotFoundException":
                text = "the event bus does not exist, and EventBridge would drop the events without an error"
            else:
                text = "cannot check that the event bus exists. Fix: grant events:DescribeEventBus on it "
                text += "(also in its resource policy, if it is in another account), or set check_bus = false"
            raise PermanentError(error.code, text) from None
        self._checked_at = time.time()
