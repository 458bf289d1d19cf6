"""``MemorySink`` and ``FlakySink``."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trailforward import Config, Fate, Forwarder, PermanentError, TransientError
from trailforward.errors import Cause
from trailforward.sinks.base import Entry, Limits, Rejection, Sink
from trailforward.testing import (
    FlakySink,
    MemorySink,
    SinkContract,
    as_sqs,
    assert_forwarded,
    cloudtrail_event,
    lost_response,
    refuse,
)

A, B, C = (Entry(data, data.decode()) for data in (b"a", b"b", b"c"))
TOML = """
[retry]
initial_seconds = 0
[sinks.siem]
to = "stdout:"
[[routes]]
name = "all"
sinks = ["siem"]
"""


class TestContract(SinkContract):
    """The test sinks follow the contract of all sinks."""

    def setup_method(self) -> None:
        """A sink whose script is set while the test runs."""
        self.steps: list[Any] = []
        self.sink = FlakySink(self.steps.pop() if self.steps else None for _ in itertools.count())

    def make(self) -> Sink:
        """The sink."""
        return self.sink

    def taken(self) -> list[bytes]:
        """The bytes of the accepted entries."""
        return self.sink.data

    def refuse_entries(self, text: bytes) -> bool:
        """The next call rejects entries that contain the text."""
        self.steps.append(lambda batch: refuse(*(i for i, e in enumerate(batch) if text in e.data))(batch))
        return True

    def fail_call(self, *, transient: bool) -> bool:
        """The next call fails."""
        self.steps.append(TransientError("busy") if transient else PermanentError("gone"))
        return True


def test_a_memory_sink_keeps_what_it_takes() -> None:
    """Entries, bytes, and calls are available in order, and nothing is rejected."""
    sink: Sink = MemorySink(arn="arn:aws:sqs:eu-west-1:111122223333:mine")
    assert sink.send([A, B]) == ()
    sink.send([C])
    assert isinstance(sink, MemorySink)
    assert sink.data == [b"a", b"b", b"c"]
    assert sink.calls == [[A, B], [C]]
    assert sink.arn.endswith("mine")
    assert not sink.closed
    sink.close()
    assert sink.closed


@pytest.mark.parametrize(
    ("limits", "batch"),
    [
        (Limits(1, 10, 10), [A, B]),
        (Limits(9, 1, 10), [Entry(b"aa", "")]),
        (Limits(9, 9, 1), [A, B]),
        (Limits(9, 9, 2, batch_overhead=1), [A, B]),
    ],
)
def test_calls_beyond_the_limits_are_rejected(limits: Limits, batch: list[Entry]) -> None:
    """Like a real destination, it rejects a call that exceeds the limits, and accepts one at the limits."""
    sink = MemorySink(limits=limits)
    with pytest.raises(PermanentError, match="over_limits"):
        sink.send(batch)
    assert not sink.taken
    sink.send([A])
    assert sink.calls == [batch, [A]]


def test_a_script_is_played_call_by_call() -> None:
    """A script may contain None, errors, rejections, and functions; after its end, everything is accepted."""
    error = TransientError("http_503")
    sink = FlakySink([None, error, refuse(1, 7, transient=False), lambda _: [Rejection(0, "X", "", True)]])  # noqa: FBT003  # as the contract has it
    assert sink.send([A]) == ()
    with pytest.raises(TransientError) as raised:
        sink.send([A])
    assert raised.value is error
    rejection = Rejection(1, "Invalid", "rejected by the script", transient=False, cause=Cause.CONTENT)
    assert sink.send([A, B]) == [rejection]
    assert [rejection.code for rejection in sink.send([A, B])] == ["X"]
    assert sink.send([C]) == ()
    assert sink.data == [b"a", b"a", b"b", b"c"]
    assert len(sink.calls) == 5


def test_refuse_without_indexes_rejects_all() -> None:
    """``refuse()`` rejects all entries, with a code that says whether to retry, or any other code."""
    sink = FlakySink([refuse(), refuse(code="Odd")])
    assert [(r.index, r.code, r.transient) for r in sink.send([A, B])] == [
        (0, "Throttled", True),
        (1, "Throttled", True),
    ]
    assert [r.code for r in sink.send([A])] == ["Odd"]
    assert sink.data == []


@pytest.mark.parametrize("error", [None, PermanentError("gone")])
def test_a_lost_response_still_delivers(error: PermanentError | None) -> None:
    """The destination has the batch and the caller gets an error, which causes duplicates."""
    sink = FlakySink([lost_response(error)])
    with pytest.raises(PermanentError if error else TransientError):
        sink.send([A])
    assert sink.data == [b"a"]


def test_scripts_may_be_endless() -> None:
    """A script may be any iterable."""
    sink = FlakySink(itertools.cycle([refuse(), None]))
    for _ in range(4):
        sink.send([A])
    assert sink.data == [b"a", b"a"]


def test_sinks_may_be_used_from_many_threads() -> None:
    """Each step is used once and nothing is lost, however many threads send."""
    sink = FlakySink([refuse()] * 10)
    threads = [threading.Thread(target=lambda: [sink.send([A]) for _ in range(10)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sink.calls) == 80
    assert len(sink.data) == 70


@settings(deadline=None)
@given(st.lists(st.sampled_from(["take", "throttle", "refuse", "first", "lose"]), max_size=4))
def test_the_forwarder_gets_every_event_through_a_short_script(steps: list[str]) -> None:
    """With four transient failures, five attempts deliver each event at least once."""
    made = {
        "take": None,
        "throttle": TransientError("http_503"),
        "refuse": refuse(),
        "first": refuse(0),
        "lose": lost_response(),
    }
    sink = FlakySink([made[step] for step in steps])
    events = [cloudtrail_event(seed=seed) for seed in range(3)]
    forwarder = Forwarder(Config.from_toml(TOML), made={"siem": sink})
    response, outcome = forwarder.process(as_sqs(*events))
    assert response == {"batchItemFailures": []}
    assert_forwarded(outcome, *events, to={"siem": sink}, fate=Fate.DELIVERED)
