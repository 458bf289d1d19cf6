"""The report for terminals: short tables that fit 80 columns, and keys that are never cut."""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trailforward.audit.classes import CLASSES
from trailforward.audit.forms.advice import advice
from trailforward.audit.forms.summary import (
    LOOKS,
    NOTHING,
    altered_how,
    change_text,
    classes_of,
    facts,
    proof,
    reasons_of,
    repair_command,
    shown,
    shown_key,
    shown_reason,
    side_facts,
    statements,
    verdict_of,
    whole_list,
    worst,
)
from trailforward.audit.forms.tally import TROUBLE, tally, worst_first
from trailforward.doctor.report.text import count_of, join_limited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.audit.forms.tally import Tally
    from trailforward.audit.report import Result

#: The most items of each list; JSON has all of them.
MOST = 20
_STYLES = {
    "blind": "bold red",
    "unknown": "yellow",
    "warning": "magenta",
    "note": "cyan",
    "excluded": "dim",
    "covered": "green",
    "absent": "dim",
}
_HEADLINE = {0: "bold green", 1: "bold red", 2: "bold yellow"}
#: Severity of a finding to the verdict whose sign it has.
_SEVERITIES = {"failed": "unexpected", "unknown": "grey", "note": "expected"}


def to_text(result: Result) -> str:
    """The report as plain text, 100 columns wide."""
    file = StringIO()
    show(result, Console(file=file, width=100, color_system=None, force_terminal=False, _environ={}))
    return re.sub(r" +$", "", file.getvalue(), flags=re.MULTILINE).rstrip("\n")


def show(result: Result, console: Console) -> None:
    """Prints a report."""
    _TerminalReport(result, console).print()


class _TerminalReport:
    def __init__(self, result: Result, console: Console) -> None:
        self.result = result
        self.console = console
        self.ascii = console.options.ascii_only

    def print(self) -> None:
        result = self.result
        first, *others = statements(result)
        self.line(f"{first}.", _HEADLINE[result.exit_code])
        for text in others:
            self.line(f"{text}.")
        self.console.print()
        for label, text in facts(result):
            self.entry(f"{label}:", shown_key(text))
        sums = tally(result)
        self.map(sums)
        self.classes()
        self.missing()
        self.accounts(sums)
        self.others()
        self.digests()
        self.list(
            "Changes of rules and trails in the log files",
            [f"{shown(one.time)} {shown_key(change_text(one))}" for one in result.changes],
        )
        self.list("Could not be read", [shown_key(text) for text in result.problems])
        self.head("What this proves")
        for text in proof(result):
            self.line(text)

    def line(self, text: str, style: str = "", indent: int = 0) -> None:
        """Prints a paragraph as literal text, without markup or escape codes."""
        self.console.print(Padding(Text(self.ascii_only(text), style=style), (0, 0, 0, indent), expand=False))

    def whole(self, text: str, indent: int = 0) -> None:
        """Prints a line that is never wrapped here, so that a key can be copied."""
        self.console.print(Text(" " * indent + self.ascii_only(text)), soft_wrap=True)

    def entry(self, label: str, text: str) -> None:
        """Prints a label, and a text beside it."""
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(width=15, no_wrap=True, style="dim")
        table.add_column(overflow="fold")
        table.add_row(Text(label), Text(self.ascii_only(text)))
        self.console.print(table)

    def ascii_only(self, text: str) -> str:
        """A text that this terminal can print."""
        return text.encode("ascii", "backslashreplace").decode() if self.ascii else text

    def sign(self, verdict: str | None) -> Text:
        """The sign of a verdict in its color."""
        look = LOOKS[verdict] if verdict is not None else NOTHING
        return Text(look.ascii if self.ascii else look.sign, style=_STYLES[look.tone])

    def head(self, text: str) -> None:
        """Prints a heading."""
        self.console.print()
        self.line(text, "bold")

    def more(self, number: int, where: str = "--format json lists all.") -> None:
        """Says how many items are not printed, and where they are."""
        if number > 0:
            self.line(f"and {number:,} more: {where}", indent=2)

    def map(self, sums: Tally) -> None:
        """Prints one sign for each Region and hour, day, or month."""
        self.head(f"Each {sums.unit} by Region")
        shown_regions = worst_first(sums.regions)[:MOST]
        marks = Text(f"{'':<16}").append_text(Text(self.axis(sums), style="dim"))
        self.console.print(marks, soft_wrap=True)
        for region in sorted(shown_regions):
            cells = (self.sign(worst(sums.cells.get((region, column), {}))) for column in sums.columns)
            self.console.print(Text(f"{region:<16}").append_text(Text("").join(cells)), soft_wrap=True)
        self.more(len(sums.regions) - len(shown_regions))
        signs = Text("  ").join(
            Text.assemble(self.sign(name), f" {LOOKS[name].word}") for name in reversed(LOOKS)
        )
        self.console.print(signs.append_text(Text.assemble("  ", self.sign(None), f" {NOTHING.word}")))

    @staticmethod
    def axis(sums: Tally) -> str:
        """The times of some columns, each above its column."""
        part = {"hour": slice(11, 13), "6 hours": slice(8, 10), "day": slice(5, 10), "month": slice(0, 7)}[
            sums.unit
        ]
        step = {"hour": 6, "6 hours": 4, "day": 7, "month": 12}[sums.unit]
        names = (name[part] for name in sums.columns[::step])
        return "".join(f"{name:<{step}}" for name in names)[: len(sums.columns) + 1].rstrip()

    def classes(self) -> None:
        """Prints why records did not arrive."""
        result, totals = self.result, self.result.totals
        names = classes_of(totals)
        if not names:
            return
        self.head("Did not arrive")
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
        table.add_column("records", justify="right", no_wrap=True)
        table.add_column("class", no_wrap=True)
        table.add_column("what they are")
        for name in names:
            verdict = verdict_of(name)
            what = CLASSES[name][1] if name in CLASSES else "an unknown class"
            table.add_row(
                f"{totals[name]:,}",
                Text.assemble(self.sign(verdict), f" {name}"),
                Text(f"{LOOKS[verdict].word}: {what}" if verdict != "unexpected" else what),
            )
        self.console.print(table)
        reasons = reasons_of(result)
        if reasons:
            self.head("Why")
        for one in reasons[:MOST]:
            self.console.print(
                Text.assemble("  ", self.sign(verdict_of(one.name)), f" {one.records:,} {one.name}")
            )
            self.line(one.why, indent=4)
            self.line(f"in {join_limited(one.regions)} of {join_limited(one.accounts, 4)}", "dim", indent=4)
        self.more(len(reasons) - MOST)
        todo = [name for name in names if verdict_of(name) != "expected"]
        if todo:
            self.head("What to do")
        for name in todo:
            self.line(f"{name}: {advice(name)}", indent=2)
            if verdict_of(name) == "unexpected":
                self.whole(repair_command(result), 4)

    def missing(self) -> None:
        """Prints the first events that are missing unexpectedly."""
        rows = self.result.unexpected
        if not rows:
            return
        self.head("Missing events")
        for row in rows[:MOST]:
            what = (row["eventTime"], row["region"], row["account"], row["eventSource"], row["eventName"])
            self.line("  ".join(shown(value) for value in what), indent=2)
            self.line(shown_reason(row), indent=4)
            self.whole(f"{shown(row['eventID'])}, record {row['index']:,} of", 4)
            self.whole(shown_key(row["file"]), 6)
        self.more(len(rows) - MOST, whole_list(self.result))

    def accounts(self, sums: Tally) -> None:
        """Prints the accounts, worst first, if there are several."""
        if len(sums.accounts) <= 1:
            return
        self.head("Accounts, worst first")
        order = worst_first(sums.accounts)
        columns = ("recorded", "arrived", *TROUBLE, "pending")
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
        table.add_column("account", no_wrap=True)
        for name in columns:
            table.add_column(LOOKS[name].word if name in LOOKS else name, justify="right", no_wrap=True)
        for account in order[:MOST]:
            table.add_row(Text(account), *(f"{sums.accounts[account][name]:,}" for name in columns))
        self.console.print(table)
        self.more(len(order) - MOST)

    def others(self) -> None:
        """Prints altered, repeated, and unrecorded events."""
        result = self.result
        texts = list(side_facts(result))
        if not texts:
            return
        self.head("Altered, repeated, and unrecorded events")
        for text in texts:
            self.line(text, indent=2)
        for one in result.altered_examples[:MOST]:
            self.line(f"altered: {shown(one.event_id)} has {altered_how(one)}", indent=2)
            self.whole(f"arrived in {shown_key(one.delivered)}", 4)
            self.whole(f"log file   {shown_key(one.file)}", 4)
        self.more(len(result.altered_examples) - MOST)
        for row in result.unrecorded_examples[:MOST]:
            names = ("eventID", "eventTime", "eventSource", "eventName")
            self.line(f"not recorded: {'  '.join(shown(row[name]) for name in names)}", indent=2)
            self.whole(f"arrived in {shown_key(row['file'])}", 4)
        self.more(len(result.unrecorded_examples) - MOST)

    def digests(self) -> None:
        """Prints what digests prove, and the findings, most serious first."""
        report = self.result.digests
        if report is None:
            return
        self.head("Digests")
        self.line(
            f"{count_of(report.digests, 'valid digest')}, {count_of(report.logs, 'log file')} with the hash "
            "in the digest."
        )
        order = list(_SEVERITIES)
        found = sorted(report.findings, key=lambda one: order.index(one.severity))
        for one in found[:MOST]:
            place = "  ".join(part for part in (one.region, one.account) if part)
            head = f" {one.severity} {one.code}  {place}".rstrip()
            self.console.print(Text.assemble("  ", self.sign(_SEVERITIES[one.severity]), head))
            self.line(shown_key(one.text), indent=4)
            if one.key:
                self.whole(shown_key(one.key), 4)
        self.more(len(found) - MOST)

    def list(self, head: str, texts: Sequence[str]) -> None:
        """Prints a list with its heading, if it is not empty. Texts with keys are never wrapped here."""
        if not texts:
            return
        self.head(head)
        for text in texts[:MOST]:
            if "AWSLogs/" in text:
                self.whole(text, 2)
            else:
                self.line(text, indent=2)
        self.more(len(texts) - MOST)
