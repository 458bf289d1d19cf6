"""The report as Markdown, for pull requests and tickets: short enough for a comment on GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from trailforward.doctor.report.markdown import neutral
from trailforward.doctor.report.text import join_limited

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from trailforward.audit.forms.tally import Tally
    from trailforward.audit.report import Result

#: The most rows of each table; JSON has all of them.
MOST = 20
#: GitHub's limit for comments is 65,536 characters.
MOST_CHARACTERS = 60_000
_SIGNS = {"failed": LOOKS["unexpected"].sign, "unknown": LOOKS["grey"].sign, "note": LOOKS["expected"].sign}
_ALL = "--format json lists all."


def to_markdown(result: Result) -> str:
    """The report as Markdown, the most important parts first; it ends before it gets too long."""
    lines, size = [], 0
    for line in _lines(result):
        size += len(line) + 1
        if size > MOST_CHARACTERS:
            lines += ["", f"The report ends here, because it is too long for Markdown: {_ALL}"]
            break
        lines.append(line)
    return "\n".join(lines)


def _lines(result: Result) -> Iterator[str]:
    first, *others = statements(result)
    yield f"## trailforward audit: {neutral(first)}"
    yield ""
    yield from _list(f"{text}." for text in others)
    yield from _list(f"{label}: {shown_key(text)}" for label, text in facts(result))
    yield from _classes(result)
    yield from _missing(result)
    sums = tally(result)
    yield from _map(sums)
    yield from _accounts(sums)
    yield from _others(result)
    yield from _digests(result)
    changes = [f"{shown(one.time)} {shown_key(change_text(one))}" for one in result.changes]
    yield from _section("Changes of rules and trails in the log files", changes)
    yield from _section("Could not be read", [shown_key(text) for text in result.problems])
    yield "### What this proves"
    yield ""
    yield from _list(proof(result))


def _classes(result: Result) -> Iterator[str]:
    totals = result.totals
    names = classes_of(totals)
    if not names:
        return
    yield "### Did not arrive"
    yield ""
    rows = []
    for name in names:
        look = LOOKS[verdict_of(name)]
        what = CLASSES[name][1] if name in CLASSES else "an unknown class"
        rows.append((f"{totals[name]:,}", f"{look.sign} {look.word}", name, what, advice(name)))
    yield from _table(("records", "verdict", "class", "what they are", "what to do"), rows)
    whys = [
        (f"{one.records:,}", one.name, one.why, join_limited(one.regions), join_limited(one.accounts, 4))
        for one in reasons_of(result)
    ]
    yield from _table(("records", "class", "why", "Regions", "accounts"), whys)


def _missing(result: Result) -> Iterator[str]:
    if not result.unexpected:
        return
    yield "### Missing events"
    yield ""
    names = ("eventTime", "account", "region", "eventSource", "eventName", "eventID")
    rows = [
        (
            *(shown(row[name]) for name in names),
            shown_reason(row),
            f"{shown_key(row['file'])}, record {row['index']:,}",
        )
        for row in result.unexpected[:MOST]
    ]
    more = len(result.unexpected) - len(rows)
    yield from _table(("time", "account", "Region", "source", "name", "event ID", "why", "log file"), rows)
    if more > 0:
        yield f"{more:,} more: {neutral(whole_list(result))}"
        yield ""


def _map(sums: Tally) -> Iterator[str]:
    yield f"### Each {sums.unit} by Region"
    yield ""
    regions = worst_first(sums.regions)
    short = {"day": slice(5, 10), "month": slice(0, 7)}.get(sums.unit, slice(5, 13))
    rows = []
    for region in sorted(regions[:MOST]):
        found = (worst(sums.cells.get((region, column), {})) for column in sums.columns)
        rows.append((region, *(LOOKS[name].sign if name is not None else NOTHING.sign for name in found)))
    yield from _table(("Region", *(column[short] for column in sums.columns)), rows)
    if (more := len(regions) - MOST) > 0:
        yield f"{more:,} more Regions: {_ALL}"
        yield ""
    looks = [*reversed(LOOKS.values()), NOTHING]
    yield ", ".join(f"{look.sign} {look.word}" for look in looks)
    yield ""


def _accounts(sums: Tally) -> Iterator[str]:
    if len(sums.accounts) <= 1:
        return
    yield "### Accounts, worst first"
    yield ""
    columns = ("recorded", "arrived", "expected", *TROUBLE, "pending")
    rows = [
        (account, *(f"{sums.accounts[account][name]:,}" for name in columns))
        for account in worst_first(sums.accounts)
    ]
    yield from _table(("account", *(LOOKS[name].word if name in LOOKS else name for name in columns)), rows)


def _others(result: Result) -> Iterator[str]:
    texts = list(side_facts(result))
    if not texts:
        return
    yield "### Altered, repeated, and unrecorded events"
    yield ""
    yield from _list(texts)
    rows = [
        (
            shown(one.event_id),
            altered_how(one),
            shown_key(one.delivered),
        )
        for one in result.altered_examples
    ]
    yield from _table(("event ID", "altered", "arrived in"), rows)
    names = ("eventID", "eventTime", "eventSource", "eventName")
    rows4 = [
        (*(shown(row[name]) for name in names), shown_key(row["file"])) for row in result.unrecorded_examples
    ]
    yield from _table(("not recorded", "time", "source", "name", "arrived in"), rows4)


def _digests(result: Result) -> Iterator[str]:
    report = result.digests
    if report is None:
        return
    yield "### Digests"
    yield ""
    yield f"{report.digests:,} valid digests, {report.logs:,} log files with the hash in their digest."
    yield ""
    order = list(_SIGNS)
    found = sorted(report.findings, key=lambda one: order.index(one.severity))
    rows = [
        (
            f"{_SIGNS[one.severity]} {one.severity}",
            one.code,
            one.account,
            one.region,
            shown_key(one.text),
            shown_key(one.key),
        )
        for one in found
    ]
    yield from _table(("severity", "finding", "account", "Region", "what", "file"), rows)


def _section(head: str, texts: Sequence[str]) -> Iterator[str]:
    if not texts:
        return
    yield f"### {head}"
    yield ""
    yield from _list(texts[:MOST])
    if (more := len(texts) - MOST) > 0:
        yield f"{more:,} more: {_ALL}"
        yield ""


def _list(texts: Iterable[str]) -> Iterator[str]:
    lines = [f"- {neutral(text)}" for text in texts]
    yield from [*lines, ""] if lines else ()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table of at most :data:`MOST` rows; neither head nor cells can break it."""
    if not rows:
        return
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows[:MOST]:
        yield f"| {' | '.join(neutral(cell) for cell in row)} |"
    yield ""
    if (more := len(rows) - MOST) > 0:
        yield f"{more:,} more: {_ALL}"
        yield ""
