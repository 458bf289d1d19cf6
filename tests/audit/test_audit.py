from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.aws import unique
from tests.support.depth import examples
from tests.support.trail_bucket import ACCOUNT, START, TrailBucket, dumps, put_delivered, record
from trailforward.audit.classes import Classifier
from trailforward.audit.places import AuditError
from trailforward.audit.rules import Rules
from trailforward.audit.run import Audit, audit
from trailforward.doctor import World
from trailforward.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from trailforward.audit.report import Result

FAR = "2027-01-01T00:00:00Z"
LATER = START + timedelta(days=30)
HOUR = 60


def run(  # noqa: PLR0913  # the options of an audit
    folder: Path,
    first: int = 0,
    last: int = 24 * HOUR,
    *,
    world: World | None = None,
    state: str = "state",
    young: str = FAR,
    now: datetime = LATER,
    explained_by: str = "",
    **options: Any,
) -> Result:
    """Audits the folders ``trail`` and ``delivered``."""
    wanted = Audit(
        str(folder / "trail"),
        str(folder / "delivered"),
        START + timedelta(minutes=first),
        START + timedelta(minutes=last),
        now=now,
        explained_by=explained_by,
    )
    return audit(
        wanted,
        lambda changes: Classifier(Rules(world, changes), young, **options),
        folder / state,
        lambda *_: None,
        1,
    )


def classes(result: Result) -> dict[str, int]:
    """The records that did not arrive, by class."""
    return {
        name: count for name, count in result.totals.items() if name not in {"recorded", "arrived", "repeats"}
    }


@pytest.mark.parametrize("layout", ["ndjson", "gzip", "joined", "records", "log-file"])
def test_lost_events_are_named_in_every_layout(tmp_path: Path, layout: str) -> None:
    """Exactly the lost events are unexpected, with the place of each in its log file."""
    trail = TrailBucket(tmp_path / "trail", "o-exampleorgid")
    records = [record(number) for number in range(100)]
    keys = [trail.put(minute, records[minute : minute + 10]) for minute in range(0, 100, 10)]
    lost = {7, 42, 99}
    put_delivered(tmp_path / "delivered", [one for n, one in enumerate(records) if n not in lost], layout)
    result = run(tmp_path)
    assert [(row["eventID"], row["file"], row["index"]) for row in result.unexpected] == [
        (records[number]["eventID"], keys[number // 10], number % 10) for number in sorted(lost)
    ]
    assert result.exit_code == 1
    assert (result.totals["recorded"], result.totals["arrived"]) == (100, 97)
    assert result.compared == 97
    assert not result.altered
    assert not result.problems


def rule(state: str = "ENABLED", pattern: str = '{"source":[{"prefix":"aws."}]}', **fields: Any) -> World:
    """A snapshot with one rule."""
    target = {"id": "hub", "arn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:events"}
    one: dict[str, Any] = {"name": "forward", "account": ACCOUNT, "region": "eu-west-1", "bus": "default"}
    one |= {"state": state, "pattern": pattern, "targets": [target], **fields}
    return World.model_validate({"rules": [one]})


def rule_change(number: int, name: str, parameters: Any) -> dict[str, Any]:
    """A record of a change of a rule."""
    return record(number, eventSource="events.amazonaws.com", eventName=name, requestParameters=parameters)


LARGE = {"requestParameters": {"text": "x" * 262_144}}
NAMED = {"name": "forward"}
CASES: list[tuple[str, list[dict[str, Any]], World | None, str]] = [
    ("aggregated", [record(5)], None, "CloudTrail-Aggregated"),
    ("too_large", [record(5, readOnly=True, **LARGE)], None, "CloudTrail"),
    ("read_only", [record(5, readOnly=True)], None, "CloudTrail"),
    ("read_only", [record(5, readOnly="true")], None, "CloudTrail"),
    ("pattern", [record(5)], rule(pattern='{"source":["aws.s3"]}'), "CloudTrail"),
    (
        "self",
        [record(5, userIdentity={"sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::1:role/own"}}})],
        None,
        "CloudTrail",
    ),
    ("no_route", [record(5, eventName="Unrouted")], None, "CloudTrail"),
    ("no_rule", [record(5)], World(), "CloudTrail"),
    ("rule_disabled", [record(5)], rule("DISABLED"), "CloudTrail"),
    (
        "kind",
        [record(5, eventCategory="Data", managementEvent=False)],
        rule(pattern='{"source":["aws.s3"]}'),
        "CloudTrail",
    ),
    (
        "not_emitted",
        [record(5, eventSource="cloudshell.amazonaws.com", eventName="GetFileDownloadUrls")],
        None,
        "CloudTrail",
    ),
    ("read_only_list", [record(5, eventName="DescribeThings")], None, "CloudTrail"),
    (
        "unexpected",
        [record(5, readOnly=True)],
        rule("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"),
        "CloudTrail",
    ),
    ("pending", [record(2000)], None, "CloudTrail"),
    ("unexpected", [record(5)], rule(), "CloudTrail"),
]


@pytest.mark.parametrize(("name", "records", "world", "folder"), CASES)
def test_each_class_is_named(
    tmp_path: Path, name: str, records: list[dict[str, Any]], world: World | None, folder: str
) -> None:
    """A record that did not arrive gets the first class that fits."""
    trail = TrailBucket(tmp_path / "trail")
    trail.put(10, records, folder=folder)
    trail.put(11, [record(6)])
    put_delivered(tmp_path / "delivered", [record(6)])
    result = run(
        tmp_path,
        world=world,
        young="2026-11-27T00:00:00Z",
        own=lambda event: "self" if "sessionContext" in event["detail"]["userIdentity"] else "",
        routed=lambda event: {"siem"} - {event["detail"]["eventName"].replace("Unrouted", "siem")},
    )
    assert classes(result) == {name: 1}
    grey = name in {"not_emitted", "read_only_list"}
    assert result.exit_code == (1 if name == "unexpected" else 2 if grey else 0)


def test_the_history_of_a_rule_explains_a_gap(tmp_path: Path) -> None:
    """Events between DisableRule and EnableRule are explained, and those before and after are not."""
    trail = TrailBucket(tmp_path / "trail")
    changes = [rule_change(20, "DisableRule", NAMED), rule_change(40, "EnableRule", NAMED)]
    trail.put(60, [record(10), changes[0], record(30), changes[1], record(50)])
    put_delivered(tmp_path / "delivered", changes)
    result = run(tmp_path, world=rule())
    assert classes(result) == {"unexpected": 2, "rule_disabled": 1}
    assert [why for name, _, _, why in result.whys if name == "rule_disabled"] == [
        f"DisableRule of rule forward at 2026-11-26T00:20:00Z by arn:aws:iam::{ACCOUNT}:user/example"
    ]


def test_a_change_without_the_name_of_the_rule_leaves_it_open(tmp_path: Path) -> None:
    """After a DisableRule whose parameters are null, a missing event is undetermined, not explained."""
    trail = TrailBucket(tmp_path / "trail")
    change = rule_change(20, "DisableRule", None)
    trail.put(60, [change, record(30)])
    put_delivered(tmp_path / "delivered", [change])
    result = run(tmp_path)
    assert classes(result) == {"undetermined": 1}
    assert result.exit_code == 2


def test_repeats_duplicates_forged_and_altered_events_are_counted(tmp_path: Path) -> None:
    """Repeats count once, and altered, repeated, and unrecorded deliveries are each reported."""
    trail = TrailBucket(tmp_path / "trail")
    trail.put(10, [record(1), record(2), record(3)])
    trail.put(12, [record(2)])
    forged, altered = record(4), record(3, sourceIPAddress="192.0.2.1")
    rewritten = dict(reversed(record(2).items()))
    put_delivered(tmp_path / "delivered", [record(1), record(1), rewritten, altered, forged])
    result = run(tmp_path)
    assert (result.totals["recorded"], result.totals["repeats"], result.totals["arrived"]) == (3, 1, 3)
    assert (result.duplicates, result.unrecorded) == (1, 1)
    assert result.unrecorded_examples[0]["eventID"] == forged["eventID"]
    assert {one.event_id: one.differs for one in result.altered_examples} == {
        record(2)["eventID"]: False,
        altered["eventID"]: True,
    }


#: What every record has.
USUAL = dumps({name: value for name, value in record(1).items() if name != "eventID"})[1:-1]
ODD = [
    f'{{"eventID":"EXAMPLE-1",{USUAL},"x":"\\ud800"}}',
    f'{{"event\\u0049D":"EXAMPLE-2",{USUAL}}}',
    f'{{"eventID":"EXAMPLE-0",{USUAL},"eventID":"EXAMPLE-3"}}',
    f'{{ "eventID" : "EXAMPLE-4" , {USUAL},"n":1E400}}',
    f'{{"eventID":"EXAMPLE-5",{USUAL},"x":{{"eventID":"EXAMPLE-6","Records":[{{"eventID":"EXAMPLE-7"}}]}}}}',
]


def test_odd_records_are_found_by_both_parsers(tmp_path: Path) -> None:
    """Lone surrogates, escaped and repeated keys, blanks, and nested IDs neither hide nor add records."""
    trail = TrailBucket(tmp_path / "trail")
    for number, text in enumerate(ODD):
        trail.put(number, f'{{"Records":[{text},{dumps(record(number))}]}}'.encode())
    put_delivered(tmp_path / "delivered", [record(number) for number in range(len(ODD))])
    result = run(tmp_path)
    assert classes(result) == {"unexpected": len(ODD)}
    assert sorted(row["eventID"] for row in result.unexpected) == [f"EXAMPLE-{n}" for n in range(1, 6)]
    assert not result.problems


def test_a_damaged_file_makes_the_result_undetermined(tmp_path: Path) -> None:
    """A log file that cannot be read is named, and the others are audited."""
    trail = TrailBucket(tmp_path / "trail")
    trail.put(1, [record(1)])
    broken = trail.put(2, b'{"Records":[')
    put_delivered(tmp_path / "delivered", [record(1)])
    result = run(tmp_path)
    assert result.exit_code == 2
    assert result.problems[0].startswith(broken)


def test_an_audit_continues_where_it_was_stopped(tmp_path: Path) -> None:
    """What an earlier run read is not read again, and another audit does not use it."""
    trail = TrailBucket(tmp_path / "trail")
    key = trail.put(1, [record(1), record(2)])
    put_delivered(tmp_path / "delivered", [record(1)])
    before = run(tmp_path, explained_by="config")
    (tmp_path / "trail" / key).unlink()
    assert run(tmp_path, explained_by="config").totals == before.totals
    assert run(tmp_path, explained_by="another").exit_code == 2
    with pytest.raises(AuditError, match="other files"):
        run(tmp_path, last=HOUR)


def test_a_wrong_location_says_what_is_there(tmp_path: Path) -> None:
    """The error names the location, and what is expected there."""
    (tmp_path / "trail").mkdir()
    (tmp_path / "trail" / "other.txt").write_text("x")
    put_delivered(tmp_path / "delivered", [record(1)])
    with pytest.raises(StorageError, match="AWSLogs"):
        run(tmp_path)


@settings(max_examples=examples(50), deadline=None)
@given(
    files=st.lists(
        st.tuples(st.integers(0, 239), st.lists(st.integers(0, 30), max_size=4)), min_size=1, max_size=12
    ),
    arrived=st.sets(st.integers(0, 30), min_size=1),
    split=st.integers(61, 179),
)
def test_adjacent_windows_add_up(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[tuple[int, list[int]]],
    arrived: set[int],
    split: int,
) -> None:
    """Two adjacent windows give the totals of one audit of both, whatever is repeated or late."""
    folder = tmp_path_factory.mktemp("audit")
    trail = TrailBucket(folder / "trail")
    for minute, numbers in [*files, (0, []), (239, [])]:
        trail.put(minute, [record(number) for number in numbers])
    put_delivered(folder / "delivered", [record(number) for number in arrived])
    whole = run(folder, 0, 240, state="whole")
    parts = (
        [run(folder, 0, split, state="one"), run(folder, split, 240, state="two")]
        if any(minute >= split for minute, _ in files)
        else [whole]
    )
    sums: Counter[str] = sum((part.totals for part in parts), Counter())
    assert sums == +whole.totals
    assert sum(part.delivered for part in parts) == whole.delivered
    rows = sorted(json.dumps(row) for part in parts for row in part.unexpected)
    assert rows == sorted(json.dumps(row) for row in whole.unexpected)


def test_buckets_give_the_same_result_as_folders(tmp_path: Path, local_aws: Any) -> None:
    """Both sides can be buckets with a prefix."""
    trail = TrailBucket(tmp_path / "trail", "o-exampleorgid")
    trail.put(10, [record(1), record(2), record(3, readOnly=True)])
    put_delivered(tmp_path / "delivered", [record(1)], "joined")
    client, bucket = local_aws("s3"), unique("audit")
    client.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": client.meta.region_name}
    )
    for path in tmp_path.rglob("*"):
        if path.is_file():
            client.put_object(Bucket=bucket, Key=f"{path.relative_to(tmp_path)}", Body=path.read_bytes())
    wanted = Audit(f"s3://{bucket}/trail", f"s3://{bucket}/delivered", START, START + timedelta(days=1))
    result = audit(
        wanted, lambda changes: Classifier(Rules(None, changes), FAR), tmp_path / "s3", lambda *_: None, 1
    )
    folders = run(tmp_path)
    assert result.places == folders.places
    assert result.unexpected == folders.unexpected
