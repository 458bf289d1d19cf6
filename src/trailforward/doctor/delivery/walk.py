"""reach: whether the event of a call arrives at a destination, and if not, which link is broken.

Region, then trails, then the default bus; the order of all checks stands in the package's docstring.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.delivery.buses import through_bus
from trailforward.doctor.delivery.path import Path
from trailforward.doctor.delivery.trails import through_trails
from trailforward.doctor.delivery.trip import Trip
from trailforward.doctor.delivery.verdict import verdict
from trailforward.doctor.index import CHANGING, ENABLED
from trailforward.doctor.links import BusAt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trailforward.doctor.call import Call
    from trailforward.doctor.delivery.verdict import Verdict
    from trailforward.doctor.world import World

#: Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html
MAX_BYTES = 262_144


def reach(world: World, call: Call) -> Verdict:
    """Walks a call from its Region and account to the destinations of a world.

    A pure function; the same world may be asked any number of times, from any thread.

    ::

        verdict = reach(World.model_validate(w), Call.model_validate(c))
        verdict.reaches, verdict.code, verdict.at, verdict.why
    """
    trip = Trip.of(world.index, call)
    return verdict(trip, _best(_paths(trip)))


def _paths(trip: Trip) -> Iterator[Path]:
    """Every way: the Region, then the trails, then rule by rule."""
    path = _through_region(trip, Path())
    if path.end is None and trip.account in trip.index.accounts:
        path = _forged(trip, path) if trip.call.forged else _recorded(trip, path)
        if path.end is None:
            bus = BusAt(trip.account, trip.region, trip.call.bus if trip.call.forged else "default")
            yield from through_bus(trip, path.to(bus.link), bus)
            return
    yield path


def _best(paths: Iterable[Path]) -> Path:
    """A path that arrives; else one that may; else the one that came furthest, the first of equals."""
    broken: list[Path] = []
    maybe: Path | None = None
    for path in paths:
        if path.end is not None:
            broken.append(path)
        elif not path.doubts:
            return path
        else:
            maybe = maybe or path
    return maybe or max(broken, key=lambda path: path.rank)


def _through_region(trip: Trip, path: Path) -> Path:
    """The Region in which the event is recorded must be switched on.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-multi-region-trails.html
    """
    link = trip.at("region")
    path = path.to(link)
    if trip.account not in trip.index.accounts:
        return path.doubt("ACCOUNT_NOT_VISIBLE", link, unread=trip.account)
    status = trip.index.status(trip.account, trip.region)
    if status in CHANGING:
        path = path.doubt("REGION_CHANGING", link, status=status)
    elif status not in ENABLED:
        return path.broken("REGION_DISABLED", link, status=status or "not listed")
    if trip.row is not None and trip.row.region != trip.region:
        path = path.doubt("EVENT_REGION_UNCERTAIN", link, believed=trip.row.region)
    return path


def _forged(trip: Trip, path: Path) -> Path:
    """PutEvents refuses sources that begin with ``aws.``; anything else is on the bus at once.

    Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
    """
    link = trip.at("putevents")
    source = trip.event["source"]
    if source.startswith("aws."):
        return path.broken("FORGED_SOURCE_REFUSED", link, source=source)
    return path.to(link)


def _recorded(trip: Trip, path: Path) -> Path:
    """A trail takes the event, and CloudTrail sends it on if it is not too large."""
    path = through_trails(trip, path)
    if path.end is None and trip.call.bytes > MAX_BYTES:
        return path.broken("EVENT_TOO_LARGE", trip.at("size"), bytes=f"{trip.call.bytes:,}")
    return path
