from __future__ import annotations

import os
import pickle
import random
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.depth import examples
from tests.support.trail_bucket import START, TrailBucket, dumps, put_delivered, record
from trailforward.audit import join as joining
from trailforward.audit import missing, units
from trailforward.audit import run as auditing
from trailforward.audit.classes import Classifier
from trailforward.audit.join import IN_WINDOW, REPEAT_MINUTES, join
from trailforward.audit.places import AuditError
from trailforward.audit.pool import Pool
from trailforward.audit.reasons import reasons, routed
from trailforward.audit.rules import Rules
from trailforward.audit.run import Audit, audit
from trailforward.audit.units import FILE_SHIFT, Row, Unit, read_head, read_notes, read_part
from trailforward.config import Config
from trailforward.doctor import World

if TYPE_CHECKING:
    from pathlib import Path

    from trailforward.audit.report import Result


@pytest.fixture
def _small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit for every few files, and a part for every few events."""
    monkeypatch.setattr(auditing, "UNIT_BYTES", 3_000)
    monkeypatch.setattr(units, "PART_EVENTS", 8)


class _Slow(Classifier):
    """Sees every record, as if the notes did not exist."""

    def only_reading(self, account: str, region: str) -> bool:
        del account, region
        return False


def run(folder: Path, kind: type[Classifier], workers: int, shown: list[tuple[str, int, int]]) -> Result:
    """Audits a day."""
    wanted = Audit(str(folder / "trail"), str(folder / "delivered"), START, START + timedelta(days=1))
    return audit(
        wanted,
        lambda changes: kind(Rules(None, changes), "2027-01-01T00:00:00Z"),
        folder / f"state-{kind.__name__}-{workers}",
        lambda *what: shown.append(what),
        workers,
    )


def _some_records() -> list[dict[str, Any]]:
    """Records of all kinds, some of them twice."""
    chance = random.Random(7)  # noqa: S311  # not for secrets
    kinds: list[dict[str, Any]] = [
        {},
        {"readOnly": True},
        {"readOnly": True, "recipientAccountId": "123456789012"},
        {"readOnly": True, "awsRegion": "eu-west-2"},
        {"readOnly": True, "managementEvent": False, "eventCategory": "Data"},
        {"readOnly": True, "managementEvent": "true"},
        {"readOnly": "true"},
        {"readOnly": True, "eventSource": "aws:s3"},
        {"readOnly": True, "eventName": "Large", "requestParameters": {"x": "x" * 262_144}},
        {"eventName": "DescribeThings"},
    ]
    weights = [5, 9, *([1] * (len(kinds) - 2))]
    found = [record(number, **chance.choices(kinds, weights)[0]) for number in range(300)]
    return [*found, *chance.sample(found, 9)]


@pytest.mark.usefixtures("_small_units")
def test_several_processes_find_what_a_simple_comparison_finds(tmp_path: Path) -> None:
    """With many units, parts, and processes, every record is counted once, and the progress is complete."""
    records = _some_records()
    trail = TrailBucket(tmp_path / "trail")
    for at in range(0, len(records), 12):
        region = "us-east-1" if at % 5 == 4 else "eu-west-1"
        trail.put(at // 12, records[at : at + 12], region=region)
    arrived = [one for number, one in enumerate(records) if number % 3]
    for at in range(0, len(arrived), 20):
        put_delivered(tmp_path / "delivered" / f"{at}", arrived[at : at + 20], "gzip")
    shown: list[tuple[str, int, int]] = []
    found = run(tmp_path, Classifier, 2, shown)
    slow = run(tmp_path, _Slow, 1, [])
    assert len(list((tmp_path / "state-Classifier-2").glob("trail-*.unit"))) > 3
    ids = [one["eventID"] for one in records]
    lost = set(ids) - {one["eventID"] for one in arrived}
    assert found.totals["recorded"] == len(set(ids))
    assert found.totals["repeats"] == len(ids) - len(set(ids))
    assert found.totals["recorded"] - found.totals["arrived"] == len(lost)
    assert found.totals["read_only"] > 20
    assert found.places == slow.places
    assert found.whys == slow.whys
    assert found.unexpected == slow.unexpected
    assert {row["eventID"] for row in found.unexpected} <= lost
    steps = {what.partition(" (")[0]: (done, total) for what, done, total in shown}
    assert len(steps) == 4
    assert all(done == total for done, total in steps.values())


def test_a_process_that_is_killed_ends_the_audit_with_advice() -> None:
    """If a process dies, the error says so, and how to continue."""
    with Pool(2, large=True) as pool, pytest.raises(AuditError, match="--state FOLDER"):
        list(pool.results([(os._exit, (9,), {})], [1], "", lambda *_: None))


def test_many_unexpected_records_are_listed_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The records that are missing unexpectedly are listed in order, however many jobs explain them."""
    monkeypatch.setattr(missing, "_PORTION", 4)
    records = [record(number) for number in range(40)]
    trail = TrailBucket(tmp_path / "trail")
    for at in range(0, 40, 5):
        trail.put(at, records[at : at + 5])
    put_delivered(tmp_path / "delivered", records[:1], "gzip")
    found = run(tmp_path, Classifier, 1, []).unexpected
    assert [row["eventID"] for row in found] == [one["eventID"] for one in records[1:]]
    assert [row["eventID"] for row in found[-2:]] == [one["eventID"] for one in records[-2:]]
    assert found[7]["eventTime"] == records[8]["eventTime"]
    assert len(list((tmp_path / "state-Classifier-1").glob("explained-*.json"))) == 8


EVENTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.integers(1, 2)), max_size=25)


@settings(max_examples=examples(150), deadline=None)
@given(
    recorded=EVENTS,
    delivered=EVENTS,
    inside=st.sets(st.integers(0, 25)),
    hashed=st.booleans(),
    size=st.sampled_from([3, 100]),
)
def test_the_join_finds_what_its_definition_says(
    recorded: list[tuple[int, int, int]],
    delivered: list[tuple[int, int, int]],
    inside: set[int],
    hashed: bool,  # noqa: FBT001  # Hypothesis passes names
    size: int,
) -> None:
    """Whatever was recorded and delivered, the join equals a comparison of each event with all others."""
    times, since, until = [0, 50, 100, 170], 50, 171
    keys = [(key << 60) + key for key in range(10)]
    checks = 1 if hashed else 0
    left = sorted(
        (file << FILE_SHIFT | at, keys[key], check * checks) for at, (key, file, check) in enumerate(recorded)
    )
    right = [
        ((file | (IN_WINDOW if at in inside else 0)) << FILE_SHIFT | at, keys[key], check * checks)
        for at, (key, file, check) in enumerate(delivered)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joining, "_SLICE_EVENTS", size)
        found = join(_row(left), _row(right), times, since, until)

    copies = {key: [check for _, other, check in right if other == key] for key in keys}
    repeats, absent, altered, compared = Counter[int](), [], [], 0
    last: dict[int, int] = {}
    for ref, key, check in left:
        file = ref >> FILE_SHIFT
        again = key in last and times[file] - times[last[key]] <= REPEAT_MINUTES
        last[key] = file
        if not since <= times[file] < until:
            continue
        if again:
            repeats[file] += 1
        elif not copies[key]:
            absent.append(ref)
        elif hashed:
            compared += 1
            altered += [ref] if set(copies[key]) != {check} else []
    within = [key for ref, key, _ in right if ref >> FILE_SHIFT & IN_WINDOW]
    known = {key for _, key, _ in left}
    assert found.repeats == dict(repeats)
    assert list(found.missing) == absent
    assert sorted(ref for ref, _ in found.altered) == altered
    assert found.compared == compared
    assert (found.delivered, found.duplicates) == (len(set(within)), len(within) - len(set(within)))
    assert len(found.unrecorded) == len(set(within) - known)


def _row(events: list[tuple[int, int, int]]) -> Row:
    unit = Unit(1)
    unit.extend([key for _, key, _ in events], [ref for ref, _, _ in events], [check for *_, check in events])
    return unit.rows[0]


@settings(max_examples=examples(40), deadline=None)
@given(
    events=st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)), max_size=20),
    parts=st.sampled_from([1, 2, 8, 64]),
    notes=st.binary(max_size=9),
)
def test_a_unit_keeps_what_was_added(
    events: list[tuple[int, int]], parts: int, notes: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The parts of a file together contain each event once, all with one key in the same part."""
    path = tmp_path_factory.mktemp("unit") / "one.unit"
    unit = Unit(parts)
    unit.add(3, ((index, key, check) for index, (key, check) in enumerate(events)))
    unit.notes += notes
    unit.save(path, {"counts": {"3": len(events)}})
    rows = [read_part([path, path], part) for part in range(parts)]
    found = sorted((ref, key, check) for row in rows for key, ref, check in zip(*row, strict=True))
    assert found == sorted(2 * [(3 << FILE_SHIFT | at, key, check) for at, (key, check) in enumerate(events)])
    places = {key: part for part, row in enumerate(rows) for key in row.keys}
    assert all(places[key] == key * parts >> 64 for key, _ in events)
    assert read_head(path) == {"counts": {"3": len(events)}}
    assert read_notes(path) == notes


def test_reasons_and_routes_are_the_same_in_other_processes() -> None:
    """What a process gets to explain records gives the same classes as in the first process."""
    text = (
        '[sinks.archive]\nto = "s3://example-archive/events?region=eu-west-1"\n'
        '[[routes]]\nname = "users"\npattern = {detail = {eventName = ["CreateUser"]}}\nsinks = ["archive"]\n'
    )
    classifier = Classifier(
        Rules(World(), []), "2027", routed(Config.from_toml(text)), reason=reasons(World())
    )
    other = pickle.loads(pickle.dumps(classifier))  # noqa: S301  # made here
    for one in _some_records()[:20]:
        given = one, len(dumps(one)), "CloudTrail", "111122223333", "eu-west-1"
        assert other.classify(*given) == classifier.classify(*given)
