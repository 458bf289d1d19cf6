"""Many routes: the cost of 1, 10, 100, and 1,000 routes per event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks.contestants import BLOG_POST, EVERYTHING, OURS, STREAM, Contestant, arn
from benchmarks.measures.warm import load, per_event
from benchmarks.measuring import Goal, Measure

if TYPE_CHECKING:
    from benchmarks.stage import Stage

_COUNTS = (1, 10, 100, 1_000)
#: The first route matches every event, each other one some events. All further routes are per team.
_BROAD: tuple[dict[str, Any], ...] = (
    {"source": [{"prefix": "aws."}]},
    {"detail": {"readOnly": [False]}},
    {"detail": {"errorCode": [{"exists": True}]}},
    {"detail": {"userIdentity": {"type": ["Root"]}}},
    {"source": ["aws.iam", "aws.sts"], "detail-type": ["AWS API Call via CloudTrail"]},
    {"detail-type": [{"prefix": "AWS Console Sign"}]},
    {"source": ["aws.cloudtrail"], "detail": {"eventName": ["StopLogging", "DeleteTrail", "UpdateTrail"]}},
    {"detail": {"sourceIPAddress": [{"cidr": "203.0.113.0/25"}]}},
    {"account": [{"anything-but": ["111122223333"]}], "detail": {"managementEvent": [True]}},
    {"source": ["aws.s3"], "detail": {"eventName": [{"wildcard": "Put*Policy"}, {"prefix": "Delete"}]}},
)
_SERVICES = ("iam", "s3", "ec2", "kms", "sts", "lambda")


def run(stage: Stage, seconds: float) -> list[Measure]:
    """All routes feed one stream, so that sending costs the same whatever their number."""
    ours = [contestant(stage, count) for count in _COUNTS]
    found = per_event(stage, [load(each, 1_000) for each in (BLOG_POST, *ours)], seconds)
    return [
        Measure(
            "routes, SQS batch of 1,000, to Kinesis, per event",
            "µs",
            found,
            {"blog post": BLOG_POST.name},
            {ours[-1].name: Goal(2, 1.3, ours[0].name, "one route")},
        )
    ]


def contestant(stage: Stage, count: int) -> Contestant:
    """A contestant with so many routes, in a file in the stage's folder."""
    tables = [f'[sinks.archive]\nto = "{arn(STREAM)}"\n']
    for number in range(count):
        pattern = _BROAD[number] if number < len(_BROAD) else _of_a_team(number)
        tables.append(
            f'[[routes]]\nname = "route-{number}"\nsinks = ["archive"]\npattern = \'{json.dumps(pattern)}\'\n'
        )
    path = stage.folder / f"routes-{count}.toml"
    path.write_text("\n".join(tables))
    name = f"trailforward, {count:,} route{'s' if count > 1 else ''}"
    return Contestant(name, OURS, {"TRAILFORWARD_CONFIG": str(path), **EVERYTHING})


def _of_a_team(number: int) -> dict[str, Any]:
    """A pattern of one team: its names, accounts, addresses, and resources."""
    service = f"aws.{_SERVICES[number % len(_SERVICES)]}"
    details: tuple[dict[str, Any], ...] = (
        {"eventName": [f"Create{number}", f"Delete{number}"]},
        {"recipientAccountId": [f"{number:012}"], "errorCode": [{"exists": False}]},
        {"requestParameters": {"roleName": [{"wildcard": f"team-{number}-*"}]}},
        {"requestParameters": {"bucketName": [{"prefix": f"team-{number}-"}]}, "readOnly": [False]},
        {"userIdentity": {"sessionContext": {"sessionIssuer": {"userName": [f"team-{number}"]}}}},
        {"sourceIPAddress": [{"cidr": f"10.{number // 256}.{number % 256}.0/24"}]},
        {"userIdentity": {"arn": [{"suffix": f":role/team-{number}"}]}},
    )
    return {"source": [service], "detail": details[number % len(details)]}
