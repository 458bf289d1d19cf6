"""Markdown report: a survey for pull requests and job summaries, short enough for a comment."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from trailforward.doctor.report.rule_groups import RULE_LOOKS, shown_rules
from trailforward.doctor.report.survey import STATUSES, expected, worst
from trailforward.doctor.report.text import ABSENT, EVIDENCE, SIGNS, count_of, join_limited, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trailforward.doctor.report.causes import Cause
    from trailforward.doctor.report.survey import Survey

#: GitHub's limit for comments is 65,536 characters.
MOST_FINDINGS, MOST_REGIONS, _MOST_GAPS = 30, 60, 20
_LONGEST = 600

_SPECIAL = re.compile(r"([\\`*_{}\[\]#!|~$]|^[-+])")


def to_markdown(found: Survey) -> str:
    """The survey as Markdown."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Survey) -> Iterator[str]:
    yield f"## trailforward doctor: {escape(found.headline)}"
    yield ""
    counts = ", ".join(
        f"{SIGNS[status][0]} {found.counts[status]:,} {status}"
        for status in reversed(STATUSES)
        if found.counts[status] or status != "excluded"
    )
    yield f"**{counts}**. {escape(found.remark)}".rstrip()
    yield ""
    if found.cells:
        yield from _grid(found)
    yield from _rules(found)
    causes = [cause for cause in found.causes if cause.kind not in {"note", "excluded"}]
    if causes:
        yield "### Findings"
        yield ""
        titles = {kind.name: kind.title for kind in found.classes}
        for number, cause in enumerate(causes[:MOST_FINDINGS], 1):
            yield from _finding(cause, number, titles, found.addresses(cause.at))
        if len(causes) > MOST_FINDINGS:
            yield f"…and {count_of(len(causes) - MOST_FINDINGS, 'more finding')} in the JSON report."
            yield ""
    gaps = (*found.not_checked, *found.not_read, *found.not_understood)
    if gaps:
        yield "### What was not checked"
        yield ""
        yield from (f"- {escape(line)}" for line in gaps[:_MOST_GAPS])
        if len(gaps) > _MOST_GAPS:
            yield f"- …and {len(gaps) - _MOST_GAPS:,} more"


def _grid(found: Survey) -> Iterator[str]:
    counts = found.tally(lambda cell: (cell.region, cell.event_class))
    yield f"| Region | {' | '.join(escape(kind.title) for kind in found.classes)} |"
    yield "|---" * (len(found.classes) + 1) + "|"
    for region in found.regions[:MOST_REGIONS]:
        marks = (_mark(counts.get((region, kind.name), Counter())) for kind in found.classes)
        yield f"| {escape(region)} | {' | '.join(marks)} |"
    yield ""
    rest = len(found.regions) - MOST_REGIONS
    excluded = f", {SIGNS['excluded'][0]} excluded on purpose" if found.counts["excluded"] else ""
    more = f" {count_of(rest, 'more Region')} in the JSON report." if rest > 0 else ""
    yield (
        f"{SIGNS['covered'][0]} arrives, {SIGNS['blind'][0]} does not arrive, {SIGNS['unknown'][0]} "
        f"undetermined (not covered){excluded}; {count_of(len(found.accounts), 'account')}, "
        f"1/5 is one of five.{more}"
    )
    yield ""


def _rules(found: Survey) -> Iterator[str]:
    groups = shown_rules(found)
    if not groups:
        return
    yield "### Rules"
    yield ""
    for group in groups[:MOST_FINDINGS]:
        look, words = RULE_LOOKS[group.status]
        where = f"({escape(group.place)}; {escape(group.state)})"
        yield f"- **{SIGNS[look][0]} {escape(group.name)}**: {words} {where}"
        if addresses := found.addresses(group.at):
            yield f"   - In the plan: {escape(join_limited(addresses))}"
        for outcome in group.outcomes:
            yield f"   - {SIGNS[RULE_LOOKS[outcome.status][0]][0]} {escape(outcome.words)}"
            if outcome.finding is not None and outcome.status != "elsewhere":
                known = EVIDENCE[outcome.finding.evidence][1]
                yield f"      - `{outcome.finding.code}` ({known}): {escape(outcome.finding.why)}"
                yield f"      - Fix: {escape(outcome.finding.fix)}"
    if len(groups) > MOST_FINDINGS:
        yield f"- …and {count_of(len(groups) - MOST_FINDINGS, 'more rule')} in the JSON report."
    yield ""


def _mark(counts: Counter[str]) -> str:
    status = worst(counts)
    if status is None:
        return ABSENT[0]
    total = expected(counts)
    part = f" {counts[status]}/{total}" if counts[status] < total else ""
    return SIGNS[status][0] + part


def _finding(cause: Cause, number: int, titles: dict[str, str], addresses: Sequence[str]) -> Iterator[str]:
    sign = {"break": SIGNS["blind"][0], "unknown": SIGNS["unknown"][0]}.get(cause.kind, "!")
    yield f"{number}. **{sign} {escape(cause.title)}** `{cause.code}` ({EVIDENCE[cause.evidence][1]})"
    several = " *(first of several)*" if len(cause.at) > 1 else ""
    yield f"   - {escape(cause.why)}{several}"
    yield f"   - **Fix:** {escape(cause.fix)}"
    regions, accounts = join_limited(cause.regions, 40), join_limited(cause.accounts, 6)
    classes = join_limited([titles[name] for name in cause.classes], 9)
    accounts = f"{count_of(len(cause.accounts), 'account')}: {accounts}"
    yield f"   - **Where:** {escape(regions)}; {escape(accounts)}; {escape(classes)}"
    if addresses:
        yield f"   - **In the plan:** {escape(join_limited(addresses))}"
    yield ""


def escape(text: str) -> str:
    """Text in which Markdown, HTML, and mentions have no effect."""
    return neutral(printable(text))


def neutral(shown: str) -> str:
    """The same for a text that is printable already."""
    shown = shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
    html = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", html).replace("@", "@\u2060").replace("://", ":\u2060//")
