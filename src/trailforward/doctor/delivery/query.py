"""Query: one call in one world, the input of every check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trailforward.doctor.world.regions import US_EAST_1, event_region

if TYPE_CHECKING:
    from trailforward.doctor.world.call import Call
    from trailforward.doctor.world.index import Index
    from trailforward.doctor.world.regions import GlobalService


@dataclass(frozen=True, slots=True)
class Query:
    """One call in one world.

    Attributes:
        index: look-ups in the world.
        call: the call.
        region: the Region whose default bus receives the event.
        row: the row about global services that applies to the call, or None.
        event: the event as rules receive it.
    """

    index: Index
    call: Call
    region: str
    row: GlobalService | None
    event: dict[str, Any]

    @classmethod
    def of(cls, index: Index, call: Call) -> Query:
        """The query for a call."""
        region, row = event_region(call)
        return cls(index, call, region, row, call.event(region))

    @property
    def account(self) -> str:
        """The account that records the event."""
        return self.call.account

    @property
    def pinned(self) -> bool:
        """Whether CloudTrail records the service's calls in us-east-1 only."""
        row = self.row
        return row is not None and row.evidence == "documented" and row.region == US_EAST_1

    @property
    def needs_all_events_state(self) -> bool:
        """Whether rules need the state ``ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS``: read-only ones do.

        Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html
        """
        return (
            not self.call.is_put_events and self.call.category == "Management" and self.call.read_only is True
        )

    def at(self, kind: str) -> str:
        """A link of the form ``kind:A/R``."""
        return f"{kind}:{self.account}/{self.region}"
