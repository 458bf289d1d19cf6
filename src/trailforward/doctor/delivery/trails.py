"""Trails: whether CloudTrail records the call with a trail, so that EventBridge receives the event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.delivery.selectors import selects
from trailforward.doctor.world.links import describe, trail_link
from trailforward.doctor.world.regions import US_EAST_1

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.doctor.delivery.delivery_path import DeliveryPath
    from trailforward.doctor.delivery.query import Query
    from trailforward.doctor.world.trails import Trail


def through_trails(query: Query, path: DeliveryPath) -> DeliveryPath:
    """Checks that a trail is logging in the Region and selects the event.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html
    """
    running = [trail for trail in _effective(query) if trail.logging and _has_copy(query, trail)]
    after = _select(query, path, running) if running else _no_trail(query, path)
    if after.end is None:
        return after
    reason = query.index.unseen("trails", query.account, query.region)
    if reason is None:
        return after
    return path.to(after.end.at).doubt("NOT_SEEN", after.end.at, what="trails", reason=reason)


def _effective(query: Query) -> list[Trail]:
    """The account's trails that are multi-Region or have their home in the Region."""
    return [
        trail
        for trail in query.index.trails(query.account)
        if trail.multi_region or trail.home == query.region
    ]


def _has_copy(query: Query, trail: Trail) -> bool:
    """Whether the trail works in the account: a member must have enabled an organization trail's home Region.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/creating-trail-organization.html
    """
    foreign = trail.organization and trail.multi_region and trail.account != query.account
    return not foreign or query.index.enabled(query.account, trail.home)


def _no_trail(query: Query, path: DeliveryPath) -> DeliveryPath:
    """Explains why no trail is logging here, with the trail that comes closest."""
    effective = _effective(query)
    for trail in effective:
        if _has_copy(query, trail):
            return path.broken("TRAIL_NOT_LOGGING", trail_link(trail))
    for trail in effective:
        return path.broken("ORG_TRAIL_HOME_NOT_OPTED_IN", trail_link(trail))
    for trail in query.index.trails(query.account):
        if query.pinned and trail.logging and not trail.multi_region and trail.global_events:
            return path.broken(
                "GLOBAL_ONLY_US_EAST_1",
                trail_link(trail),
                lacks=f"covers its home Region {trail.home} only",
                remedy=f"Make the trail multi-Region, or add one in {US_EAST_1}.",
            )
    return path.broken("NO_TRAIL", query.at("trails"))


def _select(query: Query, path: DeliveryPath, running: Sequence[Trail]) -> DeliveryPath:
    """Checks the selectors of all running trails: one that selects the event is enough."""
    results = [(trail, selects(trail, query)) for trail in running]
    selecting = [trail for trail, result in results if result]
    unclear = [trail for trail, result in results if result is None]
    if selecting:
        return _delivering(query, path, selecting)
    if unclear:
        link = query.at("selectors")
        return path.to(link).doubt(
            "NOT_UNDERSTOOD",
            link,
            what=f"{describe(trail_link(unclear[0]))} has event selectors with unknown keys",
        )
    return path.broken(
        "SELECTOR_EXCLUDES",
        query.at("selectors"),
        trails=", ".join(trail.name for trail in running),
        kind=_kind(query),
    )


def _delivering(query: Query, path: DeliveryPath, selecting: Sequence[Trail]) -> DeliveryPath:
    """Picks a selecting trail, preferably one without a delivery error."""
    healthy = [trail for trail in selecting if not trail.delivery_error]
    if not healthy:
        link = trail_link(selecting[0])
        return path.to(link).doubt("TRAIL_DELIVERY_ERROR", link, error=selecting[0].delivery_error)
    own = next((trail for trail in healthy if trail.account == query.account), None)
    link = trail_link(own or healthy[0])
    path = path.to(link)
    return path if own else path.note("ORG_TRAIL_ONLY", link)


def _kind(query: Query) -> str:
    call = query.call
    access = {True: "read-only ", False: "write ", None: ""}[call.read_only]
    types = ", ".join(sorted({item.type for item in call.resources}))
    return f"{access}{call.category} events{f' ({types})' if types else ''}"
