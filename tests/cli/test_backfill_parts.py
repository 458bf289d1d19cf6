"""The parts of a backfill: its state, its reading ahead, and times on the command line."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailforward.cli import _backfill
from trailforward.cli._backfill import Listing, Work, read_ahead
from trailforward.cli._resume import Place, State
from trailforward.cli._times import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = datetime(2026, 11, 26, tzinfo=UTC)


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["", "a/", "b/"]), st.text("ab/\udc80", max_size=3))
    ),
    st.integers(0, 20),
)
def test_no_file_is_skipped_or_repeated(
    tmp_path_factory: pytest.TempPathFactory, found: list[Any], at: int
) -> None:
    """Wherever a run ends, the next one skips exactly the files that are done, also if others appeared."""
    places = sorted({Place(*one) for one in found}, key=lambda one: (one.number, one.root == "a/", one))
    path = tmp_path_factory.mktemp("state") / "state"
    first = State(path, {"inputs": []}, [])
    for place in places[:at]:
        first.finish(place)
    first.save()
    second = State(path, {"inputs": []}, [])
    second.load()
    assert [second.passed(place) for place in places] == [True] * len(places[:at]) + [False] * len(
        places[at:]
    )


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects are read ahead in order and in parallel, and no more than the limits allow."""
    monkeypatch.setattr(_backfill, "_AHEAD", 5)
    started: list[int] = []

    def work(number: int) -> Work:
        def read() -> bytes:
            started.append(number)
            return b"%d" % number

        return Work(str(number), Place(0, "", str(number)), 10, read)

    def works() -> Iterator[Work]:
        yield from map(work, range(100))
        raise OSError(5, "stops")

    done: list[bytes] = []

    def use() -> None:
        for one in read_ahead(Listing(works()), lambda one: one.name == "7"):
            assert one.read is not None
            done.append(one.read())
            assert len(started) <= len(done) + 6

    with pytest.raises(OSError, match="stops"):
        use()
    assert done == [b"%d" % number for number in range(100) if number != 7]


@given(st.datetimes(datetime(2013, 1, 1), datetime(2100, 1, 1)), st.integers(0, 9999))  # noqa: DTZ001
def test_times(time: datetime, number: int) -> None:
    """A time means the same with and without UTC's offset; an amount is so long ago."""
    now = time.replace(tzinfo=UTC)
    for text in (time.isoformat(), f"{time.isoformat()}Z", now.isoformat()):
        assert parse_time(text, DAY) == now
    assert parse_time(time.date().isoformat(), DAY) == now.replace(hour=0, minute=0, second=0, microsecond=0)
    assert parse_time(f"{number}h", now) == now - timedelta(hours=number)
    assert parse_time(f"{number}d ago", now) == now - timedelta(days=number)
    assert parse_time("now", now) == now


@given(st.text())
def test_other_times(text: str) -> None:
    """Any other text is an error with the fix."""
    with suppress(ValueError):
        assert parse_time(text, DAY).tzinfo is UTC
        return
    with pytest.raises(ValueError, match="Fix: write a date or time"):
        parse_time(text, DAY)
