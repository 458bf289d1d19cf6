"""One trail bucket with a gap of every class that receipts are not needed for, audited as users do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aws import unique
from tests.support.canaries import ROLE as CANARY_ROLE
from tests.support.canaries import canary
from tests.support.command import trailforward
from tests.support.trail_bucket import ACCOUNT, START, TrailBucket, dumps, put_delivered, record
from trailforward.audit.classes import CLASSES

if TYPE_CHECKING:
    from tests.support.aws import Reader

ROOT = Path(__file__).parents[2]
WINDOW = ["--since", "2026-11-26", "--until", "2026-11-27", "--wait", "0", "--no-compare"]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/forwarder"
STREAM = f"arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/events"
#: Classes of receipts, which tests/audit/test_receipts.py has.
OF_RECEIPTS = {"dropped", "below_severity", "suppressed", "below_threshold", "old_alert", "filtered"} | {
    "dead_lettered",
    "envelope_mismatch",
    "partial",
}

CONFIG = f"""
canary_roles = ["{CANARY_ROLE}"]
[sinks.archive]
to = "{STREAM}"
[[routes]]
name = "most"
sinks = ["archive"]
pattern = '{{"detail": {{"eventName": [{{"anything-but": "Unrouted"}}]}}}}'
"""


def rule(region: str, **fields: Any) -> dict[str, Any]:
    """A rule that forwards."""
    target = {"id": "hub", "arn": f"arn:aws:sqs:{region}:{ACCOUNT}:events"}
    one = {"name": "forward", "account": ACCOUNT, "region": region, "bus": "default", "state": "ENABLED"}
    return {**one, "pattern": '{"source": [{"prefix": "aws."}]}', "targets": [target], **fields}


#: us-east-1 has no rule.
SNAPSHOT = {
    "accounts": {ACCOUNT: {"eu-west-1": "ENABLED", "eu-west-2": "ENABLED", "us-east-1": "ENABLED"}},
    "rules": [
        rule("eu-west-1"),
        rule("eu-west-2", pattern='{"source": ["aws.s3"]}'),
        rule("eu-central-1", state="DISABLED"),
        rule("eu-north-1"),
    ],
}


def own_call(number: int) -> dict[str, Any]:
    """A call that the configuration makes, by the forwarder's role."""
    issuer = {"type": "Role", "arn": ROLE, "accountId": ACCOUNT, "userName": "forwarder"}
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/forwarder/x"
    identity = {"type": "AssumedRole", "arn": session, "sessionContext": {"sessionIssuer": issuer}}
    made = record(number, eventSource="kinesis.amazonaws.com", eventName="PutRecords", userIdentity=identity)
    resources = [{"type": "AWS::Kinesis::Stream", "ARN": STREAM, "accountId": ACCOUNT}]
    return made | {"requestParameters": {"streamName": "events"}, "resources": resources}


def canary_of(number: int) -> dict[str, Any]:
    """A canary of the stack."""
    made: dict[str, Any] = canary(at=START)["detail"]
    return made | {"eventID": record(number)["eventID"]}


def plain(region: str = "eu-west-1", **fields: Any) -> Any:
    """A record of a Region."""
    return lambda number: record(number, awsRegion=region, **fields)


NETWORK: dict[str, Any] = {"eventCategory": "NetworkActivity", "managementEvent": False}
#: Class to what makes a record of it, and the folder of its log file.
PLANTED: dict[str, tuple[Any, str]] = {
    "aggregated": (plain(eventCategory="Aggregated"), "CloudTrail-Aggregated"),
    "too_large": (plain(requestParameters={"text": "x" * 262_144}), "CloudTrail"),
    "read_only": (plain(readOnly=True), "CloudTrail"),
    "pattern": (plain("eu-west-2"), "CloudTrail"),
    "self": (own_call, "CloudTrail"),
    "no_route": (plain(eventName="Unrouted"), "CloudTrail"),
    "canary": (canary_of, "CloudTrail"),
    "no_rule": (plain("us-east-1"), "CloudTrail"),
    "rule_disabled": (plain("eu-central-1"), "CloudTrail"),
    "kind": (
        plain("eu-west-2", eventCategory="NetworkActivity", managementEvent=False),
        "CloudTrail-NetworkActivity",
    ),
    "not_emitted": (
        plain(eventSource="cloudshell.amazonaws.com", eventName="GetFileDownloadUrls"),
        "CloudTrail",
    ),
    "read_only_list": (plain(eventName="DescribeThings"), "CloudTrail"),
    "undetermined": (plain("eu-north-1"), "CloudTrail"),
    "pending": (plain(eventTime="2099-01-01T00:00:00Z"), "CloudTrail"),
    "unexpected": (plain(), "CloudTrail"),
}


class Bucket:
    """An organization's trail, and a second trail with the same events below another prefix."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.planted: dict[str, list[dict[str, Any]]] = {}
        trails = (
            TrailBucket(folder / "trail" / "org", "o-exampleorgid"),
            TrailBucket(folder / "trail" / "own"),
        )
        number = 1
        for count, (name, (make, kind)) in enumerate(PLANTED.items(), 1):
            records = [make(number + at) for at in range(count)]
            self.planted[name] = records
            number += count
            for minute, trail in enumerate(trails):
                region = records[0]["awsRegion"]
                trail.put(600 + 20 * minute, records, region=region, folder=kind)
        self.arrived = [record(number + at) for at in range(40)]
        # This change does not say which rule it disabled.
        change = record(0, eventSource="events.amazonaws.com", eventName="DisableRule")
        self.arrived.append(change | {"awsRegion": "eu-north-1", "requestParameters": None})
        odd = record(number + 50, note="\ud800")
        texts = [*map(dumps, self.arrived[:40]), dumps(odd).replace('"eventID"', '"event\\u0049D"')]
        trails[0].put(601, f'{{"Records":[{",".join(texts)}]}}'.encode())
        trails[0].put(602, self.arrived[40:], region="eu-north-1")
        self.arrived.append(odd)
        insight = record(number + 60, eventType="AwsCloudTrailInsight", eventCategory="Insight")
        trails[0].put(603, [insight], folder="CloudTrail-Insight")
        self.arrived.append(insight)
        put_delivered(folder / "delivered", self.arrived)
        (folder / "trailforward.toml").write_text(CONFIG)
        (folder / "world.json").write_text(json.dumps(SNAPSHOT))

    def audit(self, *options: str, place: str = "") -> Any:
        """Runs the command."""
        place = place or str(self.folder)
        places = ["--trail", f"{place}/trail", "--delivered", f"{place}/delivered"]
        known = ["--config", f"{self.folder}/trailforward.toml", "--snapshot", f"{self.folder}/world.json"]
        return trailforward("audit", *places, *WINDOW, *known, "--own-role", ROLE, *options)


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    """A bucket with a gap of every class."""
    return Bucket(tmp_path)


def test_gaps_of_every_class_are_found_exactly(bucket: Bucket) -> None:
    """Every class has its number in the JSON and terminal reports, and the list has the missing events."""
    assert PLANTED.keys() == CLASSES.keys() - OF_RECEIPTS
    expected = {name: len(records) for name, records in bucket.planted.items()}
    missing = bucket.folder / "missing.ndjson"
    done = bucket.audit("--format", "json", "--missing", str(missing))
    assert done.code == 1, done.err
    report = json.loads(done.out)
    assert report["classes"] == expected
    assert (report["arrived"], report["recorded"]) == (43, 43 + sum(expected.values()))
    assert report["repeats"] == sum(expected.values())
    assert (report["unrecorded"], report["problems"]) == (0, [])
    rows = [json.loads(line) for line in missing.read_text().splitlines()]
    assert {row["eventID"] for row in rows} == {one["eventID"] for one in bucket.planted["unexpected"]}
    assert {row["file"].split("/")[0] for row in rows} == {"org"}
    assert len(rows) == expected["unexpected"]
    shown = dict(re.findall(r"^ *([0-9,]+)  . ([a-z_]+)  ", bucket.audit().out, re.MULTILINE))
    assert {name: int(count) for count, name in shown.items()} == expected
    (why,) = {row["why"] for row in report["reasons"] if row["class"] == "no_rule"}
    assert re.match("[A-Z_]+: ", why), why  # the doctor's reason


def test_the_documentation_has_every_class_in_the_order_of_the_tests() -> None:
    """The table of classes in the documentation is complete, and in the order in which they are tried."""
    text = (ROOT / "docs" / "audit.md").read_text()
    table = text[text.index("| class | verdict |") :].partition("\n\n")[0]
    assert re.findall("`([a-z_]+)`", "\n".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))) == [
        *CLASSES
    ]


def test_a_bucket_with_a_prefix_gives_the_same_report(bucket: Bucket, local_aws: Reader) -> None:
    """From S3, the same classes are found in the same accounts, Regions, and hours."""
    client: Any = local_aws("s3")
    name = unique("classes")
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": local_aws.region})
    for path in bucket.folder.rglob("*"):
        if path.is_file():
            client.put_object(Bucket=name, Key=f"p/{path.relative_to(bucket.folder)}", Body=path.read_bytes())
    reports = [
        json.loads(bucket.audit("--format", "json", place=place).out) for place in ("", f"s3://{name}/p")
    ]
    for key in ("classes", "places", "reasons", "changes", "unrecorded", "problems", "exit_status"):
        assert reports[0][key] == reports[1][key]


def test_a_hostile_file_does_not_hide_the_others(bucket: Bucket) -> None:
    """Damaged and odd log files are named, and everything else is still found exactly."""
    trail = TrailBucket(bucket.folder / "trail" / "hostile")
    hostile = [b'{"Records":[', b'{"Records":[{"eventID":"x"}]} {"Records":[]}', b"[" * 100_000, b"\xff\xfe"]
    keys = [trail.put(700 + at, text) for at, text in enumerate(hostile)]
    # An ID that is not a text, another one twice in a record, and values that are not records.
    odd = '{"Records":[3,null,{"eventID":["x"]},{"eventID":"a","eventID":"EXAMPLE"}]}'
    trail.put(710, odd.encode())
    report = json.loads(bucket.audit("--format", "json").out)
    expected = {name: len(records) for name, records in bucket.planted.items()}
    found = report["classes"]
    assert found | {"undetermined": expected["undetermined"]} == expected
    assert found["undetermined"] >= expected["undetermined"] + 4
    for key in (keys[0], keys[2], keys[3]):
        assert any(f"hostile/{key}" in text for text in report["problems"]), key


@pytest.mark.parametrize("workers", [2])
def test_processes_give_the_same_result(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """A large audit in several processes finds what one process finds."""
    from trailforward.audit import run

    alone = json.loads(bucket.audit("--format", "json").out)
    monkeypatch.setattr(run, "UNIT_BYTES", 4_000)
    monkeypatch.setattr("os.cpu_count", lambda: workers)
    together = json.loads(bucket.audit("--format", "json").out)
    for key in ("classes", "places", "changes", "unrecorded", "problems", "exit_status"):
        assert alone[key] == together[key]
    assert sorted(map(str, alone["reasons"])) == sorted(map(str, together["reasons"]))
