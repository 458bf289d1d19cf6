"""SinkContract finds sinks that break their word."""

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
    """Keeps the contract: refuses what holds the payload, or fails as it is told."""

    error: SinkError | None = None
    transient = True
    fails = True

    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Takes or refuses."""
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
    """The contract for one sink made by a factory."""

    def __init__(self, make: Callable[[], FlakySink]) -> None:
        self.sink = make()

    def make(self) -> FlakySink:
        """The sink."""
        return self.sink

    def taken(self) -> list[bytes]:
        """What it keeps."""
        return self.sink.data

    def refuse_entries(self, text: bytes) -> bool:
        """It always does."""
        return bool(text)

    def fail_call(self, *, transient: bool) -> bool:
        """As a sink of this kind would."""
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
    """Every check passes for a sink as the contract describes it."""
    run(name, Good, request)


class Unlimited(Good):
    def __init__(self) -> None:
        super().__init__(limits=Limits(max_entries=10, max_entry_bytes=100, max_batch_bytes=10))


class Light(Good):
    def size(self, entry: Entry) -> int:
        """Too small."""
        return len(entry.data) // 2


class Changing(Good):
    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Parses and dumps."""
        for entry in batch:
            entry.data = entry.data.replace(b"1.10", b"1.1")
        return super().send(batch)


class Forgetful(Good):
    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Names no refusal."""
        super().send(batch)
        return []


class Misplaced(Good):
    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Names the wrong entry."""
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
        """Repeats what was refused."""
        return [Rejection(0, "Busy", batch[0].data.decode(), transient=True)]


class Nameless(Good):
    fails = False

    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Gives no code."""
        assert batch
        return [Rejection(0, "", "", transient=True)]


class Sleepy(Good):
    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Waits by itself."""
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
        """Works in the main thread alone."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("one at a time")
        return super().send(batch)


class Fragile(Good):
    def close(self) -> None:
        """Can be closed once."""
        if self.closed:
            raise ValueError("closed already")
        super().close()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Unlimited, "test_its_limits_can_be_kept"),
        (Light, "test_an_entrys_size_counts_all_its_bytes"),
        (Changing, "test_bytes_arrive_unchanged"),
        (Forgetful, "test_refused_entries_are_named_and_no_others"),
        (Misplaced, "test_refused_entries_are_named_and_no_others"),
        (Talkative, "test_refused_entries_are_named_and_no_others"),
        (Printing, "test_refused_entries_are_named_and_no_others"),
        (Quoting, "test_a_passing_failure_may_be_tried_again"),
        (Nameless, "test_a_passing_failure_may_be_tried_again"),
        (Sleepy, "test_a_passing_failure_may_be_tried_again"),
        (Hasty, "test_a_passing_failure_may_be_tried_again"),
        (Stubborn, "test_a_failure_for_good_is_told_as_one"),
        (Vague, "test_a_passing_failure_may_be_tried_again"),
        (Clumsy, "test_it_may_be_used_by_many_threads"),
        (Fragile, "test_it_may_be_closed_at_any_time"),
    ],
)
def test_a_sink_that_breaks_its_word_is_found(
    make: Callable[[], FlakySink], name: str, request: pytest.FixtureRequest
) -> None:
    """Each promise has a test that fails when it is broken."""
    with pytest.raises((AssertionError, ValueError)):
        run(name, make, request)


@pytest.mark.parametrize("name", ["make", "taken"])
def test_what_must_be_said_is_asked_for(name: str) -> None:
    """A subclass says how to make the sink and how to look behind it; refusals are left out by default."""
    contract: Any = SinkContract()
    with pytest.raises(NotImplementedError):
        getattr(contract, name)()
    assert not contract.refuse_entries(b"x")
    assert not contract.fail_call(transient=True)


class Plain(SinkContract):
    """A sink that is never refused anything."""

    def make(self) -> FlakySink:
        """A sink."""
        return FlakySink()


@pytest.mark.parametrize(
    "name", ["test_a_failure_for_good_is_told_as_one", "test_refused_entries_are_named_and_no_others"]
)
def test_what_a_destination_never_does_is_skipped(name: str) -> None:
    """These checks are shown as skipped, with the reason."""
    from unittest import SkipTest

    with pytest.raises(SkipTest, match="this destination"):
        getattr(Plain(), name)(caplog=None, capfd=None)
