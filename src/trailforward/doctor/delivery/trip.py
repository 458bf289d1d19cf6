"""Trip: what stays the same on every way of one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trailforward.doctor.regions import US_EAST_1, event_region

if TYPE_CHECKING:
    from trailforward.doctor.call import Call
    from trailforward.doctor.index import Index
    from trailforward.doctor.regions import GlobalService


@dataclass(frozen=True, slots=True)
class Trip:
    """A call in a world.

    Attributes:
        index: the world.
        call: the call.
        region: the Region whose default bus gets the event.
        row: what the table of global services says of the call.
        event: the event as rules see it.
    """

    index: Index
    call: Call
    region: str
    row: GlobalService | None
    event: dict[str, Any]

    @classmethod
    def of(cls, index: Index, call: Call) -> Trip:
        """The trip of a call."""
        region, row = event_region(call)
        return cls(index, call, region, row, call.event(region))

    @property
    def account(self) -> str:
        """The account that records the event."""
        return self.call.account

    @property
    def pinned(self) -> bool:
        """Whether the service records in us-east-1 only."""
        row = self.row
        return row is not None and row.evidence == "documented" and row.region == US_EAST_1

    @property
    def needs_long_state(self) -> bool:
        """Whether rules need the state for all management events: a read-only management event.

        Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html
        """
        return not self.call.forged and self.call.category == "Management" and self.call.read_only is True

    def at(self, kind: str) -> str:
        """A link of the form ``kind:A/R``."""
        return f"{kind}:{self.account}/{self.region}"
