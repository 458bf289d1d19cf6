"""CPU time and memory of the doctor for every class of event in every Region of many accounts.

The snapshot is typical: an organization trail, a rule in every Region of every account, one hop to the hub's
bus, and a queue. One Region in ten has a fault. The survey asks the same questions and keeps the results, and
also judges every rule. Target for 1,000 accounts and 30 Regions: 60 seconds, and linear growth.

Run: ``make bench-doctor``, or ``.venv/bin/python -m benchmarks.doctor ACCOUNTS REGIONS``
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import Counter
from multiprocessing import get_context
from typing import Any

from trailforward.doctor import CLASSES, World, reach
from trailforward.doctor.report import survey

_COLUMNS = "accounts  Regions questions  snapshot     read questions    each    memory   survey     memory"
#: CPU seconds for 1,000 accounts and 30 Regions.
TARGET = 60
HUB = "111122223333"
HOME = "us-east-1"
BUS = f"arn:aws:events:{HOME}:{HUB}:event-bus/central"
QUEUE = f"arn:aws:sqs:{HOME}:{HUB}:trailforward"
PATTERN = {
    "source": [{"prefix": "aws."}],
    "detail-type": [{"suffix": " via CloudTrail"}],
    "detail": {
        "userIdentity": {
            "sessionContext": {"sessionIssuer": {"arn": [{"exists": False}, {"anything-but": ["own"]}]}}
        }
    },
}


def build(regions: list[str], accounts: list[str]) -> dict[str, Any]:
    """A snapshot of an organization, as parsed JSON."""
    everything = {
        "basic": [
            {
                "ReadWriteType": "All",
                "IncludeManagementEvents": True,
                "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}],
            }
        ]
    }
    allow = {"Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": BUS}
    condition = {"StringEquals": {"aws:PrincipalOrgID": "o-example00"}}
    service = {"Service": "events.amazonaws.com"}
    return {
        "organization": {"id": "o-example00", "management": HUB, "accounts": [HUB, *accounts]},
        "accounts": {account: dict.fromkeys(regions, "ENABLED") for account in [HUB, *accounts]},
        "trails": [
            {
                "name": "org",
                "account": HUB,
                "home": HOME,
                "multiRegion": True,
                "organization": True,
                "logging": True,
                "globalEvents": True,
                "selectors": everything,
                "insights": ["ApiCallRateInsight"],
            }
        ],
        "buses": [
            {
                "account": HUB,
                "region": HOME,
                "name": "central",
                "policy": [{**allow, "Condition": condition}],
            }
        ],
        "rules": [
            *(
                rule(account, region, "default", faulty=(number + place) % 10 == 0)
                for number, account in enumerate(accounts)
                for place, region in enumerate(regions)
            ),
            rule(HUB, HOME, "central", faulty=False),
        ],
        "roles": [
            {
                "arn": f"arn:aws:iam::{account}:role/forward",
                "trust": ["events.amazonaws.com"],
                "allow": [{"action": "events:PutEvents", "resource": BUS}],
            }
            for account in accounts
        ],
        "resources": [
            {
                "arn": QUEUE,
                "policy": [
                    {
                        "Effect": "Allow",
                        "Principal": service,
                        "Action": "sqs:SendMessage",
                        "Resource": QUEUE,
                    }
                ],
            }
        ],
        "destinations": [QUEUE],
    }


def rule(account: str, region: str, bus: str, *, faulty: bool) -> dict[str, Any]:
    """A rule that forwards to the hub, or, on the hub's bus, to the queue."""
    forward = {"id": "hub", "arn": BUS, "role": f"arn:aws:iam::{account}:role/forward"}
    return {
        "name": "trailforward",
        "account": account,
        "region": region,
        "bus": bus,
        "state": "DISABLED" if faulty else "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
        "pattern": PATTERN,
        "targets": [forward if bus == "default" else {"id": "queue", "arn": QUEUE}],
    }


def measure(accounts: int, regions: int) -> dict[str, float]:
    """CPU seconds of each step, and the process's peak memory in MB."""
    names = [HOME, *(f"eu-test-{number}" for number in range(1, regions))]
    ids = [f"{number:012d}" for number in range(1, accounts + 1)]
    text = json.dumps(build(names, ids))
    start = time.process_time()
    world = World.from_json(text)
    read = time.process_time() - start
    start = time.process_time()
    codes = Counter(
        reach(world, kind.call(account, region)).code
        for account in ids
        for region in names
        for kind in CLASSES
    )
    asked = time.process_time() - start
    memory = _peak()
    start = time.process_time()
    survey(world)
    surveyed = time.process_time() - start
    return {
        "characters": len(text),
        "calls": codes.total(),
        "read": read,
        "asked": asked,
        "memory": memory,
        "surveyed": surveyed,
        "peak": _peak(),
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(accounts: int = 1000, regions: int = 30) -> None:
    """Measures a quarter of the accounts and all of them, each in a process of its own."""
    print(_COLUMNS)
    found = []
    for some in (accounts // 4, accounts):
        with get_context("spawn").Pool(1) as pool:
            one = pool.apply(measure, (some, regions))
        found.append(one)
        each = one["asked"] / one["calls"] * 1e6
        print(
            f"{some:>8,} {regions:>8} {one['calls']:>9,} {one['characters'] / 1e6:>6.1f} MB"
            f" {one['read']:>6.1f} s {one['asked']:>7.1f} s {each:>4.0f} us {one['memory']:>6.0f} MB"
            f" {one['surveyed']:>6.1f} s {one['peak']:>7.0f} MB",
            flush=True,
        )
    small, large = found
    total = large["read"] + large["asked"]
    grown = total / (small["read"] + small["asked"])
    times = large["calls"] / small["calls"]
    print(f"{times:.1f} times the questions take {grown:.1f} times as long.")
    print(f"Reading and all questions: {total:.0f} s of CPU, target {TARGET} s.")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
