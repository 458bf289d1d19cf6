"""Receipts: their lines, the blocks that they are sent in, and their reader."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailforward.errors import EventError
from trailforward.message import Message, Origin
from trailforward.outcome import Fate, Outcome, Verdict
from trailforward.receipts.line import lines, split
from trailforward.receipts.reader import Receipt, read

_TEXTS = st.text(max_size=300)
_FINAL = st.sampled_from([Fate.DELIVERED, Fate.FILTERED, Fate.DEAD_LETTERED])
_VERDICTS = st.builds(Verdict, _FINAL, _TEXTS)


def _message(detail: str, **envelope: object) -> Message:
    members = {"account": "111122223333", "region": "eu-west-1", **envelope}
    head = ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in members.items())
    return Message(f'{{{head},"detail":{detail}}}'.encode(), Origin("file"))


def _receipts(outcome: Outcome, *, sha256: bool = False) -> list[Receipt]:
    return read(b"".join(lines(outcome, sha256=sha256)))


def test_a_receipt_names_the_event_and_its_fate_at_every_sink() -> None:
    """A receipt has the event's ID, time, account, and Region, and the sinks with their codes."""
    detail = '{"eventID": "e-1",  "eventTime": "2026-11-26T00:00:01Z"}'
    outcome = Outcome([_message(detail)], ["a", "b", "c", "d"])
    outcome.deliver("a", [0])
    outcome.record("b", 0, Verdict(Fate.FILTERED, "suppressed"))
    outcome.record("c", 0, Verdict(Fate.DEAD_LETTERED, "InvalidArgument"))
    outcome.record("d", 0, Verdict(Fate.RETURNED, "throttled", in_retry_queue=True))
    digest = hashlib.sha256(detail.encode()).hexdigest()
    assert _receipts(outcome, sha256=True) == [
        Receipt(
            "e-1",
            "2026-11-26T00:00:01Z",
            "111122223333",
            "eu-west-1",
            ["a"],
            {"b": "suppressed"},
            {"c": "InvalidArgument"},
            digest,
        )
    ]


def test_a_returned_event_has_no_receipt() -> None:
    """An event that only went back to its source or to the retry queue is not final, so it has no receipt."""
    outcome = Outcome([_message('{"eventID":"e-1"}'), _message('{"eventID":"e-2"}')], ["a"])
    outcome.record("a", 0, Verdict(Fate.RETURNED, "deadline"))
    outcome.deliver("a", [1])
    assert [one.id for one in _receipts(outcome)] == ["e-2"]


def test_bytes_that_are_not_an_event_have_their_hash_as_id() -> None:
    """A dead letter that is not an event can be found by the SHA-256 of its bytes."""
    outcome = Outcome([Message(b"[1]", Origin("file"))], ["a"])
    outcome.record("a", 0, Verdict(Fate.DEAD_LETTERED, "not_an_object"))
    expected = Receipt(hashlib.sha256(b"[1]").hexdigest(), dead_lettered={"a": "not_an_object"})
    assert _receipts(outcome, sha256=True) == [expected]


@given(st.lists(st.tuples(_TEXTS, st.dictionaries(st.sampled_from("abc"), _VERDICTS, min_size=1))))
def test_every_line_can_be_read_back(events: list[tuple[str, dict[str, Verdict]]]) -> None:
    """Whatever an event or a destination writes, its receipt is one valid line with the same fates."""
    outcome = Outcome([_message(json.dumps({"eventID": text})) for text, _ in events], list("abc"))
    for index, (_, verdicts) in enumerate(events):
        for sink, verdict in verdicts.items():
            outcome.record(sink, index, verdict)
    found = _receipts(outcome)
    assert len(found) == len(events)
    for receipt, (_, verdicts) in zip(found, events, strict=True):
        sinks = {fate: {name for name, one in verdicts.items() if one.fate is fate} for fate in Fate}
        assert set(receipt.delivered) == sinks[Fate.DELIVERED]
        assert receipt.filtered.keys() == sinks[Fate.FILTERED]
        assert receipt.dead_lettered.keys() == sinks[Fate.DEAD_LETTERED]


_LINES = st.lists(st.integers(0, 30).map(lambda size: b"x" * size + b"\n"))


@given(_LINES, st.integers(1, 60))
def test_blocks_hold_whole_lines_within_the_limit(some: list[bytes], most: int) -> None:
    """Splitting loses no line, keeps their order, cuts none, and fills blocks as far as the limit allows."""
    blocks = [block.splitlines(keepends=True) for block in split(some, most)]
    assert [line for block in blocks for line in block] == some
    assert all(len(block) == 1 or sum(map(len, block)) <= most for block in blocks)
    assert all(sum(map(len, one)) + len(two[0]) > most for one, two in itertools.pairwise(blocks))


def test_the_reader_ignores_unknown_keys_and_reads_gzip() -> None:
    """Later versions may add keys; Firehose may compress, and concatenates compressed parts."""
    one, two = b'{"id":"1","d":["a"],"new":{"x":[1]}}\n', b'{"id":"2","f":{"a":"no_route"}}\n'
    expected = [Receipt("1", delivered=["a"]), Receipt("2", filtered={"a": "no_route"})]
    assert read(one + b"\n" + two) == expected
    assert read(gzip.compress(one) + gzip.compress(two)) == expected


@pytest.mark.parametrize(
    "data",
    [b'{"d":["a"]}', b'{"id":1}', b"[]", b'{"id":"1"', b"\xff", gzip.compress(b"{}", mtime=0)[:9]],
)
def test_the_reader_refuses_what_is_not_a_receipt(data: bytes) -> None:
    """A damaged file is an error, because a missing receipt would look like a missing event."""
    with pytest.raises(EventError):
        read(data)
