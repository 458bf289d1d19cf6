"""Backfill and repair as a state machine: the definition of sam/audit.yaml with our functions."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import pytest

from tests.support.audit_steps import WINDOW, World, a_day, ids, queue_of, received
from tests.support.aws import unique
from tests.support.depth import DEEP
from tests.support.states import Failed
from tests.support.trail_bucket import TrailBucket, dumps, record
from trailforward.audit.steps import forwarding

deep = pytest.mark.skipif(not DEEP, reason="make trials runs it")


def test_a_backfill_forwards_each_record_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record of the window reaches the sinks, and the output has the ledger."""
    trail = TrailBucket(world.folder / "trail")
    some = [record(number) for number in range(14)]
    for number, one in enumerate(some):
        trail.put(number, [one])
    trail.put(24 * 60 + 1, [record(900)])
    world.upload()
    url = queue_of(world, monkeypatch)
    execution = world.machine.start("backfill", {"mode": "backfill", **WINDOW})
    output = world.machine.go(execution)
    assert ids(received(world, url)) == sorted(one["eventID"] for one in some)
    assert (output["log_files"], output["events"]) == (14, 14)
    assert output["sinks"]["queue"] == {
        "received": 14,
        "delivered": 14,
        "filtered": 0,
        "dead_lettered": 0,
        "returned": 0,
    }
    assert execution.children["Forward"] == 3
    saved = json.loads(world.read(output["report"]))
    assert saved["undelivered"] == 0


def test_a_redriven_backfill_sends_nothing_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Child executions that ran before continue where they saved, and a finished one sends nothing."""
    trail = TrailBucket(world.folder / "trail")
    for number in range(14):
        trail.put(number, [record(number)])
    world.upload()
    url = queue_of(world, monkeypatch)
    killed: list[Any] = []

    def call(payload: dict[str, Any]) -> dict[str, Any]:
        answer = world.call(payload)
        if payload["do"] == "forward" and payload not in killed:
            killed.append(payload)
            raise RuntimeError("the answer is lost")
        return answer

    world.through(call)
    execution = world.machine.start("redriven", {"mode": "backfill", **WINDOW})
    with pytest.raises(Failed, match="the answer is lost"):
        world.machine.go(execution)
    output = world.machine.go(execution)
    assert output["sinks"]["queue"]["delivered"] == 14
    assert len(received(world, url)) == 14


def test_what_the_time_did_not_allow_goes_through_the_map_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child execution whose time ends saves how far it is, and the rest goes through the map again."""
    trail = TrailBucket(world.folder / "trail")
    for number in range(14):
        trail.put(number, [record(number)])
    world.upload()
    url = queue_of(world, monkeypatch)
    chunks = forwarding._chunks
    monkeypatch.setattr(forwarding, "_chunks", lambda files: list(chunks(files))[:1])
    execution = world.machine.start("slow", {"mode": "backfill", **WINDOW})
    output = world.machine.go(execution)
    assert output["sinks"]["queue"]["delivered"] == 14
    assert len(received(world, url)) == 14
    assert execution.children["Forward"] > 6


def test_undelivered_events_are_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that a sink does not accept fail the execution, and the report bucket has them."""
    trail = TrailBucket(world.folder / "trail")
    trail.put(1, [record(1), record(2, requestParameters={"text": "x" * 1_100_000})])
    world.upload()
    queue_of(world, monkeypatch, 'format = "raw"\n')
    execution = world.machine.start("large", {"mode": "backfill", **WINDOW})
    with pytest.raises(Failed, match="1 events were not delivered") as found:
        world.machine.go(execution)
    assert found.value.error == "StepError"
    text = world.objects(f"reports/2026/11/28/{execution.name}/undelivered.ndjson")
    (line,) = b"".join(text.values()).splitlines()
    assert record(2)["eventID"] in line.decode()


def test_a_sink_that_refuses_everything_stops_the_children(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong destination fails the map with the fix; after the fix, a redrive delivers everything once."""
    trail = TrailBucket(world.folder / "trail")
    for number in range(12):
        trail.put(number, [record(number)])
    world.upload()
    url = queue_of(world, monkeypatch)
    good = os.environ["TRAILFORWARD_CONFIG"]
    monkeypatch.setenv("TRAILFORWARD_CONFIG", good.replace('"\n', '-gone"\n'))
    execution = world.machine.start("refused", {"mode": "backfill", **WINDOW})
    with pytest.raises(Failed, match="queue refuses everything"):
        world.machine.go(execution)
    monkeypatch.setenv("TRAILFORWARD_CONFIG", good)
    output = world.machine.go(execution)
    assert output["sinks"]["queue"]["delivered"] == 12
    assert len(received(world, url)) == 12


def test_alerts_of_old_events_are_left_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backfill does not alert people about events older than a day, unless the input says so."""
    trail = TrailBucket(world.folder / "trail")
    trail.put(1, [record(1)])
    world.upload()
    url = queue_of(world, monkeypatch, 'format = "text"\n')
    given = {"mode": "backfill", **WINDOW}
    output = world.run("quiet", **given)
    assert output["sinks"]["queue"]["filtered"] == 1
    output = world.run("loud", alerts=True, **given)
    assert output["sinks"]["queue"]["delivered"] == 1
    sqs = world.aws("sqs")
    assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 1


def test_a_repair_forwards_exactly_the_listed_events(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event of the list arrives once, marked, and at the sinks that need it; others do not."""
    trail = TrailBucket(world.folder / "trail")
    some = [record(number) for number in range(8)]
    keys = [trail.put(number, some[number : number + 2]) for number in range(0, 8, 2)]
    world.upload()
    url = queue_of(world, monkeypatch)
    rows = [{"eventID": some[n]["eventID"], "file": keys[n // 2], "index": n % 2} for n in (1, 4, 5, 4)]
    rows.append({"eventID": some[7]["eventID"], "file": keys[3], "index": 1, "sinks": ["another"]})
    text = "\n".join(map(dumps, rows)).encode()
    world.s3.put_object(Bucket=world.reports, Key="missing.ndjson", Body=text)
    output = world.run("listed", mode="repair", missing=f"s3://{world.reports}/missing.ndjson")
    messages = received(world, url)
    assert ids(messages) == sorted(some[n]["eventID"] for n in (1, 4, 5))
    assert output["events"] == 3
    name = f"trailforward-repair-{hashlib.sha256(text).hexdigest()[:8]}"
    assert {one["replay-name"] for one in messages} == {name}


@deep
def test_a_repair_makes_the_next_audit_clean(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of an audit is repaired: exactly its events arrive, and a second audit is clean."""
    a_day(world)
    given = {"mode": "audit", **WINDOW}
    first = world.run("before", **given)
    url = queue_of(world, monkeypatch)
    repair = world.machine.start("repair", {"mode": "repair", "missing": first["missing"]})
    output = world.machine.go(repair)
    messages = received(world, url)
    listed = [json.loads(line)["eventID"] for line in world.read(first["missing"]).splitlines()]
    assert ids(messages) == sorted(listed)
    assert output["events"] == len(listed) == output["sinks"]["queue"]["delivered"]
    body = "\n".join(map(dumps, messages)).encode()
    world.s3.put_object(Bucket=world.bucket, Key="delivered/2026/11/27/repaired.ndjson", Body=body)
    second = world.run("after", **given)
    assert second["unexpected_missing"] == 0


def test_a_list_of_other_files_is_not_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record with another ID than in the list is a problem; a damaged line stops all."""
    trail = TrailBucket(world.folder / "trail")
    key = trail.put(1, [record(1), record(2)])
    world.upload()
    url = queue_of(world, monkeypatch)
    row = {"eventID": "another", "file": key, "index": 1}
    for text, error in (
        (dumps(row), "record 1 is not event another"),
        (f'{dumps(row)}\n{{"file": ""}}', "missing.ndjson:2: the field file is not"),
    ):
        world.s3.put_object(Bucket=world.reports, Key="missing.ndjson", Body=text.encode())
        given = {"mode": "repair", "missing": f"s3://{world.reports}/missing.ndjson"}
        with pytest.raises(Failed, match=error):
            world.run(unique("other"), **given)
    assert received(world, url) == []
