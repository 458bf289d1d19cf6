"""The strips of digests: which time the digests of each trail cover, and why a time is not covered."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.support.digest_chain import METADATA, DigestChain, public_keys
from tests.support.trail_bucket import ACCOUNT, START, TrailBucket
from trailforward.audit.digest_keys import FileKeys
from trailforward.audit.digests import check_digests
from trailforward.storage import Location, open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOURS = 8


class Case:
    """Eight hours with digests, and two more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trail = folder / "trail"
        TrailBucket(self.trail).put(10, [])
        self.chain = DigestChain(self.trail)

    def complete(self) -> None:
        """Writes all digests."""
        self.chain.hourly(-1, HOURS + 2, [])

    def remove(self, hour: int) -> None:
        """Removes the digest of an hour."""
        self._path(hour).unlink()

    def damage(self, hour: int, text: str) -> None:
        """Gives the digest of an hour another signature."""
        key = self._path(hour).relative_to(self.trail).as_posix()
        self.chain.write_metadata(key, {"signature": text} if text else {})

    def _path(self, hour: int) -> Path:
        end = START + timedelta(hours=hour + 1)
        (path,) = (one for one in self.trail.rglob(f"*_{end:%Y%m%dT%H%M%SZ}*") if METADATA not in one.name)
        return path

    def spans(self, since: float = 0, until: float = HOURS, now: int = 48) -> list[tuple[float, float, str]]:
        """First and last hour, and the state, of each span."""
        (self.folder / "keys.json").write_text(json.dumps(public_keys()))
        store = open_store(Location.parse(str(self.trail)))
        start, end = START + timedelta(hours=since), START + timedelta(hours=until)
        keys = FileKeys(self.folder / "keys.json")
        report = check_digests(store, start, end, (), (), keys, now=START + timedelta(hours=now))
        hour = timedelta(hours=1)
        found = [((one.start - START) / hour, (one.end - START) / hour, one.state) for one in report.spans]
        assert {(one.account, one.region) for one in report.spans} == {(ACCOUNT, "eu-west-1")}
        for (_, before, _), (after, _, _) in pairwise(found):
            assert before == after
        assert (found[0][0], found[-1][1]) == (since, until)
        return found


def restarted(case: Case) -> None:
    """The trail is stopped for two hours."""
    case.chain.hourly(-1, 3, [])
    case.chain.restart()
    case.chain.hourly(5, HOURS + 2, [])


def left_out(case: Case) -> None:
    """Linked digests leave two hours between them."""
    case.chain.hourly(-1, 3, [])
    case.chain.hourly(5, HOURS + 2, [])


def deleted(case: Case) -> None:
    """Two digests are deleted."""
    case.complete()
    case.remove(3)
    case.remove(4)


def unsigned(case: Case) -> None:
    """Two digests have another signature, or none."""
    case.complete()
    case.damage(3, "00" * 256)
    case.damage(4, "")


def late(case: Case) -> None:
    """The first digests are missing, and the chain begins later."""
    case.chain.hourly(5, HOURS + 2, [])


def early(case: Case) -> None:
    """The newest digests are missing."""
    case.chain.hourly(-1, 5, [])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Case.complete, [(0, 8, "valid")]),
        (restarted, [(0, 3, "valid"), (3, 5, "restarted"), (5, 8, "valid")]),
        (left_out, [(0, 3, "valid"), (3, 5, "gap"), (5, 8, "valid")]),
        (deleted, [(0, 3, "valid"), (3, 5, "missing"), (5, 8, "valid")]),
        (unsigned, [(0, 3, "valid"), (3, 5, "failed"), (5, 8, "valid")]),
        (late, [(0, 5, "none"), (5, 8, "valid")]),
        (early, [(0, 5, "valid"), (5, 8, "none")]),
    ],
)
def test_each_break_is_a_span(
    tmp_path: Path, change: Callable[[Case], None], expected: list[tuple[float, float, str]]
) -> None:
    """The spans of a chain cover the window without a break, and say why a time is not covered."""
    case = Case(tmp_path)
    change(case)
    assert case.spans() == expected


def test_young_hours_are_pending(tmp_path: Path) -> None:
    """Digests that CloudTrail has not written yet are not missing."""
    case = Case(tmp_path)
    case.chain.hourly(-1, 6, [])
    assert case.spans(now=8) == [(0, 6, "valid"), (6, 8, "pending")]


def test_backfill_digests_are_not_hours(tmp_path: Path) -> None:
    """A backfill digest covers no hour, because it lists what other digests left out."""
    case = Case(tmp_path)
    case.chain.hourly(-1, 5, [])
    DigestChain(case.trail).put(5, [], backfill=True)
    assert case.spans() == [(0, 5, "valid"), (5, 8, "none")]


def test_the_window_cuts_digests(tmp_path: Path) -> None:
    """A window that does not begin or end at a full hour cuts the first and last digest."""
    case = Case(tmp_path)
    case.complete()
    assert case.spans(since=0.5, until=2.25) == [(0.5, 2.25, "valid")]
