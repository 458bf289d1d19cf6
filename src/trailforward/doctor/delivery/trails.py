"""Trails: whether CloudTrail records the call in a way that feeds EventBridge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.delivery.selectors import selects
from trailforward.doctor.links import trail_link, words
from trailforward.doctor.regions import US_EAST_1

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.doctor.delivery.path import Path
    from trailforward.doctor.delivery.trip import Trip
    from trailforward.doctor.parts import Trail


def through_trails(trip: Trip, path: Path) -> Path:
    """From the Region to EventBridge: a trail that runs here and selects the event.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html
    """
    running = [trail for trail in _effective(trip) if trail.logging and _has_copy(trip, trail)]
    after = _select(trip, path, running) if running else _no_trail(trip, path)
    if after.end is None:
        return after
    reason = trip.index.unseen("trails", trip.account, trip.region)
    if reason is None:
        return after
    return path.to(after.end.at).doubt("NOT_SEEN", after.end.at, what="trails", reason=reason)


def _effective(trip: Trip) -> list[Trail]:
    """The trails in scope that are multi-Region, or at home in the Region."""
    return [
        trail for trail in trip.index.trails(trip.account) if trail.multi_region or trail.home == trip.region
    ]


def _has_copy(trip: Trip, trail: Trail) -> bool:
    """Whether the account has the trail: not one whose home Region the member has not enabled.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/creating-trail-organization.html
    """
    foreign = trail.organization and trail.multi_region and trail.account != trip.account
    return not foreign or trip.index.enabled(trip.account, trail.home)


def _no_trail(trip: Trip, path: Path) -> Path:
    """The best of the trails that do not run here."""
    effective = _effective(trip)
    for trail in effective:
        if _has_copy(trip, trail):
            return path.broken("TRAIL_NOT_LOGGING", trail_link(trail))
    for trail in effective:
        return path.broken("ORG_TRAIL_HOME_NOT_OPTED_IN", trail_link(trail))
    for trail in trip.index.trails(trip.account):
        if trip.pinned and trail.logging and not trail.multi_region and trail.global_events:
            return path.broken(
                "GLOBAL_ONLY_US_EAST_1",
                trail_link(trail),
                lacks=f"covers its home Region {trail.home} only",
                remedy=f"Make the trail multi-Region, or add one in {US_EAST_1}.",
            )
    return path.broken("NO_TRAIL", trip.at("trails"))


def _select(trip: Trip, path: Path, running: Sequence[Trail]) -> Path:
    """The union of the selectors of all running trails."""
    answers = [(trail, selects(trail, trip)) for trail in running]
    selecting = [trail for trail, answer in answers if answer]
    unclear = [trail for trail, answer in answers if answer is None]
    if selecting:
        return _delivering(trip, path, selecting)
    if unclear:
        link = trip.at("selectors")
        return path.to(link).doubt(
            "NOT_UNDERSTOOD", link, what=f"{words(trail_link(unclear[0]))} has selectors of an unknown form"
        )
    return path.broken(
        "SELECTOR_EXCLUDES",
        trip.at("selectors"),
        trails=", ".join(trail.name for trail in running),
        kind=_kind(trip),
    )


def _delivering(trip: Trip, path: Path, selecting: Sequence[Trail]) -> Path:
    """A selecting trail that delivers; of several, one without a delivery error."""
    healthy = [trail for trail in selecting if not trail.delivery_error]
    if not healthy:
        link = trail_link(selecting[0])
        return path.to(link).doubt("TRAIL_DELIVERY_ERROR", link, error=selecting[0].delivery_error)
    own = next((trail for trail in healthy if trail.account == trip.account), None)
    link = trail_link(own or healthy[0])
    path = path.to(link)
    return path if own else path.note("ORG_TRAIL_ONLY", link)


def _kind(trip: Trip) -> str:
    call = trip.call
    access = {True: "read-only ", False: "write ", None: ""}[call.read_only]
    types = ", ".join(sorted({item.type for item in call.resources}))
    return f"{access}{call.category} events{f' ({types})' if types else ''}"
