"""Trails: whether CloudTrail records the call with a trail, so that EventBridge receives the event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.delivery.delivery_path import RawFinding
from trailforward.doctor.delivery.selectors import selects
from trailforward.doctor.delivery.ternary import every, some
from trailforward.doctor.world.links import describe, trail_link
from trailforward.doctor.world.regions import US_EAST_1
from trailforward.doctor.world.unknown import is_unknown, same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.doctor.delivery.delivery_path import DeliveryPath
    from trailforward.doctor.delivery.query import Query
    from trailforward.doctor.delivery.ternary import Ternary
    from trailforward.doctor.world.trails import Trail


def through_trails(query: Query, path: DeliveryPath) -> DeliveryPath:
    """Checks that a trail is logging in the Region and selects the event.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html
    """
    checked = [
        (trail, runs)
        for trail in query.index.trails(query.account)
        if (runs := _runs(query, trail)) is not False
    ]
    selecting = [
        (trail, runs, result) for trail, runs in checked if (result := selects(trail, query)) is not False
    ]
    sure = [trail for trail, runs, result in selecting if runs and result]
    if sure:
        return _delivering(query, path, sure)
    if selecting:
        trail, runs, _ = selecting[0]
        return _unclear(query, path, trail, selectors=runs is True)
    running = [trail for trail, runs in checked if runs]
    found = _excluded(query, running) if running else _no_trail(query)
    reason = query.index.unseen("trails", query.account, query.region)
    if reason is None:
        return path.broken(found.code, found.at, **found.facts)
    return path.to(found.at).doubt("NOT_SEEN", found.at, what="trails", reason=reason)


def _runs(query: Query, trail: Trail) -> Ternary:
    """Whether a trail records the account's calls in the Region."""
    logging = None if "logging" in trail.unread else trail.logging
    return every(
        (query.index.in_scope(trail, query.account), _covers(query, trail), _has_copy(query, trail), logging)
    )


def _covers(query: Query, trail: Trail) -> Ternary:
    """Whether a trail is multi-Region, or has its home in the Region."""
    return some((trail.multi_region, same(trail.home, query.region)))


def _has_copy(query: Query, trail: Trail) -> Ternary:
    """Whether the trail works in the account: a member must have enabled an organization trail's home Region.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/creating-trail-organization.html
    """
    if trail.organization is False or trail.multi_region is False or trail.account == query.account:
        return True
    if query.index.changing(query.account, trail.home) or is_unknown(trail.home):
        return None
    return query.index.enabled(query.account, trail.home)


def _unclear(query: Query, path: DeliveryPath, trail: Trail, *, selectors: bool) -> DeliveryPath:
    """A trail that may record the event, with the reason why that is not certain."""
    link = trail_link(trail)
    field, what = ("logging", "status")
    if selectors:
        insight = query.call.category == "Insight"
        field, what = ("insights", "Insights") if insight else ("selectors", "event selectors")
        if "dataSelectors" in trail.unread and query.call.category in {"Data", "NetworkActivity"}:
            field = "dataSelectors"
    if field in trail.unread:
        return path.to(link).doubt("NOT_SEEN", link, what=what, reason=trail.unread[field])
    if selectors:
        link = query.at("selectors")
        what = f"whether the event selectors of {describe(trail_link(trail))} include the event"
        return path.to(link).doubt("NOT_UNDERSTOOD", link, what=what)
    reason = query.index.unseen("organization", query.account, "*")
    if trail.organization is not False and trail.account != query.account and reason is not None:
        return path.to(link).doubt("NOT_SEEN", link, what="organization", reason=reason)
    return path.to(link).doubt("VALUE_UNKNOWN", link, what="a setting of the trail", value=trail.name)


def _no_trail(query: Query) -> RawFinding:
    """Explains why no trail is logging here, with the trail that comes closest."""
    effective = [trail for trail in query.index.trails(query.account) if _covers(query, trail)]
    for trail in effective:
        if _has_copy(query, trail):
            return RawFinding("TRAIL_NOT_LOGGING", trail_link(trail), {})
    for trail in effective:
        return RawFinding("ORG_TRAIL_HOME_NOT_OPTED_IN", trail_link(trail), {})
    for trail in query.index.trails(query.account):
        if query.pinned and trail.logging and not trail.multi_region and trail.global_events:
            facts = {
                "lacks": f"covers its home Region {trail.home} only",
                "remedy": f"Make the trail multi-Region, or add one in {US_EAST_1}.",
            }
            return RawFinding("GLOBAL_ONLY_US_EAST_1", trail_link(trail), facts)
    return RawFinding("NO_TRAIL", query.at("trails"), {})


def _excluded(query: Query, running: Sequence[Trail]) -> RawFinding:
    """No running trail selects the event."""
    facts = {"trails": ", ".join(trail.name for trail in running), "kind": _kind(query)}
    return RawFinding("SELECTOR_EXCLUDES", query.at("selectors"), facts)


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
