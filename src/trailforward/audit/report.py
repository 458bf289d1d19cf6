"""The result of an audit, and its report in three forms."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trailforward.audit.classes import CLASSES, missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from trailforward.audit.digest_report import DigestReport
    from trailforward.audit.rules import Change
    from trailforward.audit.work import Altered

#: Rows of each table that are printed; JSON has all of them.
_SHOWN = 20
_MINUTES = "%Y-%m-%dT%H:%MZ"


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
    unexpected: list[dict[str, Any]]
    whys: Mapping[tuple[str, ...], int]
    changes: list[Change]
    problems: list[str]
    assumptions: list[str] = field(default_factory=list)
    digests: DigestReport | None = None
    receipts: bool = False

    @property
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
        form: ``terminal``, ``json``, or ``markdown``.
    """
    if form == "json":
        return json.dumps(_as_json(result), indent=2)
    return "\n".join(_lines(result, markdown=form == "markdown"))


def _as_json(result: Result) -> dict[str, Any]:
    totals = result.totals
    return {
        "since": f"{result.since:{_MINUTES}}",
        "until": f"{result.until:{_MINUTES}}",
        "trail": result.trail,
        "delivered_from": result.delivered_from,
        "log_files": result.log_files,
        "recorded": totals["recorded"],
        "repeats": totals["repeats"],
        "arrived": totals["arrived"],
        "classes": {name: totals[name] for name in CLASSES if totals[name]},
        "delivered": result.delivered,
        "duplicates": result.duplicates,
        "compared": result.compared,
        "altered": result.altered,
        "altered_examples": [one._asdict() for one in result.altered_examples],
        "unrecorded": result.unrecorded,
        "unrecorded_examples": result.unrecorded_examples,
        "places": [
            {"account": account, "region": region, "hour": hour, **counts}
            for (account, region, hour), counts in result.places.items()
        ],
        "reasons": [
            dict(zip(("class", "account", "region", "why"), key, strict=True), records=count)
            for key, count in result.whys.items()
        ],
        "changes": [change._asdict() for change in result.changes],
        "assumptions": result.assumptions,
        "problems": result.problems,
        "digests": result.digests.as_json() if result.digests is not None else None,
        "proof": list(_proof(result)),
        "exit_status": result.exit_code,
    }


def _lines(result: Result, *, markdown: bool) -> Iterator[str]:
    totals = result.totals
    mark = "## " if markdown else ""
    yield f"{mark}Audit of log files delivered from {result.since:{_MINUTES}} to {result.until:{_MINUTES}}"
    yield ""
    yield (
        f"{totals['recorded']:,} events recorded in {result.log_files:,} log files, "
        f"{totals['arrived']:,} arrived."
    )
    yield from (f"Assumed: {text}" for text in result.assumptions)
    yield ""
    rows = [
        (verdict, f"{totals[name]:,}", description)
        for name, (verdict, description) in CLASSES.items()
        if totals[name]
    ]
    yield from _table(("did not arrive", "records", "what they are"), rows, markdown=markdown)
    facts = [
        (totals["repeats"], "records that repeat an earlier one in the log files"),
        (result.duplicates, "delivered copies of events that had arrived already"),
        (result.altered, f"events whose bytes differ from the log file, of {result.compared:,} compared"),
        (result.unrecorded, "delivered events of the window that no log file contains: they may be forged"),
    ]
    yield from (f"{count:,} {text}" for count, text in facts if count)
    for one in result.altered_examples[:_SHOWN]:
        what = "other values" if one.differs else "the same values, written in another way"
        what = "another SHA-256" if one.differs is None else what
        yield f"  altered: {one.event_id} has {what} in {one.delivered} than in {one.file}"
    for row in result.unrecorded_examples[:_SHOWN]:
        yield f"  not recorded: {row['eventID']} {row['eventSource']} {row['eventName']} in {row['file']}"
    yield ""
    reasons = sorted(result.whys.items(), key=lambda item: -item[1])[:_SHOWN]
    rows3 = [(f"{count:,}", name, account, region, why) for (name, account, region, why), count in reasons]
    yield from _table(("records", "class", "account", "Region", "why"), rows3, markdown=markdown)
    rows4 = [
        (
            account,
            region,
            hour,
            *(f"{counts[name]:,}" for name in ("recorded", "arrived", "pending", "unexpected")),
        )
        for (account, region, hour), counts in sorted(
            result.places.items(), key=lambda item: (-item[1]["unexpected"], item[0])
        )[:_SHOWN]
    ]
    head = ("account", "Region", "hour", "recorded", "arrived", "pending", "unexpected")
    yield from _table(head, rows4, markdown=markdown)
    if (more := len(result.places) - _SHOWN) > 0:
        yield f"{more:,} more hours of accounts and Regions: --format json lists all."
    for change in result.changes[:_SHOWN]:
        yield (
            f"{change.time} {change.event} of {change.name or 'an unnamed rule or trail'} in {change.region} "
            f"of {change.account} by {change.who or 'an unknown caller'}"
        )
    yield from (f"Problem: {text}" for text in result.problems[:_SHOWN])
    if result.digests is not None:
        yield from _digests(result.digests, markdown=markdown)
    yield ""
    yield from _proof(result)


def _digests(report: DigestReport, *, markdown: bool) -> Iterator[str]:
    yield ""
    yield f"{report.digests:,} valid digests, {report.logs:,} log files with the hash in their digest."
    order = {"failed": 0, "unknown": 1, "note": 2}
    found = sorted(report.findings, key=lambda one: order[one.severity])
    rows = [(one.severity, one.code, one.account, one.region, one.key, one.text) for one in found[:_SHOWN]]
    yield from _table(("severity", "digests", "account", "Region", "file", "what"), rows, markdown=markdown)
    if (more := len(found) - _SHOWN) > 0:
        yield f"{more:,} more findings about digests: --format json lists all."


def _proof(result: Result) -> Iterator[str]:
    """What the result proves, and what it does not."""
    if result.receipts:
        yield (
            "This compares event IDs: an event counts as arrived if its receipts say that every sink that it "
            "was routed to accepted it. A missing receipt does not prove that the event is missing."
        )
    else:
        yield (
            "This compares event IDs: an event counts as arrived if the delivered files contain its ID. "
            "That says nothing about other sinks."
        )
    if result.digests is not None:
        yield from result.digests.proof(result.since, result.until)
    else:
        yield (
            "It does not prove that CloudTrail recorded every call, or that nobody removed log files: "
            "--digests checks the latter."
        )
    if result.compared:
        yield (
            f"The bytes of {result.compared:,} records were compared by hash; those that differ are altered "
            "or were written in another way."
        )
    else:
        yield "The bytes of the events were not compared."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool) -> Iterator[str]:
    if not rows:
        return
    if markdown:
        yield f"| {' | '.join(head)} |"
        yield f"|{'---|' * len(head)}"
        for row in rows:
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    else:
        widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
        for row in (head, *rows):
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""
