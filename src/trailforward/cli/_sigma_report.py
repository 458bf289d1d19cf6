"""The report of ``trailforward sigma convert``: one line per rule, its reasons, and a summary."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer

from trailforward.sigma.clauses import NotConvertibleError
from trailforward.sigma.conversion import Converted
from trailforward.sigma.conversion import convert as convert_rule
from trailforward.sigma.reading import read as read_rules
from trailforward.sigma.rule import Refusal, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(slots=True)
class Report:
    """What became of each document.

    Attributes:
        converted: rules that became routes.
        missing: rules about CloudTrail that did not.
        parts: rules that only a correlation uses.
        skipped: other documents.
    """

    converted: list[Converted] = field(default_factory=list)
    missing: list[Refusal] = field(default_factory=list)
    parts: list[Refusal] = field(default_factory=list)
    skipped: list[Refusal] = field(default_factory=list)

    @property
    def rules(self) -> int:
        """The number of rules about CloudTrail, without those that only a correlation uses."""
        return len(self.converted) + len(self.missing)


def read(paths: Iterable[str]) -> Report:
    """Reads and converts the rules of files and folders.

    Raises:
        OSError: a file cannot be read.
    """
    report = Report()
    for one in read_rules(paths):
        if isinstance(one, Refusal):
            kind = report.parts if one.is_part else report.missing if one.is_rule else report.skipped
            kind.append(one)
            continue
        try:
            report.converted.append(convert_rule(one))
        except NotConvertibleError as error:
            report.missing.append(Refusal(one.file, one_line(str(error)), is_rule=True))
    return report


def remarks(one: Converted) -> Iterator[tuple[str, str]]:
    """What to know about a converted rule: a short code, and a sentence."""
    if one.threshold is not None:
        yield "threshold", f"{one.threshold}; it needs a table in `state`"
    for note in one.notes:
        yield "approximate", one_line(note)
    if one.judgement.read_only:
        names = ", ".join(map(one_line, one.judgement.read_only))
        code = "dead under ENABLED" if one.judgement.only_read_only else "partly dead under ENABLED"
        yield code, f"read-only calls: {names}"
    code = "never matches" if one.judgement.impossible else "never written"
    for text in one.judgement.never:
        yield code, one_line(text)


def summary(report: Report) -> dict[str, int]:
    """The counts, by name."""
    codes = Counter(code for one in report.converted for code in {code for code, _ in remarks(one)})
    status = Counter(one.status for one in report.converted)
    return {
        "rules": report.rules,
        "exact": status["exact"],
        "approximate": status["approximate"],
        "not_convertible": len(report.missing),
        "with_threshold": codes["threshold"],
        "only_in_correlations": len(report.parts),
        "dead_under_enabled": codes["dead under ENABLED"],
        "partly_dead_under_enabled": codes["partly dead under ENABLED"],
        "never_matches": codes["never matches"],
        "asks_for_what_is_never_written": codes["never written"],
        "skipped": len(report.skipped),
    }


def to_json(report: Report) -> dict[str, Any]:
    """The report for programs."""
    return {
        "summary": summary(report),
        "rules": [
            {
                "file": one.rule.file,
                "title": one.rule.title,
                "id": one.rule.id or None,
                "status": one.status,
                "remarks": [{"code": code, "text": text} for code, text in remarks(one)],
                "pattern": one.patterns[0] if one.patterns else None,
                "only": one.patterns[1] if len(one.patterns) > 1 else None,
                "threshold": one.threshold.table() if one.threshold is not None else None,
            }
            for one in report.converted
        ]
        + [{"file": one.file, "status": "not convertible", "reason": one.reason} for one in report.missing],
        "only_in_correlations": [{"file": one.file, "reason": one.reason} for one in report.parts],
        "skipped": [{"file": one.file, "reason": one.reason} for one in report.skipped],
    }


def show(report: Report, *, err: bool) -> None:
    """Prints the report for people."""
    for one in report.converted:
        typer.echo(f"{one.status:<16} {one_line(one.rule.file)}", err=err)
        for code, text in remarks(one):
            typer.echo(f"{'':<16}   {code}: {text}", err=err)
    for refusal in report.missing:
        typer.echo(f"{'not convertible':<16} {one_line(refusal.file)}: {refusal.reason}", err=err)
    for refusal in report.parts:
        typer.echo(f"{'only counted':<16} {one_line(refusal.file)}: {refusal.reason}", err=err)
    for refusal in report.skipped:
        typer.echo(f"{'skipped':<16} {one_line(refusal.file)}: {refusal.reason}", err=err)
    counts = summary(report)
    typer.echo(
        "{rules} rules: {exact} exact, {approximate} approximate, {not_convertible} not convertible. "
        "{with_threshold} have a threshold; {only_in_correlations} more only count in correlations. "
        "Of the rules, {dead_under_enabled} are dead under the rule state ENABLED and "
        "{partly_dead_under_enabled} in part; {never_matches} never match; "
        "{asks_for_what_is_never_written} ask for something else that CloudTrail never writes. "
        "{skipped} documents skipped.".format(**counts),
        err=True,
    )
