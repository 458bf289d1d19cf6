"""Forwarded: signs that rules which were not read forward events to a bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.delivery.policies import role_allows, trusts
from trailforward.doctor.delivery.request import EVENTS, Request
from trailforward.doctor.world.regions import partition_of

if TYPE_CHECKING:
    from trailforward.doctor.world.index import Index
    from trailforward.doctor.world.links import BusAt


def may_be_forwarded(index: Index, bus: BusAt, region: str) -> bool:
    """Whether rules of another Region that were not read may forward its events to a bus.

    Such a rule needs a role, so a role that lets EventBridge put events on the bus is a sign of it; so is a
    policy of the bus, which other accounts need.

    Args:
        index: the world's look-ups; if they show all rules and buses of the Region, the answer is no.
        bus: the bus.
        region: the Region from which events would be forwarded.
    """
    if all(index.unseen(what, bus.account, region) is None for what in ("rules", "buses")):
        return False
    known = index.buses.get(bus)
    if known is not None and known.policy:
        return True
    arn = f"arn:{partition_of(bus.region)}:events:{bus.region}:{bus.account}:event-bus/{bus.name}"
    return any(
        trusts(role, Request(EVENTS, "sts:AssumeRole", role.arn)) is not False
        and role_allows(role, Request(role.arn, "events:PutEvents", arn)) is True
        for role in index.roles.values()
    )
