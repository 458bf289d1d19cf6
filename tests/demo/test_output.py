from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from trailforward.demo import output
from trailforward.demo.events import make_events
from trailforward.demo.proof import Line, Mark, Proof, Row
from trailforward.outcome import Totals

EVENTS = make_events(datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC), "a")
NAMES = ("Kinesis", "SNS", "Firehose", "HTTP")
SINKS = ("kinesis-x", "sns-x", "firehose-x", "http-x")


def good() -> Proof:
    """Returns the proof of a successful run."""
    own = EVENTS[-1]
    rows = [
        Row(
            event,
            dict.fromkeys(NAMES, Mark.FILTERED if event is own else Mark.EQUAL),
            "self" if event is own else "",
            1234.4,
        )
        for event in EVENTS
    ]
    totals = Totals(received=len(rows), delivered=len(rows) - 1, filtered=1)
    return Proof(rows, [Line(sink, totals, 3) for sink in SINKS], [], dict.fromkeys(NAMES, 0), 2)


def drawn(proof: Proof, width: int = 80, encoding: str = "utf-8", **options: Any) -> str:
    """Returns everything that the demo prints on a console of this width and encoding."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    console = Console(file=file, width=width, highlight=False, _environ={}, **options)
    output.intro(
        console, EVENTS, dict(zip(NAMES, ("us-west-2", "eu-central-1", "us-east-1", ""), strict=True))
    )
    output.event_table(console, proof)
    output.ledger(console, proof, dict(zip(SINKS, NAMES, strict=True)))
    output.result(console, proof, throttled=3, busy=1, seconds=2.34)
    file.flush()
    return raw.getvalue().decode(encoding)


def row_of(text: str, start: str) -> str:
    """Returns the only line with this beginning."""
    [line] = [line for line in text.splitlines() if line.strip().startswith(start)]
    return line


def test_a_terminal_of_80_columns_shows_everything() -> None:
    """Each event is one line with Region, caller, four ticks, and milliseconds; only long names are cut."""
    text = drawn(good())
    assert max(map(len, text.splitlines())) <= 80
    assert row_of(text, "CloudTrail turned off").split() == [
        *("CloudTrail", "turned", "off", "ap-southeast-2", "mallory"),
        *("✓", "✓", "✓", "✓", "1234"),
    ]
    assert row_of(text, "What happened").split() == [
        *("What", "happened", "Region", "Who"),
        *(*NAMES, "ms"),
    ]
    assert "i-0c9e8d7f6…" in text


def test_the_filtered_event_says_why() -> None:
    """The forwarder's own call has neither ticks nor a time, and is marked `filtered (self)`."""
    text = drawn(good())
    assert row_of(text, "Our own PutRecords").split()[-4:] == ["-"] * 4
    assert text.count("filtered (self)") == 1


def test_the_headline_names_regions_and_destinations() -> None:
    """One sentence before the table says what the demo does, and names the destinations."""
    text = " ".join(drawn(good()).split())
    assert text.startswith("A bad day in 13 Regions: 16 CloudTrail events, sent to a queue")
    assert "to Kinesis in us-west-2, SNS in eu-central-1, Firehose in us-east-1 and HTTP." in text


def test_the_ledger_reads_as_a_sum() -> None:
    """The columns of the ledger read as an equation, and every line says whether it holds."""
    text = drawn(good())
    assert row_of(text, "Ledger").split() == [
        *("Ledger", "received", "=", "delivered", "+", "filtered", "+", "dead-lettered", "+", "returned"),
        "retried",
    ]
    assert row_of(text, "Firehose").split() == ["Firehose", "16", "15", "1", "0", "0", "✓", "3"]


def test_the_result_is_short_and_says_what_was_proven() -> None:
    """The result is the number of equal digests, and what was sent again."""
    text = " ".join(drawn(good()).split())
    assert "60 of 60 digests equal" in text
    assert "Kinesis throttled 3 records and the HTTP API rejected 1 request: only those" in text
    assert text.endswith("2 invocations in 2.3 s, on this machine only.")


@pytest.mark.parametrize("width", [60, 72, 80, 100, 200])
def test_any_width_is_respected(width: int) -> None:
    """No line is wider than the terminal, and all headlines and Regions are readable."""
    text = drawn(good(), width)
    assert max(map(len, text.splitlines())) <= width
    assert all(event.region in text for event in EVENTS)
    assert ("mallory" in text) is (width >= 80)
    assert (EVENTS[0].digest[:12] in text) is (width >= 100)
    assert ("dead-lettered" in text) is (width >= 80)


def test_output_that_is_not_a_terminal_has_no_escape_codes() -> None:
    """Output to a file or a pipe has no escape codes."""
    assert "\x1b" not in drawn(good())


def test_no_color_disables_colors() -> None:
    """With NO_COLOR, a terminal gets bold and dim text, but no colors."""
    text = drawn(good(), force_terminal=True, no_color=True)
    assert "\x1b[1m" in text
    assert not any(f"\x1b[{code}m" in text for code in ("32", "1;32", "33", "36"))


def test_consoles_without_unicode_get_words() -> None:
    """On an ASCII-only console, ticks are `ok` and nothing fails."""
    text = drawn(good(), encoding="ascii")
    assert row_of(text, "Bucket made public").split()[-5:] == ["ok", "ok", "ok", "ok", "1234"]
    assert max(map(len, text.splitlines())) <= 80
    assert drawn(good(), 60, "ascii")


def test_failures_stand_out() -> None:
    """Missing and changed events have their own sign in the table, and a sentence at the end."""
    proof = good()
    marks = {"Kinesis": Mark.MISSING, "SNS": Mark.DIFFERENT, "Firehose": Mark.EQUAL, "HTTP": Mark.EQUAL}
    rows = [replace(proof.rows[0], marks=marks, milliseconds=None), *proof.rows[1:]]
    lines = [replace(proof.lines[0], totals=Totals(received=16, delivered=14)), *proof.lines[1:]]
    text = drawn(replace(proof, rows=rows, lines=lines, breaks=["kinesis-x: something is wrong"]))
    assert row_of(text, "Root signed in").split()[-4:] == ["✗", "≠", "✓", "✓"]
    assert row_of(text, "Kinesis  ").split() == ["Kinesis", "16", "14", "0", "0", "0", "≠", "3"]
    for sentence in (
        "1 of 60 deliveries missing",
        "1 of 60 deliveries with other bytes",
        "kinesis-x: something is wrong",
        "the ledger says 59 delivered, the destinations have 58",
    ):
        assert sentence in text
    assert "digests equal" not in text


def test_an_empty_proof_can_be_printed() -> None:
    """A run that sent nothing prints what is wrong, not a traceback."""
    assert "nothing was sent" in drawn(Proof([], [], []))


def test_the_next_command_is_one_line_at_any_width() -> None:
    """The command to try next is the last line, and is never broken, so that it can be copied."""
    raw = io.StringIO()
    command = "'/a long path/bin/trailforward' samples | '/a long path/bin/trailforward' forward --to stdout:"
    output.next_step(Console(file=raw, width=40, highlight=False, _environ={}), command)
    assert raw.getvalue().splitlines()[-1] == command
