"""CPU time of the doctor for every class of event in every Region of every account, from a snapshot.

The setup is typical: an organization trail, a rule in every Region of every account, one hop to the hub's
bus, and a queue. One Region in ten has a fault. Target: less than 10 seconds.

Run: ``make bench-doctor``, or ``.venv/bin/python -m benchmarks.doctor REGIONS ACCOUNTS``
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import Any

from trailforward.doctor import CLASSES, World, reach

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


def main(regions: int = 40, accounts: int = 50) -> None:
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
    print(f"snapshot of {len(text):,} characters: {read:.2f} s of CPU to read")
    print(
        f"{regions} Regions x {accounts} accounts x {len(CLASSES)} classes = {codes.total():,} calls: "
        f"{asked:.2f} s of CPU ({asked / codes.total() * 1e6:.0f} us each), target 10 s"
    )
    print("codes:", ", ".join(f"{code} {count:,}" for code, count in codes.most_common()))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
