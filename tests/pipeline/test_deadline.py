"""The deadline: what a sink says afterwards changes nothing, and the failure queues still get their time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from trailforward import Config, Forwarder, PermanentError, TransientError
from trailforward.pipeline.backoff import Backoff
from trailforward.pipeline.sender import Failure, PendingEntry, Sender
from trailforward.pipeline.threads import Threads
from trailforward.sinks.base import Rejection
from trailforward.testing import FlakySink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.sinks.base import Entry

LATE = Failure(transient=True, code="deadline", reason="no response before the deadline", attempts=1)


class LateSink(FlakySink):
    """Answers when it may, with an error or with rejections."""

    def __init__(self, late: BaseException | list[Rejection]) -> None:
        super().__init__()
        self.called, self.may_go_on, self.done = threading.Event(), threading.Event(), threading.Event()
        self._late = late

    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:  # noqa: ARG002
        """Waits."""
        self.called.set()
        self.may_go_on.wait(60)
        self.done.set()
        if isinstance(self._late, BaseException):
            raise self._late
        return self._late


@pytest.mark.parametrize(
    "late",
    [
        PermanentError("Denied"),
        TransientError("Throttled", retry_after=0),
        RuntimeError("bug"),
        [Rejection(0, "InvalidMessageContents", "late", transient=False)],
        [Rejection(0, "Throttled", "late", transient=True)],
    ],
    ids=repr,
)
def test_a_refusal_after_the_deadline_is_ignored(late: Any) -> None:
    """An entry without a response in time may be sent again, whatever the destination says later."""
    sink, threads = LateSink(late), Threads()
    sender = Sender(
        "a",
        sink,
        Backoff(initial_seconds=0),
        threads,
        deadline=time.monotonic() + 0.3,
        on_error=lambda *_: None,
    )
    sender.start([PendingEntry(b"x", "0", index=0, size=1)])
    assert sink.called.wait(60)
    sender.finish()
    assert sender.failed == {0: LATE}
    sink.may_go_on.set()
    assert sink.done.wait(60)
    assert sender._task is not None
    assert sender._task.wait(60)
    assert sender.failed == {0: LATE}
    assert sender.delivered == []
    assert sender.retries == 0


def test_nothing_is_sent_after_the_deadline() -> None:
    """Entries whose turn comes after the deadline were in no call, and say so."""
    sink = FlakySink()
    sender = Sender("a", sink, Backoff(), Threads(), deadline=time.monotonic() - 1, on_error=lambda *_: None)
    sender.start([PendingEntry(b"x", "0", index=0, size=1)])
    assert sender._task is not None
    assert sender._task.wait(60)
    sender.finish()
    (failure,) = sender.failed.values()
    assert (failure.transient, failure.code, failure.attempts) == (True, "deadline", 0)
    assert sink.calls == []


def test_a_wait_that_would_pass_the_deadline_is_not_begun() -> None:
    """If the destination asks for a longer pause than the time that is left, the entries go back at once."""
    sink = FlakySink([TransientError("Throttled", "slow down", retry_after=500)])
    deadline = time.monotonic() + 400
    sender = Sender(
        "a", sink, Backoff(initial_seconds=0), Threads(), deadline=deadline, on_error=lambda *_: None
    )
    sender.start([PendingEntry(b"x", "0", index=0, size=1)])
    sender.finish()
    assert sender.failed == {0: Failure(transient=True, code="Throttled", reason="slow down", attempts=1)}
    assert len(sink.calls) == 1


@pytest.mark.parametrize(("seconds", "margin"), [(30.0, 4.0), (6.0, 3.0)])
def test_a_margin_is_left_before_the_deadline(seconds: float, margin: float) -> None:
    """Sending ends ``deadline_margin_seconds`` early, or at half of a short time; queues end later."""
    text = 'deadline_margin_seconds = 4\n[sinks.a]\nto = "stdout:"\n'
    forwarder = Forwarder(Config.from_toml(text), made={"a": FlakySink()})
    before = time.monotonic()
    times = forwarder._times(seconds)
    after = time.monotonic()
    assert before + seconds - margin <= times.send <= after + seconds - margin
    assert before + seconds - margin / 4 <= times.failures <= after + seconds - margin / 4
    assert times.read < times.send < times.failures < after + seconds
