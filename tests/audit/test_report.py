"""The reports of an audit: the same facts in each form, readable, and safe whatever a record contains."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from tests.audit.reports import ATTACK, digest_report, empty, place
from tests.support.trail_bucket import ACCOUNT, START
from trailforward.audit.classes import CLASSES
from trailforward.audit.digest_report import SPAN_STATES
from trailforward.audit.forms import markdown
from trailforward.audit.forms.advice import advice
from trailforward.audit.forms.summary import EXIT_MEANING, LOOKS, by_verdict, statements, verdict_of
from trailforward.audit.forms.tally import MOST_COLUMNS, columns_of, tally
from trailforward.audit.report import FORMS, Result, print_terminal, render


def terminal(result: Result, width: int, **options: Any) -> str:
    """The report on a terminal."""
    file = StringIO()
    print_terminal(result, Console(file=file, width=width, color_system=None, _environ={}, **options))
    return file.getvalue()


def test_nothing_in_a_record_breaks_out_of_a_report(hostile: Result) -> None:
    """In every form, control characters, codes of terminals, and reversed text are spelled out."""
    for form in FORMS:
        text = render(hostile, form)
        bad = [
            char for char in text if char != "\n" and unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}
        ]
        assert not bad, form
        assert "\u202e" not in text
        text.encode()
        assert len(text) < 300_000
    shown = terminal(hostile, 80)
    assert "\x1b" not in shown
    assert "[red]x[/red]" in shown
    assert ":smile:" in shown
    assert "unknown y" in shown


def test_markdown_of_hostile_records_is_a_valid_document(hostile: Result) -> None:
    """Every row of a table has the cells of its head, and no link, image, or HTML comes from a record."""
    text = render(hostile, "markdown")
    columns = 0
    for line in text.splitlines():
        cells = len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) if line.startswith("|") else 0
        assert not (columns and cells) or cells == columns, line
        columns = cells
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert set(re.findall(r"<([a-z0-9]+)", html)) <= {
        *("h2", "h3", "ul", "li", "p", "table", "thead", "tbody", "tr", "th", "td")
    }
    assert "&lt;script&gt;" in html
    assert not re.search(r"@\w", text)


def test_markdown_fits_a_comment(hostile: Result) -> None:
    """However much was found, the Markdown report stays below GitHub's limit, and says that it ends."""
    rows = [dict(hostile.unexpected[0]) for _ in range(50)]
    many = replace(hostile, unexpected=rows, problems=[ATTACK * 20] * 50, changes=hostile.changes * 50)
    text = render(many, "markdown")
    assert len(text) < 65_536
    assert len(text) < markdown.MOST_CHARACTERS + 200
    assert "30 more: " in text


@pytest.mark.parametrize("ascii_only", [False, True])
def test_terminals_of_80_columns_are_enough(hostile: Result, ascii_only: bool) -> None:  # noqa: FBT001
    """No line is longer than 80 characters, except keys and commands, which can be copied whole."""
    file = StringIO()
    output: Any = _Ascii(file) if ascii_only else file
    print_terminal(hostile, Console(file=output, width=80, color_system=None, _environ={}))
    text = file.getvalue()
    long = [line for line in text.splitlines() if len(line) > 80]
    whole = ("AWSLogs/", "trailforward repair", "arrived in", "log file  ", "unknown y")
    assert not [line for line in long if not any(part in line for part in whole)]
    assert not ascii_only or text.isascii()


class _Ascii:
    """A terminal that has only ASCII characters."""

    encoding = "ascii"

    def __init__(self, file: StringIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Takes text."""
        return self._file.write(text)

    def flush(self) -> None:
        """Does nothing."""


def test_every_class_has_a_verdict_and_advice() -> None:
    """Each class has a known verdict, with its own sign, and says what to do."""
    for name, (verdict, _) in CLASSES.items():
        assert verdict in LOOKS, name
        assert advice(name).endswith("."), name
    for signs in ([look.sign for look in LOOKS.values()], [look.ascii for look in LOOKS.values()]):
        assert len(set(signs)) == len(LOOKS)
    assert verdict_of("a class of a later version") == "grey"
    assert by_verdict(
        {"recorded": 4, "repeats": 9, "arrived": 1, "no_rule": 1, "rule_disabled": 2}
    ) == Counter(recorded=4, arrived=1, gap=3)


@pytest.mark.parametrize(
    ("result", "code", "headline"),
    [
        (empty(), 0, "All 3 events arrived"),
        (empty(places=place(recorded=3, arrived=1, read_only=2)), 0, "All 3 events arrived, or are absent"),
        (
            empty(places=place(recorded=3, unexpected=1, rule_disabled=2)),
            1,
            "1 of 3 events did not arrive and",
        ),
        (empty(places=place(recorded=1, unexpected=1)), 1, "1 of 1 event did not arrive and should have"),
        (empty(digests=digest_report(codes=["LOG_MISSING"])), 1, "The digests prove that log files"),
        (empty(places=place(recorded=3, undetermined=3)), 2, "3 of 3 events did not arrive, and it cannot"),
        (empty(problems=["x"]), 2, "Not everything could be read: 1 problem"),
        (empty(digests=digest_report(codes=["NO_DIGESTS"])), 2, "The digests do not prove"),
        (empty(places=place(recorded=3, no_rule=3)), 0, "3 of 3 events did not arrive because of gaps"),
        (empty(places=place(recorded=3, pending=3)), 0, "3 of 3 events are young"),
    ],
)
def test_the_headline_explains_the_exit_status(result: Result, code: int, headline: str) -> None:
    """The first sentence says in plain words why the exit status is what it is, in every form."""
    assert result.exit_code == code
    assert statements(result)[0].startswith(headline)
    for form in FORMS:
        text = " ".join(render(result, form).replace("<wbr>", "").split())
        assert headline in text, form
    assert f"{code}: {EXIT_MEANING[code]}" in " ".join(render(result, "terminal").split())


def test_receipts_are_named_as_such() -> None:
    """With receipts, the report says so, names the sinks that lack an event, and repairs with them."""
    row = {
        "eventID": "EXAMPLE-1",
        "account": ACCOUNT,
        "region": "eu-west-1",
        "eventTime": "2026-11-26T01:00:00Z",
    }
    row |= {
        "eventSource": "iam.amazonaws.com",
        "eventName": "CreateUser",
        "class": "partial",
        "why": "no outcome",
    }
    missing = {**row, "sinks": ["siem", "a|b"], "file": "AWSLogs/x.json.gz", "index": 3}
    whys = {("partial", ACCOUNT, "eu-west-1", "no outcome"): 1}
    result = empty(
        places=place(recorded=2, arrived=1, partial=1), unexpected=[missing], whys=whys, receipts=True
    )
    for form in ("html", "terminal"):
        text = " ".join(re.sub("<[^>]*>", " ", render(result, form)).split())
        assert "partial: no outcome (sinks: siem, a|b)" in text
        assert "--receipts delivered --config" in text
        assert "Receipts" in text
        assert "Arrived events" not in text
        assert advice("partial") in text
        assert "1 of 2 events did not arrive and should have" in text


def test_the_json_report_says_what_was_audited() -> None:
    """JSON has the version, the time, what was asked for, and the spans of the digests."""
    found = json.loads(render(empty(accounts=(ACCOUNT,), sink="siem", digests=digest_report()), "json"))
    assert (found["accounts"], found["regions"], found["sink"]) == ([ACCOUNT], [], "siem")
    assert found["audited"] == "2026-11-28T00:00Z"
    assert [span["state"] for span in found["digests"]["spans"]] == list(SPAN_STATES)
    assert found["digests"]["spans"][1]["start"] == "2026-11-26T03:00:00Z"


@pytest.mark.parametrize(
    ("hours", "unit", "count"),
    [(1, "hour", 1), (48, "hour", 48), (49, "6 hours", 9), (12 * 24, "6 hours", 48), (31 * 24, "day", 31)],
)
def test_long_windows_have_larger_columns(hours: int, unit: str, count: int) -> None:
    """A map never has more columns than fit, and its columns cover the whole window."""
    found, columns = columns_of(START, START + timedelta(hours=hours))
    assert (found, len(columns)) == (unit, count)
    assert columns[0].startswith("2026-11-26")
    assert columns_of(START + timedelta(minutes=59), START + timedelta(hours=1, minutes=1))[1] == [
        *("2026-11-26T00", "2026-11-26T01")
    ]


def test_very_long_windows_have_months() -> None:
    """Years are shown by month."""
    unit, months = columns_of(START, START + timedelta(days=3 * 365))
    assert (unit, len(months)) == ("month", 37)
    assert len(months) <= MOST_COLUMNS


def test_the_sums_of_all_cells_are_those_of_the_places() -> None:
    """Accounts, Regions, and columns each add up to the totals."""
    places = {
        (account, region, f"{START + timedelta(hours=hour):%Y-%m-%dT%H:00Z}"): Counter(
            recorded=hour, arrived=hour - 1, unexpected=1
        )
        for account in ("111122223333", "123456789012")
        for region in ("eu-west-1", "us-east-1")
        for hour in range(1, 100, 7)
    }
    result = empty(places=places, until=START + timedelta(hours=100))
    found = tally(result)
    assert found.unit == "6 hours"
    assert {column for _, column in found.cells} <= set(found.columns)
    for sums in (found.cells, found.accounts, found.regions):
        assert sum(sums.values(), Counter[str]()) == by_verdict(result.totals)


def test_an_unknown_form_is_refused() -> None:
    """A form that does not exist gets an error that names those that do."""
    with pytest.raises(ValueError, match="terminal, json, markdown, html"):
        render(empty(), "xml")
