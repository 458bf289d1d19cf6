"""An EventBridge bus, in any Region and account: PutEvents."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, ClassVar

from trailforward.aws.own_calls import OwnCall, OwnEvent
from trailforward.errors import EventError, PermanentError, SettingError
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

#: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html: all entries together stay
#: below 1,048,576 bytes, and one entry may use that alone.
LIMITS = Limits(max_entries=10, max_entry_bytes=1_048_575, max_batch_bytes=1_048_575, max_concurrency=4)

#: Codes of entries that will never be taken
#: (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html).
_FOR_GOOD = frozenset(
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

#: Seconds for which a bus that was seen counts as being there.
CHECK_SECONDS = 900.0


class EventBridgeSettings(AwsSinkSettings):
    """``[sinks.NAME]`` with a bus's ARN.

    Attributes:
        source: of the events on the bus; ``aws.…`` is refused by EventBridge, so the event travels whole,
            inside ``detail``.
        detail_type: of the events on the bus.
        check_bus: ask whether the bus exists before using it (``events:DescribeEventBus``): PutEvents
            answers success for a bus that does not exist, and drops the events.
    """

    service: ClassVar[str] = "events"
    resource_prefix: ClassVar[str] = "event-bus/"
    example: ClassVar[str] = "arn:aws:events:us-west-2:111122223333:event-bus/security"

    source: Annotated[str, Constraint(min_length=1, max_length=256)] = "trailforward"
    detail_type: Annotated[str, Constraint(min_length=1, max_length=128)] = "CloudTrail Event by trailforward"
    check_bus: bool = True

    @classmethod
    def check_source(cls, source: str) -> None:
        """Refuses what EventBridge would."""
        if source.startswith("aws."):
            raise SettingError(
                "EventBridge keeps sources that begin with aws. for AWS", "use a name of your own"
            )

    def check(self, format: Format) -> None:  # noqa: A002  # named as the setting is
        """Refuses formats that are no JSON object: ``detail`` must be one."""
        super().check(format)
        if not format.json:
            raise SettingError(
                f"format {format.name!r} is no JSON, and an event's `detail` must be", 'use format = "raw"'
            )

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """PutEvents on the bus, and DescribeEventBus where `check_bus` is on."""
        names = ("PutEvents", "DescribeEventBus") if self.check_bus else ("PutEvents",)
        return (OwnCall("events.amazonaws.com", names, self.to),)

    @property
    def own_event(self) -> OwnEvent:
        """What the sink puts on the bus: a rule there may send it back."""
        return OwnEvent(self.source, self.detail_type, self.to)


class EventBridgeSink(AwsSink):
    """A bus. The formatted bytes are the text of ``detail``; ``resources`` names the bus.

    By ``resources`` the guard knows an event of ours that a rule on the bus sends back.

    Args:
        settings: see :class:`EventBridgeSettings`.
        direct: False to call through botocore always.

    Raises:
        SettingError: the format does not fit.
    """

    Settings: ClassVar = EventBridgeSettings
    service: ClassVar = "events"
    default_limits: ClassVar = LIMITS
    uses_fields = False

    def __init__(self, settings: EventBridgeSettings, *, direct: bool = True) -> None:
        super().__init__(settings, settings.arn.region, direct=direct)
        self._head = {
            "Source": settings.source,
            "DetailType": settings.detail_type,
            "Resources": [self.arn],
            "EventBusName": self.arn,
        }
        self._overhead = len((settings.source + settings.detail_type + self.arn).encode())
        self._check = settings.check_bus
        self._seen = 0.0

    def size(self, entry: Entry) -> int:
        """Detail, source, detail-type and resources in UTF-8."""
        return len(entry.data) + self._overhead

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """One PutEvents call. Refused entries (integers beyond int64, say) are found by position.

        Raises:
            TransientError: throttled, or no answer that tells of every entry.
            PermanentError: the bus is absent or forbidden.
        """
        self._see_the_bus()
        sendable: list[tuple[int, str]] = []
        refused: list[Rejection] = []
        for index, entry in enumerate(batch):
            try:
                sendable.append((index, to_text(entry.data)))
            except EventError as error:
                refused.append(Rejection(index, error.code, str(error), transient=False))
        if sendable:
            answer = self._client.call(
                "put_events", Entries=[{**self._head, "Detail": text} for _, text in sendable]
            )
            told = by_position(answer.get("Entries"), len(sendable), "EventId", for_good=_FOR_GOOD)
            refused += [Rejection(sendable[r.index][0], r.code, r.message, r.transient) for r in told]
        return refused

    def _see_the_bus(self) -> None:
        """PutEvents to a bus that does not exist succeeds, and loses the events."""
        if not self._check or 0 <= time.time() - self._seen < CHECK_SECONDS:
            return
        try:
            self._client.call("describe_event_bus", Name=self.arn)
        except PermanentError as error:
            if error.code == "ResourceNotFoundException":
                text = "there is no such bus, and EventBridge would drop the events without a word"
            else:
                text = "whether the bus exists is not known: grant events:DescribeEventBus on it, in its "
                text += "own policy too if it is another account's, or set check_bus = false"
            raise PermanentError(error.code, text) from None
        self._seen = time.time()
