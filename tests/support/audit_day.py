"""Writes a day of a trail, and what arrived, with one of each thing that an audit finds."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from tests.support.trail_bucket import TrailBucket, dumps, envelope, record

if TYPE_CHECKING:
    from pathlib import Path


def write_day(folder: Path, more: int = 0) -> None:
    """Two Regions with repeats, read-only events, changes of rules, and lost, altered, and forged events.

    Args:
        folder: gets the folders ``trail`` and ``delivered``.
        more: further log files with one record each, of which every fiftieth is lost.
    """
    trail = TrailBucket(folder / "trail", "o-exampleorgid")
    arrived = []
    number = 0
    for minute in range(-30, 24 * 60 + 30, 360):
        for region in ("eu-west-1", "us-east-1"):
            some = [
                record(
                    number + n, awsRegion=region, readOnly=n == 2, eventName="ListUsers" if n == 2 else "Run"
                )
                for n in range(5)
            ]
            number += 5
            if minute == 330 and region == "us-east-1":
                rule = {"name": "trailforward-events"}
                change = {"eventSource": "events.amazonaws.com", "requestParameters": rule}
                some[1] |= change | {"eventName": "DisableRule"}
            trail.put(minute, some, region=region)
            arrived += [one for n, one in enumerate(some) if n not in {2, 4}]
    trail.put(95, [record(2000)])
    trail.put(100, [record(2000), record(2000)])
    for index in range(more):
        one = record(index % 1400, eventID=f"{index:08x}-0000-4000-8000-000000000000")
        trail.put(index % 1400, [one])
        arrived += [one] if index % 50 else []
    trail.put(130, b"not gzip", region="eu-west-1")
    arrived[10] |= {"eventName": "Altered"}
    arrived.append(record(777_777, eventTime="2026-11-26T08:00:00Z"))
    place = folder / "delivered" / "2026" / "11" / "26"
    place.mkdir(parents=True)
    for first in range(0, len(arrived), 20):
        lines = [dumps(envelope(one)) for one in arrived[first : first + 20]]
        (place / f"{first}.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
