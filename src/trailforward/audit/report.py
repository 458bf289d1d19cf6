"""The result of an audit. Its report has one module for each form, in ``forms``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from trailforward.audit.classes import CLASSES, missing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from trailforward.audit.changes import Change
    from trailforward.audit.digest_report import DigestReport
    from trailforward.audit.work import Altered

#: The forms that :func:`render` supports.
FORMS = ("terminal", "json", "markdown", "html")


@dataclass
class Result:
    """What an audit found.

    Attributes:
        since: the first delivery time of log files.
        until: the time after the last one.
        trail: location of the log files.
        delivered_from: location of the delivered events.
        log_files: number of log files in the window.
        places: account, Region, and hour of delivery of the log file to ``recorded``, ``repeats``,
            ``arrived``, and the classes of records that did not arrive.
        delivered: distinct delivered events that happened in the window.
        duplicates: further copies of these.
        compared: records whose bytes were compared with those of the delivered event.
        altered: of these, the ones that differ.
        altered_examples: the first of them.
        unrecorded: delivered events of the window that no log file contains.
        unrecorded_examples: the first of them.
        unexpected: what ``--missing`` lists.
        whys: class, account, Region, and reason to the number of records.
        changes: of rules and trails, from the log files.
        problems: what could not be read.
        assumptions: what the audit assumed.
        digests: what the check of digests found; None without it.
        receipts: whether the delivered side consists of receipts.
        accounts: IDs that were asked for; if empty, all.
        regions: that were asked for; if empty, all.
        sink: whose events were delivered; empty for all sinks.
        listed_in: file with all of ``unexpected``, one JSON object per line; empty if it was not written.
        time: of the audit.
    """

    since: datetime
    until: datetime
    trail: str
    delivered_from: str
    log_files: int
    places: dict[tuple[str, str, str], Counter[str]]
    delivered: int
    duplicates: int
    compared: int
    altered: int
    altered_examples: list[Altered]
    unrecorded: int
    unrecorded_examples: list[dict[str, Any]]
    unexpected: Sequence[dict[str, Any]]
    whys: Mapping[tuple[str, ...], int]
    changes: list[Change]
    problems: list[str]
    assumptions: list[str] = field(default_factory=list)
    digests: DigestReport | None = None
    receipts: bool = False
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    sink: str = ""
    listed_in: str = ""
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def totals(self) -> Counter[str]:
        """``recorded``, ``repeats``, ``arrived``, and every class, of all places."""
        return sum(self.places.values(), Counter[str]())

    @property
    def exit_code(self) -> int:
        """1 if records are missing unexpectedly or digests fail, else 2 if anything is unknown, else 0."""
        return 1 if missing(self.totals) else self.exit_code_repaired

    @property
    def exit_code_repaired(self) -> int:
        """The exit code if every record that is missing unexpectedly has been repaired."""
        totals = self.totals
        digests = self.digests.exit_code if self.digests is not None else 0
        grey = any(totals[name] for name, (verdict, _) in CLASSES.items() if verdict == "grey")
        return digests or (2 if grey or self.problems else 0)


def render(result: Result, form: str) -> str:
    """The report as text.

    Args:
        result: of an audit.
        form: ``json``, ``markdown`` for pull requests and tickets, ``html`` for one self-contained page, or
            ``terminal``: 100 columns, no colors.

    Raises:
        ValueError: the form is unknown.
    """
    if form == "json":
        from trailforward.audit.forms.as_json import to_json

        return to_json(result)
    if form == "markdown":
        from trailforward.audit.forms.markdown import to_markdown

        return to_markdown(result)
    if form == "html":
        from trailforward.audit.forms.page.page import to_html

        return to_html(result)
    if form == "terminal":
        from trailforward.audit.forms.terminal import to_text

        return to_text(result)
    raise ValueError(f"unknown report format {form!r}: choose one of {', '.join(FORMS)}")


def print_terminal(result: Result, console: Console) -> None:
    """Prints the report to a console, with colors if it has any."""
    from trailforward.audit.forms.terminal import show

    show(result, console)
