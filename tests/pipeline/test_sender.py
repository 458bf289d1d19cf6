"""Concurrent calls of one sink: as many as it allows, and every entry is accounted for."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trailforward import PermanentError, TransientError
from trailforward.errors import Cause
from trailforward.pipeline.backoff import Backoff
from trailforward.pipeline.sender import Failure, PendingEntry, Sender
from trailforward.pipeline.threads import Threads
from trailforward.sinks.base import Limits, Rejection
from trailforward.testing import FlakySink, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.sinks.base import Entry


def limits(entries: int, calls: int) -> Limits:
    """Limits with a maximum of entries per batch and of concurrent calls."""
    return Limits(max_entries=entries, max_entry_bytes=100, max_batch_bytes=1_000, max_concurrency=calls)


def entries(count: int) -> list[PendingEntry]:
    """Entries of one byte each."""
    return [PendingEntry(b"x", str(index), index=index, size=1) for index in range(count)]


def sent(sink: Any, count: int, *, attempts: int = 5) -> Sender:
    """A sender that has finished."""
    backoff = Backoff(max_attempts=attempts, initial_seconds=0)
    sender = Sender("a", sink, backoff, Threads(), deadline=time.monotonic() + 600, on_error=lambda *_: None)
    sender.start(entries(count))
    sender.finish()
    return sender


class ConcurrencySink(FlakySink):
    """Counts concurrent calls. Each call waits until so many others are running."""

    def __init__(self, calls: int, calls_to_wait_for: int) -> None:
        super().__init__(limits=limits(1, calls))
        self.most = 0
        self._running = 0
        self._barrier = threading.Barrier(calls_to_wait_for)

    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Accepts everything, once all calls are running."""
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
        self._barrier.wait(timeout=600)
        with self._lock:
            self._running -= 1
        return super().send(batch)


@pytest.mark.parametrize("calls", [1, 3])
def test_a_sink_gets_as_many_calls_at_once_as_it_allows(calls: int) -> None:
    """A sink gets as many concurrent calls as it allows, and no batch is sent twice."""
    sink = ConcurrencySink(calls, calls_to_wait_for=calls)
    sender = sent(sink, 6)
    assert sink.most == calls
    assert sorted(entry.key for entry in sink.taken) == [str(index) for index in range(6)]
    assert sum(len(batch) for batch, _ in sender.delivered) == 6


def test_a_bad_entry_fails_alone() -> None:
    """A batch that is refused as a whole is split, also with concurrent calls; only the bad entry fails."""

    class Picky(FlakySink):
        def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
            if any(entry.key == "5" for entry in batch):
                raise PermanentError("Bad", "one of them", divisible=True)
            return super().send(batch)

    sink = Picky(limits=limits(4, 3))
    sender = sent(sink, 12)
    assert {index: result.code for index, result in sender.failed.items()} == {5: "Bad"}
    assert len(sink.taken) == 11


def test_a_sink_that_refuses_everything_pauses() -> None:
    """After three entries were refused alone and none accepted, the sink is not called, and all return."""
    error = PermanentError("Bad", "everything", divisible=True)
    sink = FlakySink([error] * 100, limits=limits(8, 1))
    sender = sent(sink, 64)
    assert sum(len(batch) == 1 for batch in sink.calls) == 3
    assert {(index, failure.transient) for index, failure in sender.failed.items()} == {
        (index, True) for index in range(64)
    }


def test_a_destination_that_is_at_fault_is_called_once() -> None:
    """If the code names the destination, its sink pauses at once, and all entries return."""
    sink = FlakySink([PermanentError("AccessDenied", "no")] * 9, limits=limits(8, 1))
    sender = sent(sink, 64)
    assert len(sink.calls) == 1
    assert [failure.transient for failure in sender.failed.values()] == [True] * 64


def test_a_response_after_the_deadline_is_ignored() -> None:
    """Entries without a response at the deadline have failed, even if the response arrives a moment later."""
    called, responding, responded = threading.Event(), threading.Event(), threading.Event()

    class Late(FlakySink):
        def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
            called.set()
            responding.wait(600)
            try:
                return super().send(batch)
            finally:
                responded.set()

    threads = Threads()
    deadline = time.monotonic() + 600
    sender = Sender("a", Late(), Backoff(), threads, deadline=deadline, on_error=lambda *_: None)
    sender.start(entries(2))
    assert called.wait(600)
    sender._deadline = time.monotonic()  # however long the thread took to start
    sender.finish()
    assert {index: result.code for index, result in sender.failed.items()} == {0: "deadline", 1: "deadline"}
    responding.set()
    assert responded.wait(600)
    assert sender._task is not None
    sender._task.wait(600)
    assert sender.delivered == []
    assert set(sender.failed) == {0, 1}


RESPONSES = st.sampled_from(
    [
        None,
        refuse(0),
        refuse(0, transient=False),
        TransientError("Down", "now"),
        PermanentError("Gone", "gone"),
        PermanentError("Bad", "one", divisible=True),
        RuntimeError("bug"),
    ]
)


@given(st.lists(RESPONSES, max_size=8), st.integers(0, 20), st.integers(1, 4), st.integers(1, 4))
@settings(deadline=None)
def test_every_entry_ends_once(script: list[Any], count: int, entries: int, calls: int) -> None:
    """Whatever the responses and the concurrency, each entry is either delivered or failed, exactly once."""
    sink = FlakySink((response or refuse() for response in script), limits=limits(entries, calls))
    sender = sent(sink, count, attempts=3)
    taken = [entry.index for batch, _ in sender.delivered for entry in batch]
    assert sorted([*taken, *sender.failed]) == list(range(count))
    assert sorted(int(entry.key) for entry in sink.taken) == sorted(taken)


def test_a_failure_keeps_the_words_of_the_destination() -> None:
    """Code, reason, and number of calls of every refused entry are those that the sink reported."""
    refused = [
        Rejection(0, "Denied", "no permission", transient=False, cause=Cause.DESTINATION),
        Rejection(1, "TooLarge", "over the limit", transient=False, cause=Cause.CONTENT),
        Rejection(2, "Odd", "no idea", transient=False),
        Rejection(3, "Busy", "try again", transient=True),
    ]
    sink = FlakySink([lambda _: refused, lambda _: [Rejection(0, "Busy", "try again", transient=True)]])
    assert sent(sink, 5, attempts=2).failed == {
        0: Failure(transient=True, code="Denied", reason="no permission", attempts=1),
        1: Failure(transient=False, code="TooLarge", reason="over the limit", attempts=1),
        2: Failure(transient=False, code="Odd", reason="no idea", attempts=1),
        3: Failure(transient=True, code="Busy", reason="try again", attempts=2),
    }


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (PermanentError("Denied", "no permission"), (True, "Denied", "no permission", 1)),
        (
            PermanentError("TooLarge", "over the limit", content=True),
            (False, "TooLarge", "over the limit", 1),
        ),
        (PermanentError("Odd", "no idea", divisible=True), (True, "Odd", "no idea", 1)),
        (TransientError("Busy", "try again"), (True, "Busy", "try again", 2)),
    ],
    ids=repr,
)
def test_an_error_of_a_whole_call_keeps_its_words(error: Exception, failure: tuple[Any, ...]) -> None:
    """Code and reason of an error are in the failure of the entry that it concerns."""
    assert sent(FlakySink([error, error]), 1, attempts=2).failed == {0: Failure(*failure)}


@pytest.mark.parametrize(
    "step",
    [TransientError("Slow", throttled=True), lambda _: [Rejection(0, "Slow", "", True, Cause.THROTTLING)]],  # noqa: FBT003  # as the contract has it
)
def test_a_failure_says_that_the_destination_throttles(step: Any) -> None:
    """What the sink says about the rate is in the failure, for a whole call and for one entry."""
    assert sent(FlakySink([step, step]), 1, attempts=2).failed[0].throttled


def test_a_delivery_at_the_first_call_has_one_attempt() -> None:
    """Attempts are the calls that an entry was in: none before the first one."""
    assert PendingEntry(b"x", "key").attempts == Failure(transient=False).attempts == 0
    ((batch, _),) = sent(FlakySink(limits=limits(5, 1)), 2).delivered
    assert [entry.attempts for entry in batch] == [1, 1]


def test_an_entry_that_was_refused_before_the_pause_keeps_its_own_code() -> None:
    """An entry that the sink throttled, before it refused another call, is reported as throttled."""
    script: list[Any] = [refuse(0, code="Throttled"), PermanentError("AccessDenied")]
    failed = sent(FlakySink(script, limits=limits(1, 1)), 3).failed
    assert [failed[index].code for index in range(3)] == ["Throttled", "AccessDenied", "AccessDenied"]
