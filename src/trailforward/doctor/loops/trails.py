"""Trails: those that record CloudTrail's own deliveries to their bucket or log group.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-trail-recursive-logging.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.delivery.delivery_path import RawFinding
from trailforward.doctor.delivery.query import Query
from trailforward.doctor.delivery.reach import reach
from trailforward.doctor.delivery.selectors import CLOUDTRAIL, selects
from trailforward.doctor.delivery.verdict import finding_of
from trailforward.doctor.world.call import Call
from trailforward.doctor.world.data_events import resource_type
from trailforward.doctor.world.index import ENABLED
from trailforward.doctor.world.links import read_arn, trail_link
from trailforward.doctor.world.regions import partition_of
from trailforward.doctor.world.unknown import is_unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.delivery import Finding
    from trailforward.doctor.world.trails import Trail
    from trailforward.doctor.world.world import World

_DEFAULT = "RecursiveLogging, which is on by default, is not known to be off"
_ARRIVES = {
    True: ", and these events reach the destination",
    False: "",
    "unknown": ", and these events may reach the destination",
}


def trail_loops(world: World) -> Iterator[Finding]:
    """One finding for each bucket or log group whose deliveries its own trail records, or may record."""
    for trail in world.trails:
        if trail.logging is False or trail.recursive_logging is False:
            continue
        yield from _to_bucket(world, trail)
        yield from _to_log_group(world, trail)


def _to_bucket(world: World, trail: Trail) -> Iterator[Finding]:
    if not trail.bucket:
        return
    known = world.accounts.get(trail.account, {})
    regions = {trail.home, *(region for region, status in known.items() if status in ENABLED)}
    arn = f"arn:{partition_of(trail.home)}:s3:::{trail.bucket}/AWSLogs/{trail.account}/CloudTrail/example"
    # The Region of the bucket is not known.
    calls = [
        _delivery("s3.amazonaws.com", "PutObject", trail.account, region, arn) for region in sorted(regions)
    ]
    yield from _recorded(world, trail, calls, "bucket", trail.bucket)


def _to_log_group(world: World, trail: Trail) -> Iterator[Finding]:
    arn = read_arn(trail.log_group)
    if arn is None:
        return
    text = trail.log_group.removesuffix(":*")
    call = _delivery("logs.amazonaws.com", "PutLogEvents", arn.account, arn.region, text)
    yield from _recorded(world, trail, [call], "log group", text)


def _recorded(world: World, trail: Trail, calls: list[Call], kind: str, store: str) -> Iterator[Finding]:
    query = Query.of(world.index, calls[0])
    selected = selects(trail, query)
    if selected is False:
        return
    results = {reach(world, call).reaches for call in calls}
    best = next(result for result in (True, "unknown", False) if result in results)
    facts = {
        "trail": trail.name,
        "home": trail.home,
        "kind": kind,
        "store": f"a {kind}" if is_unknown(store) else f"the {kind} {store}",
        "selects": "selects" if selected and trail.logging else "may select",
        "setting": "RecursiveLogging is on" if trail.recursive_logging else _DEFAULT,
        "arrives": _ARRIVES[best if len(results) == 1 or best is not True else "unknown"],
    }
    yield finding_of(query, RawFinding("TRAIL_RECORDS_ITSELF", trail_link(trail), facts))


def _delivery(service: str, name: str, account: str, region: str, arn: str) -> Call:
    kind = resource_type(service)  # if it is not known, a selector may select the event
    return Call(
        account=account,
        region=region,
        service=service,
        event_name=name,
        read_only=False,
        category="Data",
        identity={"type": "AWSService", "invokedBy": CLOUDTRAIL},
        resources=[{"type": kind, "arn": arn}] if kind else (),
    )
