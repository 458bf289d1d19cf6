"""Several calls of one sink at once: as many as it allows, and every entry accounted for."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trailforward import PermanentError, TransientError
from trailforward.pipeline.backoff import Backoff
from trailforward.pipeline.sender import PendingEntry, Sender
from trailforward.pipeline.threads import Threads
from trailforward.sinks.base import Limits
from trailforward.testing import FlakySink, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.sinks.base import Entry, Rejection


def limits(entries: int, calls: int) -> Limits:
    """Batches of so many entries, so many calls at once."""
    return Limits(entries=entries, entry_bytes=100, batch_bytes=1_000, calls=calls)


def entries(count: int) -> list[PendingEntry]:
    """One byte each."""
    return [PendingEntry(b"x", str(index), index=index, size=1) for index in range(count)]


def sent(sink: Any, count: int, *, attempts: int = 5) -> Sender:
    """A sender that has done its work."""
    backoff = Backoff(max_attempts=attempts, base_seconds=0)
    sender = Sender("a", sink, backoff, Threads(), deadline=time.monotonic() + 600, on_error=lambda *_: None)
    sender.start(entries(count))
    sender.finish()
    return sender


class Crowd(FlakySink):
    """Counts the calls that are under way at once; a call waits for the others it is to meet."""

    def __init__(self, calls: int, meet: int) -> None:
        super().__init__(limits=limits(1, calls))
        self.most = 0
        self._under_way = 0
        self._meeting = threading.Barrier(meet)

    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Takes everything, once everybody is there."""
        with self._lock:
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        self._meeting.wait(timeout=600)
        with self._lock:
            self._under_way -= 1
        return super().send(batch)


@pytest.mark.parametrize("calls", [1, 3])
def test_a_sink_gets_as_many_calls_at_once_as_it_allows(calls: int) -> None:
    """Batches of one sink share the wait for its answers, and none is sent twice."""
    sink = Crowd(calls, meet=calls)
    sender = sent(sink, 6)
    assert sink.most == calls
    assert sorted(entry.key for entry in sink.taken) == [str(index) for index in range(6)]
    assert sum(len(batch) for batch, _ in sender.delivered) == 6


def test_a_bad_entry_among_many_calls_costs_none_of_them() -> None:
    """A batch that is blamed as a whole is split, whoever else is sending; only the bad entry is refused."""

    class Picky(FlakySink):
        def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
            if any(entry.key == "5" for entry in batch):
                raise PermanentError("Bad", "one of them", divisible=True)
            return super().send(batch)

    sink = Picky(limits=limits(4, 3))
    sender = sent(sink, 12)
    assert {index: result.code for index, result in sender.failed.items()} == {5: "Bad"}
    assert len(sink.taken) == 11


def test_what_is_told_after_the_deadline_is_not_heard() -> None:
    """What was given back for lack of an answer stays so, even if the answer comes a moment later."""
    called, answering, answered = threading.Event(), threading.Event(), threading.Event()

    class Late(FlakySink):
        def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
            called.set()
            answering.wait(600)
            try:
                return super().send(batch)
            finally:
                answered.set()

    threads = Threads()
    deadline = time.monotonic() + 600
    sender = Sender("a", Late(), Backoff(), threads, deadline=deadline, on_error=lambda *_: None)
    sender.start(entries(2))
    assert called.wait(600)
    sender._deadline = time.monotonic()  # however long the thread took to start
    sender.finish()
    assert {index: result.code for index, result in sender.failed.items()} == {0: "deadline", 1: "deadline"}
    answering.set()
    assert answered.wait(600)
    assert sender._task is not None
    sender._task.wait(600)
    assert sender.delivered == []
    assert set(sender.failed) == {0, 1}


ANSWERS = st.sampled_from(
    [
        None,
        refuse(0),
        refuse(0, transient=False),
        TransientError("Down", "now"),
        PermanentError("Gone", "for good"),
        PermanentError("Bad", "one", divisible=True),
        RuntimeError("bug"),
    ]
)


@given(st.lists(ANSWERS, max_size=8), st.integers(0, 20), st.integers(1, 4), st.integers(1, 4))
@settings(deadline=None)
def test_every_parcel_ends_once(script: list[Any], count: int, entries: int, calls: int) -> None:
    """Whatever is answered, and however many calls are under way: taken or refused, never both or neither."""
    sink = FlakySink((answer or refuse() for answer in script), limits=limits(entries, calls))
    sender = sent(sink, count, attempts=3)
    taken = [parcel.index for batch, _ in sender.delivered for parcel in batch]
    assert sorted([*taken, *sender.failed]) == list(range(count))
    assert sorted(int(entry.key) for entry in sink.taken) == sorted(taken)
