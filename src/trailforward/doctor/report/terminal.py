"""Terminal report: the grid and the findings, with colors and signs, also for narrow or ASCII consoles."""

from __future__ import annotations

import re
from collections import Counter
from io import StringIO
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trailforward.doctor.report.rule_groups import RULE_LOOKS, shown_rules
from trailforward.doctor.report.survey import STATUSES, expected, worst
from trailforward.doctor.report.text import (
    ABSENT,
    EVIDENCE,
    SIGNS,
    area_of,
    count_of,
    join_limited,
    printable,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.doctor.report.causes import Cause
    from trailforward.doctor.report.rule_groups import Outcome
    from trailforward.doctor.report.survey import Survey

_STYLES = {"excluded": "dim", "covered": "green", "unknown": "yellow", "blind": "bold red"}
_LOOKS = {"break": "blind", "unknown": "unknown"}
#: On narrower consoles, columns are numbered, and the names are listed below.
_WIDE = 96
#: The most items to print; more are only counted.
MOST_FINDINGS, _MOST_ACCOUNTS, _MOST_LINES = 40, 10, 20
_FEW, _NAME = 3, 24


def to_text(found: Survey) -> str:
    """The survey as plain text, 100 columns wide."""
    file = StringIO()
    show(found, Console(file=file, width=100, color_system=None, force_terminal=False, _environ={}))
    return re.sub(r" +$", "", file.getvalue(), flags=re.MULTILINE)


def show(found: Survey, console: Console) -> None:
    """Prints a survey."""
    _TerminalReport(found, console).print()


class _TerminalReport:
    def __init__(self, found: Survey, console: Console) -> None:
        self.found = found
        self.console = console
        self.ascii = console.options.ascii_only
        self.cut: Literal["crop", "ellipsis"] = "crop" if self.ascii else "ellipsis"

    def print(self) -> None:
        found = self.found
        self.line(found.headline, style=f"bold {_STYLES[('covered', 'blind', 'unknown')[found.exit_code]]}")
        if found.remark:
            self.line(found.remark)
        self.console.print(Text("   ").join(self.numbers(found.counts)))
        if found.cells:
            self.console.print()
            self.console.print(self.grid())
            self.key()
            if len(found.accounts) > 1:
                self.accounts()
        self.rules()
        self.findings()
        for head, lines in (
            ("Not checked", found.not_checked),
            ("Could not be read", found.not_read),
            ("Not understood", found.not_understood),
        ):
            self.gaps(head, lines)

    def line(self, text: str, style: str = "", indent: int = 0) -> None:
        """Prints one paragraph as literal text, without markup or escape codes."""
        self.console.print(Padding(Text(self.printable(text), style=style), (0, 0, 0, indent), expand=False))

    def printable(self, text: str) -> str:
        """Text that this terminal can print."""
        shown = printable(text)
        return shown.encode("ascii", "backslashreplace").decode() if self.ascii else shown

    def sign(self, status: str) -> Text:
        """A status sign in its color."""
        return Text(SIGNS[status][self.ascii], style=_STYLES[status])

    def numbers(self, counts: Counter[str]) -> list[Text]:
        """``✗ 3 blind``, ``? 1 unknown``, ``✓ 20 covered``."""
        return [
            Text.assemble(self.sign(status), f" {counts[status]:,} {status}")
            for status in reversed(STATUSES)
            if counts[status] or status != "excluded"
        ]

    def grid(self) -> Table:
        """Region by class, with the worst status of all accounts in each cell."""
        found, wide = self.found, self.console.width >= _WIDE
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
        table.add_column("Region", no_wrap=True, max_width=_NAME, overflow=self.cut)
        for number, kind in enumerate(found.classes, 1):
            table.add_column(
                self.printable(kind.name) if wide else str(number), justify="center", no_wrap=True
            )
        counts = found.tally(lambda cell: (cell.region, cell.event_class))
        area = None
        for region in found.regions:
            if area != (area := area_of(region)) and len(found.regions) > _MOST_LINES // 2:
                table.add_row(Text(area, style="dim"))
            cells = (self.cell(counts.get((region, kind.name), Counter())) for kind in found.classes)
            table.add_row(Text(self.printable(region)), *cells)
        return table

    def cell(self, counts: Counter[str]) -> Text:
        """The worst status, and its number of accounts if not all have it."""
        status = worst(counts)
        if status is None:
            return Text(ABSENT[self.ascii], style="dim")
        part = counts[status] < expected(counts) and self.console.width >= _WIDE
        some = f" {counts[status]}" if part else ""
        return Text.assemble(self.sign(status), (some, _STYLES[status]))

    def key(self) -> None:
        """Prints what signs and numbers mean."""
        found = self.found
        meant = Text("  ").join(
            Text.assemble(self.sign(status), f" {words}")
            for status, words in (
                ("covered", "arrives"),
                ("blind", "does not arrive"),
                ("unknown", "undetermined, not covered"),
                ("excluded", "excluded on purpose"),
            )
            if status != "excluded" or found.counts[status]
        )
        many_accounts = len(found.accounts) > 1 and self.console.width >= _WIDE
        meant.append("  (number: accounts with this status)" * many_accounts, style="dim")
        self.console.print(meant)
        if self.console.width < _WIDE:
            names = (f"{number} {kind.name}" for number, kind in enumerate(found.classes, 1))
            self.line("  ".join(names), style="dim")

    def accounts(self) -> None:
        """Prints the accounts, worst first; many are summed up."""
        counts = self.found.tally(lambda cell: cell.account)
        order = sorted(counts, key=lambda name: (-counts[name]["blind"], -counts[name]["unknown"], name))
        self.head("Accounts")
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
        table.add_column(no_wrap=True, max_width=_NAME, overflow=self.cut)
        for account in order[:_MOST_ACCOUNTS]:
            table.add_row(Text(f"  {self.printable(account)}"), *self.numbers(counts[account]))
        rest = sum((counts[account] for account in order[_MOST_ACCOUNTS:]), Counter[str]())
        if rest:
            number = f"  {count_of(len(order) - _MOST_ACCOUNTS, 'more account')}"
            table.add_row(Text(number), *self.numbers(rest))
        self.console.print(table)

    def rules(self) -> None:
        """Prints the verdict on each rule, with the reasons."""
        groups = shown_rules(self.found)
        if groups:
            self.head("Rules")
        for group in groups[:MOST_FINDINGS]:
            look, words = RULE_LOOKS[group.status]
            name = (self.printable(group.name), "bold")
            self.console.print(
                Text.assemble("   ", self.sign(look), " ", name, f"  {words}"), highlight=False
            )
            self.line(f"{group.place}; {group.state}", style="cyan", indent=5)
            self.addresses(group.at, indent=5)
            for outcome in group.outcomes:
                self.outcome(outcome)
            self.console.print()
        rest = len(groups) - MOST_FINDINGS
        if rest > 0:
            self.line(f"{count_of(rest, 'more rule')} in the JSON report.")

    def addresses(self, links: Sequence[str], indent: int) -> None:
        """Prints where the resources at some links are in a Terraform plan."""
        if found := self.found.addresses(links):
            self.line(f"In the plan: {join_limited(found)}", style="cyan", indent=indent)

    def outcome(self, outcome: Outcome) -> None:
        """Prints calls of a rule with the same result."""
        sign = self.sign(RULE_LOOKS[outcome.status][0])
        self.console.print(
            Padding(Text.assemble(sign, f" {self.printable(outcome.words)}"), (0, 0, 0, 5), expand=False)
        )
        finding = outcome.finding
        if finding is not None and outcome.status != "elsewhere":
            self.line(f"{finding.code}, {EVIDENCE[finding.evidence][1]}: {finding.why}", indent=7)
            self.line(f"Fix: {finding.fix}", style="green", indent=7)

    def findings(self) -> None:
        """Prints all findings except notes and exclusions, which are counted."""
        causes = [cause for cause in self.found.causes if cause.kind not in {"note", "excluded"}]
        if causes:
            self.head("Findings, most serious first")
        for number, cause in enumerate(causes[:MOST_FINDINGS], 1):
            self.finding(number, cause)
        rest = len(causes) - MOST_FINDINGS
        if rest > 0:
            self.line(f"{count_of(rest, 'more finding')} in the JSON report.")
        notes = len(self.found.causes) - len(causes)
        if notes:
            self.line(
                f"{count_of(notes, 'note')} about exclusions and assumptions: see the JSON or HTML report."
            )

    def finding(self, number: int, cause: Cause) -> None:
        """Prints one finding: what, where, why, and the fix."""
        look = _LOOKS.get(cause.kind)
        sign = self.sign(look) if look else Text("!", style="yellow")
        known = EVIDENCE[cause.evidence][1]
        self.console.print(
            Text.assemble(
                f"{number:>2} ", sign, " ", (self.printable(cause.title), "bold"), f"  {cause.code}, {known}"
            ),
            highlight=False,
        )
        every = len(cause.regions) == len(self.found.regions) > _FEW
        regions = f"all {len(cause.regions)} Regions" if every else join_limited(cause.regions, 40)
        accounts = f"{count_of(len(cause.accounts), 'account')} ({join_limited(cause.accounts, 4)})"
        where = f"{regions}; {accounts}; {join_limited(cause.classes, 9)}"
        self.line(where, style="cyan", indent=5)
        self.addresses(cause.at, indent=5)
        first = " (first of several)" if len(cause.at) > 1 else ""
        self.line(cause.why + first, indent=5)
        self.line(f"Fix: {cause.fix}", style="green", indent=5)
        self.console.print()

    def gaps(self, head: str, lines: tuple[str, ...]) -> None:
        """Prints what was not checked, read, or understood."""
        if not lines:
            return
        self.head(head)
        for line in lines[:_MOST_LINES]:
            self.line(line, style="yellow", indent=2)
        if len(lines) > _MOST_LINES:
            self.line(f"and {len(lines) - _MOST_LINES:,} more", indent=2)

    def head(self, text: str) -> None:
        """Prints a heading."""
        self.console.print()
        self.console.print(Text(text, style="bold"))
