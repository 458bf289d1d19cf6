"""The audit as a state machine: the definition of sam/audit.yaml with our functions, in a local AWS."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.audit_steps import WINDOW, World, a_day
from tests.support.aws import unique
from tests.support.depth import DEEP
from tests.support.receipt_files import put_receipts
from tests.support.states import Failed, Machine
from tests.support.trail_bucket import ACCOUNT, TrailBucket, dumps, envelope, record
from trailforward.audit.steps import lister

LATE = "2026-12-10T06:30:00Z"

deep = pytest.mark.skipif(not DEEP, reason="make trials runs it")


def test_a_killed_and_redriven_audit_gives_the_report_of_the_command(world: World) -> None:
    """Each call is killed once after its work, and redriven: the report is that of the command."""
    a_day(world)
    killed: list[dict[str, Any]] = []

    def call(payload: dict[str, Any]) -> dict[str, Any]:
        answer = world.call(payload)
        if payload not in killed:
            killed.append(payload)
            raise RuntimeError("killed after its work, before its answer")
        return answer

    world.through(call)
    execution = world.machine.start("killed", {"mode": "audit", **WINDOW})
    redrives = 0
    while redrives < 20:
        try:
            output = world.machine.go(execution)
            break
        except Failed:
            redrives += 1
    assert redrives == len(execution.children) + 5
    assert killed[1]["input"]["results"] == "runs/killed/results"
    assert execution.children == {"ReadLogFiles": 6, "ReadDelivered": 2, "Compare": 8, "Explain": 6}
    # 13 states, of which 9 are redriven, and the child executions: docs/audit.md has the numbers.
    assert execution.transitions == 13 + redrives + sum(execution.children.values())
    expected, missing = world.command()
    report = world.report(output)
    assert report == expected | {"assumptions": report["assumptions"]}
    rows = [json.loads(line) for line in world.read(output["missing"]).splitlines()]
    assert rows == missing
    assert output["unexpected_missing"] == len(rows) == 4
    assert (output["exit_status"], report["altered"], report["repeats"]) == (1, 1, 2)
    assert report["unrecorded"] > 0


@deep
def test_a_repeated_call_writes_the_same_objects(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Each call is made twice: all objects are those of one without repeats; metrics are published."""
    a_day(world)
    world.run("calm", mode="audit", publish=True, **WINDOW)
    (line,) = [json.loads(one) for one in capsys.readouterr().out.splitlines() if "_aws" in one]
    assert (line["unexpected_missing"], line["audit_completed"]) == (4, 1)

    def twice(payload: dict[str, Any]) -> dict[str, Any]:
        world.call(payload)
        return world.call(payload)

    world.through(twice)
    world.run("twice", mode="audit", **WINDOW)
    found = {name: world.objects(f"runs/{name}/") for name in ("calm", "twice")}
    names = {name: {key.split("/", 2)[2] for key in objects} for name, objects in found.items()}
    assert names["calm"] == names["twice"]
    for key in sorted(names["calm"] - {"run.json"}):
        one, two = (found[name][f"runs/{name}/{key}"] for name in ("calm", "twice"))
        assert one.replace(b"calm", b"") == two.replace(b"twice", b""), key


@deep
def test_batches_of_any_size_give_the_same_report(world: World) -> None:
    """One file or a thousand per child execution: the same report."""
    a_day(world)
    outputs = [world.run(f"size-{n}", mode="audit", groups_per_child=n, **WINDOW) for n in (1, 10)]
    assert world.report(outputs[0]) == world.report(outputs[1])


@deep
def test_the_lister_continues_where_its_time_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing that needs several calls gives the same lists."""
    a_day(world)
    world.run("once", mode="audit", **WINDOW)
    calls = 0

    def call(payload: dict[str, Any]) -> dict[str, Any]:
        nonlocal calls
        calls += payload["do"] == "list"
        # Each of the first calls is out of time after one day.
        with monkeypatch.context() as patch:
            patch.setattr(lister, "RESERVE", 10_000 if calls < 8 else 120)
            return world.call(payload)

    world.through(call)
    world.run("often", mode="audit", **WINDOW)
    assert calls == 8
    for name in ("trail.jsonl", "delivered.jsonl", "trail-times.bin", "plan.json"):
        lists = [world.read(f"s3://{world.reports}/runs/{run}/{name}") for run in ("once", "often")]
        assert lists[0] == lists[1]


@deep
def test_files_that_were_not_read_are_named(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A tolerated failure leaves files unread: the report says so, and the audit is not complete."""
    a_day(world)

    def call(payload: dict[str, Any]) -> dict[str, Any]:
        if payload["do"] == "read-trail" and payload["input"]["Items"][0]["group"] == 2:
            raise RuntimeError("out of memory")
        return world.call(payload)

    world.through(call)
    output = world.run("tolerant", mode="audit", tolerated_failures=50, publish=True, **WINDOW)
    report = world.report(output)
    assert "not read: 2 groups of log files (2, 3): their child executions failed" in report["problems"]
    assert report["log_files"] < world.command()[0]["log_files"]
    assert '"audit_completed": 0' in capsys.readouterr().out


@deep
def test_an_inventory_is_read_instead(world: World) -> None:
    """An S3 Inventory gives the same report as listing; one that cannot be used is refused."""
    a_day(world)
    listed = world.s3.list_objects_v2(Bucket=world.bucket)["Contents"]
    lines = [f'"{world.bucket}","{one["Key"].replace("_", "%5F")}","{one["Size"]}"' for one in listed]
    files = []
    for number, first in enumerate(range(0, len(lines), 10)):
        files.append({"key": f"inventory/data/{number}.csv.gz"})
        body = gzip.compress("\n".join(lines[first : first + 10]).encode())
        world.s3.put_object(Bucket=world.reports, Key=files[-1]["key"], Body=body)
    made = datetime(2026, 11, 28, 1, tzinfo=UTC).timestamp()
    manifest = {
        "sourceBucket": world.bucket,
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size",
        "creationTimestamp": str(int(made * 1000)),
        "files": files,
    }
    place = f"s3://{world.reports}/inventory/manifest.json"

    def put(**changed: Any) -> None:
        body = json.dumps(manifest | changed).encode()
        world.s3.put_object(Bucket=world.reports, Key="inventory/manifest.json", Body=body)

    put()
    one = world.run("listed", mode="audit", **WINDOW)
    two = world.run("inventory", mode="audit", inventory=place, **WINDOW)
    assert world.report(one) == world.report(two)
    for changed, text in (
        ({"creationTimestamp": "1"}, "before the window ends"),
        ({"sourceBucket": "another"}, "lists the bucket another"),
        ({"fileFormat": "ORC"}, "configure an inventory in the format CSV"),
        ({"files": None}, "is not the manifest of an S3 Inventory"),
    ):
        put(**changed)
        with pytest.raises(Failed, match=text):
            world.run(unique("bad"), mode="audit", inventory=place, **WINDOW)


def test_accounts_and_regions_choose_the_files(world: World) -> None:
    """Only the log files of these accounts and Regions are read, and nothing missing gives status 0."""
    trail = TrailBucket(world.folder / "trail")
    trail.put(1, [record(1)])
    trail.put(1, [record(2)], region="us-east-1")
    trail.put(1, [record(3)], account="123456789012")
    (world.folder / "delivered").mkdir()
    (world.folder / "delivered" / "x.ndjson").write_text(dumps(envelope(record(1))))
    world.upload()
    output = world.run("chosen", mode="audit", accounts=[ACCOUNT], regions=["eu-west-1"], **WINDOW)
    assert (output["recorded"], output["arrived"], output["unexpected_missing"]) == (1, 1, 0)
    assert output["exit_status"] == 0


@deep
def test_receipts_and_later_files_are_read_as_by_the_command(world: World) -> None:
    """Receipts give the report of the command, and files from long after the window only if events lack."""
    a_day(world)
    some = [record(number) for number in range(40)]
    told = [(one, {"siem": "delivered"} | ({"chat": "x:bad"} if n % 3 else {})) for n, one in enumerate(some)]
    put_receipts(world.folder / "receipts", told[:30], sha256=True)
    put_receipts(world.folder / "receipts", told[30:], hour="2026/12/05/00")
    world.upload()
    place = f"s3://{world.bucket}/receipts"
    world.machine = Machine(world.definition, dict.fromkeys(world.arns, world.call), world.s3, LATE)
    execution = world.machine.start("receipts", {"mode": "audit", "receipts": place, **WINDOW})
    output = world.machine.go(execution)
    expected, missing = world.command(place, LATE, receipts=True)
    report = world.report(output)
    assert report == expected | {"assumptions": report["assumptions"]}
    assert [json.loads(line) for line in world.read(output["missing"]).splitlines()] == missing
    assert execution.children["ReadLater"] == 1
    assert report["classes"]["dead_lettered"] > 0
