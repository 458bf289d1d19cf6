"""reach: whether the event of a call arrives at a destination, and if not, which link is broken.

The package's docstring lists the order of the checks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trailforward.doctor.delivery.buses import through_bus
from trailforward.doctor.delivery.delivery_path import DeliveryPath, Stage
from trailforward.doctor.delivery.matching import mismatches
from trailforward.doctor.delivery.nearest import slip_in
from trailforward.doctor.delivery.query import Query
from trailforward.doctor.delivery.trails import through_trails
from trailforward.doctor.delivery.verdict import uncertain_category, verdict
from trailforward.doctor.world.index import CHANGING, ENABLED
from trailforward.doctor.world.links import BusAt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trailforward.doctor.delivery.verdict import Verdict
    from trailforward.doctor.world.call import Call
    from trailforward.doctor.world.index import Index
    from trailforward.doctor.world.world import World

#: Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html
MAX_BYTES = 262_144
#: From the worst result to the best.
_ORDER = (False, "unknown", True)


def reach(world: World, call: Call) -> Verdict:
    """Follows a call's event from its account and Region to the destinations of a world.

    A pure function: call it any number of times, from any thread.

    ::

        verdict = reach(World.model_validate(w), Call.model_validate(c))
        verdict.reaches, verdict.code, verdict.at, verdict.why
    """
    return follow(world.index, call)


def follow(index: Index, call: Call) -> Verdict:
    """Like :func:`reach`, with look-ups that may be narrowed to some rules."""
    if call.category or call.is_put_events:
        return _decide(index, call)
    results = [_decide(index, call.model_copy(update={"category": name})) for name in ("Management", "Data")]
    best = max(results, key=lambda result: _ORDER.index(result.reaches))
    if len({result.reaches for result in results}) == 1:
        return best
    return uncertain_category(Query.of(index, call), best)


def _decide(index: Index, call: Call) -> Verdict:
    query = Query.of(index, call)
    path = _best(query, _paths(query))
    found = verdict(query, path)
    if found.code == "PATTERN_MISMATCH" and (slip := slip_in(path.rules[-1].pattern)):
        found = replace(found, why=f"{found.why} No CloudTrail event matches it: {slip}.")
    return found


def _paths(query: Query) -> Iterator[DeliveryPath]:
    """All paths: through the Region, the trails, and then each rule."""
    path = _through_region(query, DeliveryPath())
    if path.end is None and query.account in query.index.accounts:
        path = _put_events(query, path) if query.call.is_put_events else _recorded(query, path)
        if path.end is None:
            bus = BusAt(
                query.account, query.region, query.call.bus if query.call.is_put_events else "default"
            )
            yield from through_bus(query, path.to(bus.link), bus)
            return
    yield path


def _best(query: Query, paths: Iterable[DeliveryPath]) -> DeliveryPath:
    """A path that arrives; else one with doubts only; else the one that got furthest.

    Of several rules whose pattern does not match, the nearest one wins; else the first.
    """
    broken: list[DeliveryPath] = []
    maybe: DeliveryPath | None = None
    for path in paths:
        if path.end is not None:
            broken.append(path)
        elif not path.doubts:
            return path
        else:
            maybe = maybe or path
    if maybe is not None:
        return maybe
    furthest = max(path.rank for path in broken)
    last = [path for path in broken if path.rank == furthest]
    if len(last) > 1 and last[0].stage is Stage.PATTERN:
        return min(last, key=lambda path: len(mismatches(path.rules[-1].pattern, query.event)))
    return last[0]


def _through_region(query: Query, path: DeliveryPath) -> DeliveryPath:
    """Checks that the Region that records the event is enabled.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-multi-region-trails.html
    """
    link = query.at("region")
    path = path.to(link)
    if query.account not in query.index.accounts:
        return path.doubt("ACCOUNT_NOT_VISIBLE", link, unread=query.account)
    status = query.index.status(query.account, query.region)
    if status in CHANGING:
        path = path.doubt("REGION_CHANGING", link, status=status)
    elif status not in {*ENABLED, "DISABLED", None}:
        path = path.doubt("NOT_UNDERSTOOD", link, what=f"its status ({status})")
    elif status not in ENABLED:
        return path.broken("REGION_DISABLED", link, status=status or "not listed")
    if query.row is not None and query.row.region != query.region:
        path = path.doubt("EVENT_REGION_UNCERTAIN", link, believed=query.row.region)
    return path


def _put_events(query: Query, path: DeliveryPath) -> DeliveryPath:
    """PutEvents rejects sources that begin with ``aws.``; any other event arrives on the bus directly.

    Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
    """
    link = query.at("putevents")
    source = query.event["source"]
    if source.startswith("aws."):
        return path.broken("FORGED_SOURCE_REFUSED", link, source=source)
    return path.to(link)


def _recorded(query: Query, path: DeliveryPath) -> DeliveryPath:
    """Checks that a trail records the event, and that it is small enough for EventBridge."""
    path = through_trails(query, path)
    if path.end is None and query.call.bytes > MAX_BYTES:
        return path.broken("EVENT_TOO_LARGE", query.at("size"), bytes=f"{query.call.bytes:,}")
    return path
