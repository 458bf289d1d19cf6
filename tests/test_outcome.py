"""The ledger: one fate per message and sink, and sums that must agree."""

from __future__ import annotations

from trailforward.message import Message, Origin
from trailforward.outcome import Fate, LedgerBreak, Outcome, Totals, Verdict, owed_sinks

DELIVERED = Verdict(Fate.DELIVERED, attempts=1)


def messages(*owed: str | None) -> list[Message]:
    """One message per argument: owed to these sinks (separated by commas), or to all."""
    return [
        Message(b"{}", Origin("test", owed=None if names is None else frozenset(names.split(","))))
        for names in owed
    ]


def test_the_identity_holds() -> None:
    """For each sink, ``received`` equals the sum of the four fates."""
    outcome = Outcome(messages(None, None, None, None), ["a"])
    for index, fate in enumerate(Fate):
        outcome.record("a", index, Verdict(fate))
    assert outcome.totals("a") == Totals(4, 1, 1, 1, 1)
    assert outcome.totals("a").balanced
    assert outcome.breaks == []


def test_a_message_without_a_fate_breaks_it() -> None:
    """A message without a fate breaks the ledger, with the sink's counts."""
    outcome = Outcome(messages(None, None), ["a"])
    outcome.record("a", 0, DELIVERED)
    assert not outcome.totals("a").balanced
    (found,) = outcome.breaks
    assert str(found).startswith("a: received 2 is not the sum of its fates")


def test_a_second_fate_breaks_it() -> None:
    """The first fate counts, and the second breaks the ledger."""
    outcome = Outcome(messages(None), ["a"])
    outcome.record("a", 0, DELIVERED)
    outcome.record("a", 0, Verdict(Fate.RETURNED))
    assert outcome.totals("a") == Totals(1, 1)
    assert outcome.breaks == [LedgerBreak("a", "message 0 met returned after delivered")]


def test_a_forgotten_message_is_returned() -> None:
    """A mistake in the pipeline loses nothing: the message is returned, and the ledger is broken."""
    outcome = Outcome(messages(None), ["a"])
    outcome.return_forgotten()
    assert outcome.returned == [0]
    assert outcome.totals("a").balanced
    assert outcome.breaks == [LedgerBreak("a", "message 0 met no fate")]


def test_sinks_still_owed() -> None:
    """A redelivered message counts only for the sinks it is owed to, or for all if none of them exists."""
    outcome = Outcome(messages("b", "b,gone", "gone", None), ["a", "b"])
    owed = [owed_sinks(message, outcome.accounts) for message in outcome.messages]
    assert owed == [["b"], ["b"], ["a", "b"], ["a", "b"]]
    assert (outcome.totals("a").received, outcome.totals("b").received) == (2, 4)


def test_which_messages_are_returned() -> None:
    """Returned messages are listed once, in order, without those in the retry queue."""
    outcome = Outcome(messages(None, None, None), ["a", "b"])
    outcome.record("b", 2, Verdict(Fate.RETURNED, "throttled"))
    outcome.record("a", 0, Verdict(Fate.RETURNED, "throttled"))
    outcome.record("b", 0, Verdict(Fate.RETURNED, "throttled"))
    outcome.record("a", 1, Verdict(Fate.RETURNED, "throttled", in_retry_queue=True))
    assert outcome.returned == [0, 2]


def test_totals_add_up() -> None:
    """Totals of several batches can be added."""
    assert Totals(5, 4, 1) + Totals(3, 0, 1, 1, 1) == Totals(8, 4, 2, 1, 1)


def test_batches_of_one_source_have_one_ledger() -> None:
    """Joined ledgers have the sums of both, and keep one message for each returned item."""
    messages = [Message(b"{}", Origin("s3", f"#{number}", item="m-1", unit="m-1")) for number in range(3)]
    first = Outcome(messages, ["a"])
    first.record("a", 0, DELIVERED)
    first.record("a", 1, Verdict(Fate.RETURNED, "throttled"))
    first.record("a", 2, Verdict(Fate.RETURNED, "throttled"))
    second = Outcome(messages[:1], ["a"], first)
    assert (second.begun, second.leaving) == ({"m-1"}, {"m-1"})
    second.record("a", 0, Verdict(Fate.FILTERED))
    both = first.joined(second)
    assert both.totals("a") == Totals(received=4, delivered=1, filtered=1, returned=2)
    assert both.breaks == []
    assert [both.messages[index].origin.item for index in both.returned] == ["m-1"]
    assert both.verdicts["a"][0].code == "throttled"
    assert (both.begun, both.leaving) == ({"m-1"}, {"m-1"})


def test_a_broken_ledger_stays_broken() -> None:
    """A joined ledger is broken if one of its parts is."""
    first = Outcome([Message(b"{}", Origin("s3"))], ["a"])
    first.return_forgotten()
    assert first.joined(Outcome([], ["a"], first)).breaks == first.breaks != []


def test_deliveries_are_recorded_at_once() -> None:
    """A delivered batch is recorded at once, with its attempts and units."""
    some = [Message(b"{}", Origin("test", unit=unit)) for unit in ("u", None)]
    outcome = Outcome(some, ["a"])
    outcome.deliver("a", [0, 1])
    assert outcome.verdicts["a"] == {0: DELIVERED, 1: DELIVERED}
    assert (outcome.begun, outcome.totals("a"), outcome.breaks) == ({"u"}, Totals(2, 2), [])
    assert outcome.meeting(Fate.DELIVERED) == ["a"]
    assert outcome.meeting(Fate.RETURNED, Fate.FILTERED) == []
    again = Outcome(some, ["a"])
    again.deliver("a", [0], attempts=3)
    assert again.verdicts["a"] == {0: Verdict(Fate.DELIVERED, attempts=3)}


def test_a_second_delivery_breaks_the_identity() -> None:
    """Recording a batch at once detects second fates, earlier ones as well as those within the batch."""
    outcome = Outcome(messages(None, None), ["a"])
    outcome.record("a", 0, Verdict(Fate.FILTERED))
    outcome.deliver("a", [0, 1])
    outcome.deliver("a", [1, 1])
    assert outcome.totals("a") == Totals(2, 1, 1)
    assert list(map(str, outcome.breaks)) == [
        "a: message 0 met delivered after filtered",
        *["a: message 1 met delivered after delivered"] * 2,
    ]
