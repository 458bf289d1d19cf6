"""Query: one call in one world, the input of every check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trailforward.doctor.world.data_events import resource_type
from trailforward.doctor.world.regions import US_EAST_1, event_region

if TYPE_CHECKING:
    from trailforward.doctor.world.call import Call
    from trailforward.doctor.world.index import Index
    from trailforward.doctor.world.regions import GlobalService


#: Calls that begin with Get, but that AWS names as mutating: (eventSource, eventName).
_MUTATING = frozenset({("sts.amazonaws.com", "GetFederationToken"), ("sts.amazonaws.com", "GetSessionToken")})


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
    def read_only(self) -> bool | None:
        """Whether it is a read-only management event, which a rule that is only ``ENABLED`` does not receive.

        None for calls that AWS names as mutating, whatever their record says.

        Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html
        """
        call = self.call
        read = not call.is_put_events and call.category == "Management" and call.read_only is True
        return None if read and (call.service, call.event_name) in _MUTATING else read

    @property
    def resource_types(self) -> tuple[str, ...] | None:
        """The types of the resources that a data event is about; None if they are not known."""
        if self.call.resources:
            return tuple(item.type for item in self.call.resources)
        kind = resource_type(self.call.service) if self.call.category == "Data" else ""
        return (kind,) if kind else None

    def at(self, kind: str) -> str:
        """A link of the form ``kind:A/R``."""
        return f"{kind}:{self.account}/{self.region}"
