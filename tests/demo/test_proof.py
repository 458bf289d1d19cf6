from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from trailforward.demo.event_source_mapping import Invocation
from trailforward.demo.events import make_events
from trailforward.demo.output import failures
from trailforward.demo.proof import Mark, compare
from trailforward.message import Message, Origin
from trailforward.outcome import Fate, Outcome, Verdict

if TYPE_CHECKING:
    from trailforward.demo.proof import Proof

EVENTS = make_events(datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC), "a")[:3]
ARRIVED = [event.body for event in EVENTS[:2]]


def outcome(*, delivered: int = 2) -> Outcome:
    """Returns the ledger of three events and two sinks: two delivered, the third filtered."""
    messages = [Message(event.body, Origin("sqs")) for event in EVENTS]
    outcome = Outcome(messages, ["kinesis-x", "http-x"])
    for sink in ("kinesis-x", "http-x"):
        for index in range(delivered):
            outcome.record(sink, index, Verdict(Fate.DELIVERED))
        for index in range(delivered, 2):
            outcome.record(sink, index, Verdict(Fate.RETURNED, "timeout"))
        outcome.record(sink, 2, Verdict(Fate.FILTERED, "self"))
    outcome.accounts["kinesis-x"].retries = 3
    return outcome


def prove(kinesis: list[bytes], http: list[bytes], *, ledger: Outcome | None = None) -> Proof:
    """Compares events sent at second 100 with the events that arrived by second 100.25."""
    sent = {event.digest: (event, 100.0) for event in EVENTS}
    return compare(sent, {"Kinesis": kinesis, "HTTP": http}, [Invocation(ledger or outcome(), 100.25)])


def test_the_proof_holds_if_every_digest_arrived() -> None:
    """The proof holds if every event arrived once and unchanged, and no filtered event arrived."""
    proof = prove(ARRIVED, ARRIVED[::-1])
    assert proof.holds
    assert (proof.equal, proof.expected, proof.invocations) == (4, 4, 1)
    assert [set(row.marks.values()) for row in proof.rows] == [{Mark.EQUAL}, {Mark.EQUAL}, {Mark.FILTERED}]
    assert [row.filtered for row in proof.rows] == ["", "", "self"]
    assert [row.milliseconds for row in proof.rows] == [250.0] * 3


def test_the_ledger_is_summed_over_all_invocations() -> None:
    """Lines keep the order of the sinks, and sum the totals and retries of all invocations."""
    sent = {event.digest: (event, 0.0) for event in EVENTS}
    calls = [Invocation(outcome(), 1.0), Invocation(outcome(), 2.0)]
    lines = compare(sent, {"Kinesis": ARRIVED, "HTTP": ARRIVED}, calls).lines
    assert [(line.sink, line.totals.received, line.totals.filtered, line.retries) for line in lines] == [
        ("kinesis-x", 6, 2, 6),
        ("http-x", 6, 2, 0),
    ]


def test_a_missing_event_is_seen() -> None:
    """A missing event breaks the proof, and its row shows where it is missing."""
    proof = prove(ARRIVED[:1], ARRIVED)
    assert not proof.holds
    assert proof.rows[1].marks == {"Kinesis": Mark.MISSING, "HTTP": Mark.EQUAL}
    assert failures(proof)[0] == "1 of 4 deliveries missing"


@pytest.mark.parametrize(("old", "new"), [(b'":"', b'": "'), (b"Success", b"success")])
def test_a_changed_event_is_seen(old: bytes, new: bytes) -> None:
    """Changed bytes break the proof, even if the JSON is equivalent."""
    proof = prove([ARRIVED[0].replace(old, new), ARRIVED[1]], ARRIVED)
    assert not proof.holds
    assert proof.rows[0].marks == {"Kinesis": Mark.DIFFERENT, "HTTP": Mark.EQUAL}
    assert failures(proof)[0] == "1 of 4 deliveries with other bytes"


@pytest.mark.parametrize("extra", [ARRIVED[0], EVENTS[2].body, b"no event", b'{"detail":{}}'])
def test_what_should_not_be_there_is_seen(extra: bytes) -> None:
    """Duplicates, filtered events, and unknown bodies at a destination break the proof."""
    proof = prove(ARRIVED, [*ARRIVED, extra])
    assert not proof.holds
    assert proof.extra == {"Kinesis": 0, "HTTP": 1}
    assert "HTTP has 1 event too many" in failures(proof)


def test_a_ledger_that_does_not_add_up_is_seen() -> None:
    """An event without a fate breaks the proof, even if it arrived."""
    ledger = outcome()
    del ledger.verdicts["http-x"][1]
    ledger.accounts["http-x"].fates[Fate.DELIVERED] -= 1
    proof = prove(ARRIVED, ARRIVED, ledger=ledger)
    assert not proof.holds
    assert any("http-x: received 3 is not the sum" in text for text in failures(proof))


def test_a_ledger_that_contradicts_the_destinations_is_seen() -> None:
    """A ledger that counts too few deliveries breaks the proof, even if it adds up."""
    proof = prove(ARRIVED, ARRIVED, ledger=outcome(delivered=1))
    assert not proof.holds
    assert failures(proof) == ["the ledger says 2 delivered, the destinations have 4"]


def test_nothing_sent_proves_nothing() -> None:
    """A run without events is not a success."""
    proof = compare({}, {"Kinesis": []}, [])
    assert not proof.holds
    assert failures(proof) == ["nothing was sent"]
