from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.depth import examples
from tests.support.trail_bucket import START, TrailBucket, dumps, envelope, put_delivered, record
from trailforward.audit.classes import Classifier
from trailforward.audit.rules import Rules
from trailforward.audit.run import Audit, audit

if TYPE_CHECKING:
    from pathlib import Path

    from trailforward.audit.report import Result

OTHER = "123456789012"
DAY = 24 * 60


def run(
    folder: Path, first: int, last: int, *, state: str = "state", now: int = 40 * DAY, **more: Any
) -> Result:
    """Audits a window of minutes after the start, at a minute."""
    times = START + timedelta(minutes=first), START + timedelta(minutes=last)
    wanted = Audit(
        str(folder / "trail"), str(folder / "delivered"), *times, now=START + timedelta(minutes=now), **more
    )
    young = f"{START + timedelta(minutes=now - 60):%Y-%m-%dT%H:%M:%SZ}"
    return audit(
        wanted, lambda changes: Classifier(Rules(None, changes), young), folder / state, lambda *_: None, 1
    )


def absent(result: Result) -> dict[str, int]:
    """The records that did not arrive, by class."""
    return {
        name: n for name, n in result.totals.items() if n and name not in {"recorded", "arrived", "repeats"}
    }


def test_late_log_files_raise_no_false_alarm(tmp_path: Path) -> None:
    """Delivered events of the last hour may have no log file yet; older ones without one may be forged."""
    trail = TrailBucket(tmp_path / "trail")
    trail.put(10, [record(1)])
    put_delivered(tmp_path / "delivered", [record(number) for number in (1, 2, 119, 130, 179)])
    result = run(tmp_path, 0, 180, now=180)
    assert [row["eventID"] for row in result.unrecorded_examples] == [
        record(number)["eventID"] for number in (2, 119)
    ]
    assert run(tmp_path, 0, 180, now=300, state="later").unrecorded == 4


def test_young_events_are_pending(tmp_path: Path) -> None:
    """A missing event that EventBridge may still deliver is pending, and needs no action."""
    trail = TrailBucket(tmp_path / "trail")
    trail.put(170, [record(119), record(120), record(160)])
    put_delivered(tmp_path / "delivered", [record(1)])
    result = run(tmp_path, 0, 180, now=180)
    assert absent(result) == {"unexpected": 1, "pending": 2}


@pytest.mark.parametrize("layout", ["ndjson", "records", "log-file"])
@pytest.mark.parametrize("odd", [False, True])
def test_filters_apply_to_both_sides(tmp_path: Path, layout: str, *, odd: bool) -> None:
    """With ``--account`` or ``--region``, delivered events of other ones are not called unrecorded."""
    trail = TrailBucket(tmp_path / "trail")
    more = {"note": "\ud800"} if odd else {}
    records = [
        record(1, **more),
        record(2, recipientAccountId=OTHER),
        record(3, awsRegion="us-east-1"),
        record(4, **more),
    ]
    trail.put(10, records[:1])
    trail.put(10, records[1:2], account=OTHER)
    trail.put(10, records[2:3], region="us-east-1")
    put_delivered(tmp_path / "delivered", records, layout)
    for number, (accounts, regions) in enumerate([((OTHER,), ()), ((), ("us-east-1",))]):
        result = run(tmp_path, 0, 60, state=f"{number}", accounts=accounts, regions=regions)
        assert (result.totals["recorded"], result.delivered, result.unrecorded) == (1, 1, 0)
    result = run(tmp_path, 0, 60)
    assert [row["eventID"] for row in result.unrecorded_examples] == [records[3]["eventID"]]


def test_an_event_of_the_evening_lies_in_the_folder_of_the_next_day(tmp_path: Path) -> None:
    """The delivery time in the name decides, whatever the folder's day: nothing is lost at midnight."""
    trail = TrailBucket(tmp_path / "trail")
    key = trail.put(DAY - 2, [record(DAY - 3)])
    trail.put(DAY + 3, [record(DAY - 2)])
    trail.put(5, [record(1)])
    moved = tmp_path / "trail" / key.replace("/26/", "/27/")
    (tmp_path / "trail" / key).rename(moved)
    put_delivered(tmp_path / "delivered", [record(9)])
    first = run(tmp_path, 0, DAY, state="first")
    second = run(tmp_path, DAY, 2 * DAY, state="second")
    assert [row["eventID"] for row in first.unexpected] == [record(n)["eventID"] for n in (1, DAY - 3)]
    assert [row["eventID"] for row in second.unexpected] == [record(DAY - 2)["eventID"]]


@settings(max_examples=examples(40), deadline=None)
@given(
    files=st.lists(
        st.tuples(st.integers(0, 360), st.lists(st.integers(0, 40), max_size=4)), min_size=1, max_size=12
    ),
    arrived=st.sets(st.integers(0, 45), min_size=1),
    now=st.integers(300, 600),
)
def test_three_windows_around_midnight_add_up(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[int, list[int]]], arrived: set[int], now: int
) -> None:
    """Adjacent windows give the totals of one audit of all, with late, repeated, and young events."""
    folder = tmp_path_factory.mktemp("audit")
    trail = TrailBucket(folder / "trail")
    start = DAY - 180
    for minute, numbers in [*files, (0, []), (170, []), (359, [])]:
        trail.put(start + minute, [record(start + 8 * number) for number in numbers if 8 * number <= minute])
    put_delivered(folder / "delivered", [record(start + 8 * number) for number in arrived])
    at = start + now
    whole = run(folder, start, start + 360, state="whole", now=at)
    borders = [start, start + 120, DAY, start + 360]
    parts = [run(folder, *borders[n : n + 2], state=f"{n}", now=at) for n in range(3)]
    assert sum((part.totals for part in parts), Counter()) == +whole.totals
    assert sum(part.delivered for part in parts) == whole.delivered
    # An event whose log file comes more than an hour after its window is one more.
    assert sum(part.unrecorded for part in parts) >= whole.unrecorded
    rows = sorted(json.dumps(row) for part in parts for row in part.unexpected)
    assert rows == sorted(json.dumps(row) for row in whole.unexpected)


def test_an_event_that_is_older_than_the_delivered_files_is_undetermined(tmp_path: Path) -> None:
    """A log file that came days late does not make its events missing: they may have arrived before."""
    trail = TrailBucket(tmp_path / "trail")
    trail.put(3 * DAY, [record(5), record(3 * DAY - 9), record(2 * DAY + 5)])
    for day in ("26", "29"):
        path = tmp_path / "delivered" / "2026" / "11" / day / "00"
        path.mkdir(parents=True)
        number = 5 if day == "26" else 3 * DAY - 9
        (path / "events").write_text(dumps(envelope(record(number))))
    result = run(tmp_path, 3 * DAY - 60, 3 * DAY + 60)
    assert absent(result) == {"undetermined": 1, "unexpected": 1}
    assert result.exit_code == 1
    earlier = run(tmp_path, 3 * DAY - 60, 3 * DAY + 60, state="earlier", delivered_since=START)
    assert absent(earlier) == {"unexpected": 1}


def test_files_of_other_days_count_although_none_is_read(tmp_path: Path) -> None:
    """If the archive has dates, but none of the days in question, old events are undetermined, too."""
    trail = TrailBucket(tmp_path / "trail")
    trail.put(3 * DAY, [record(5), record(3 * DAY - 9)])
    path = (
        tmp_path / "delivered" / "account=111122223333" / "region=eu-west-1" / "date=2026-11-26" / "hour=00"
    )
    path.mkdir(parents=True)
    (path / "events").write_text(dumps(envelope(record(5))))
    put_delivered(tmp_path / "delivered", [record(3 * DAY - 9)])
    assert absent(run(tmp_path, 3 * DAY - 60, 3 * DAY + 60)) == {"undetermined": 1}
