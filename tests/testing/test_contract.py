"""SinkContract finds sinks that violate the contract."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from trailforward.errors import PermanentError, SinkError, TransientError
from trailforward.sinks.base import Limits, Rejection
from trailforward.testing import FlakySink
from trailforward.testing.contract import PAYLOAD, SinkContract

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trailforward.sinks.base import Entry


class Good(FlakySink):
    """Follows the contract: rejects entries with the payload, or fails as configured."""

    error: SinkError | None = None
    transient = True
    fails = True

    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Accepts or rejects."""
        if self.error is not None:
            raise self.error
        with self._lock:
            self.taken += [entry for entry in batch if PAYLOAD.encode() not in entry.data]
        return [
            Rejection(index, "Busy", "by script", self.transient)
            for index, entry in enumerate(batch)
            if PAYLOAD.encode() in entry.data
        ]


class Contract(SinkContract):
    """The contract for one sink from a factory."""

    def __init__(self, make: Callable[[], FlakySink]) -> None:
        self.sink = make()

    def make(self) -> FlakySink:
        """The sink."""
        return self.sink

    def taken(self) -> list[bytes]:
        """The entries that it received."""
        return self.sink.data

    def refuse_entries(self, text: bytes) -> bool:
        """Always possible."""
        return bool(text)

    def fail_call(self, *, transient: bool) -> bool:
        """Fails like a sink of this type."""
        if isinstance(self.sink, Good) and self.sink.fails:
            self.sink.error = TransientError("Busy") if transient else PermanentError("No")
        return True


NAMES = [name for name in vars(SinkContract) if name.startswith("test_")]


def run(name: str, make: Callable[[], FlakySink], request: pytest.FixtureRequest) -> None:
    """One test of the contract."""
    test = getattr(Contract(make), name)
    wanted = test.__func__.__code__.co_varnames[1 : test.__func__.__code__.co_argcount]
    test(**{fixture: request.getfixturevalue(fixture) for fixture in wanted})


@pytest.mark.parametrize("name", NAMES)
def test_a_sink_that_keeps_its_word_passes(name: str, request: pytest.FixtureRequest) -> None:
    """Every test passes for a sink that follows the contract."""
    run(name, Good, request)


class Unlimited(Good):
    def __init__(self) -> None:
        super().__init__(limits=Limits(max_entries=10, max_entry_bytes=100, max_batch_bytes=10))


class Light(Good):
    def size(self, entry: Entry) -> int:
        """Its size is too small."""
        return len(entry.data) // 2


class Changing(Good):
    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Parses and dumps the events."""
        for entry in batch:
            entry.data = entry.data.replace(b"1.10", b"1.1")
        return super().send(batch)


class Forgetful(Good):
    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Does not report rejections."""
        super().send(batch)
        return []


class Misplaced(Good):
    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Reports the wrong entry."""
        return [Rejection(0, each.code, each.message, each.transient) for each in super().send(batch)]


class Talkative(Good):
    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Logs what it sends."""
        logging.getLogger("sink").warning("%s", [entry.data for entry in batch])
        return super().send(batch)


class Printing(Good):
    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Prints what it sends."""
        print([entry.data for entry in batch])  # noqa: T201
        return super().send(batch)


class Quoting(Good):
    fails = False

    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Shows rejected data in the error."""
        return [Rejection(0, "Busy", batch[0].data.decode(), transient=True)]


class Nameless(Good):
    fails = False

    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Reports no code."""
        assert batch
        return [Rejection(0, "", "", transient=True)]


class Sleepy(Good):
    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Sleeps."""
        time.sleep(5)
        return super().send(batch)


class Hasty(Good):
    fails = False
    transient = False


class Stubborn(Good):
    fails = False


class Vague(Good):
    fails = False
    error = SinkError("Oops")


class Clumsy(Good):
    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Works only in the main thread."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("one at a time")
        return super().send(batch)


class Fragile(Good):
    def close(self) -> None:
        """Can be closed only once."""
        if self.closed:
            raise ValueError("closed already")
        super().close()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Unlimited, "test_limits_are_consistent"),
        (Light, "test_size_counts_all_bytes"),
        (Changing, "test_bytes_arrive_unchanged"),
        (Forgetful, "test_only_rejected_entries_are_reported"),
        (Misplaced, "test_only_rejected_entries_are_reported"),
        (Talkative, "test_only_rejected_entries_are_reported"),
        (Printing, "test_only_rejected_entries_are_reported"),
        (Quoting, "test_a_transient_failure_is_reported_at_once"),
        (Nameless, "test_a_transient_failure_is_reported_at_once"),
        (Sleepy, "test_a_transient_failure_is_reported_at_once"),
        (Hasty, "test_a_transient_failure_is_reported_at_once"),
        (Stubborn, "test_a_permanent_failure_is_reported"),
        (Vague, "test_a_transient_failure_is_reported_at_once"),
        (Clumsy, "test_threads_may_share_a_sink"),
        (Fragile, "test_a_sink_may_be_closed_at_any_time"),
    ],
)
def test_a_sink_that_breaks_its_word_is_found(
    make: Callable[[], FlakySink], name: str, request: pytest.FixtureRequest
) -> None:
    """Each promise has a test that fails if the promise is broken."""
    with pytest.raises((AssertionError, ValueError)):
        run(name, make, request)


@pytest.mark.parametrize("name", ["make", "taken"])
def test_what_must_be_said_is_asked_for(name: str) -> None:
    """A subclass creates the sink and reads its destination; rejections are not tested by default."""
    contract: Any = SinkContract()
    with pytest.raises(NotImplementedError):
        getattr(contract, name)()
    assert not contract.refuse_entries(b"x")
    assert not contract.fail_call(transient=True)


class Plain(SinkContract):
    """A sink that never rejects anything."""

    def make(self) -> FlakySink:
        """A sink."""
        return FlakySink()


@pytest.mark.parametrize(
    "name", ["test_a_permanent_failure_is_reported", "test_only_rejected_entries_are_reported"]
)
def test_what_a_destination_never_does_is_skipped(name: str) -> None:
    """These tests are reported as skipped, with the reason."""
    from unittest import SkipTest

    with pytest.raises(SkipTest, match="this destination"):
        getattr(Plain(), name)(caplog=None, capfd=None)
