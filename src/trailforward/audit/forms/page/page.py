"""Page: the report as one HTML file. It loads nothing, runs nothing, and can be read on paper."""

from __future__ import annotations

from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from trailforward._version import __version__
from trailforward.audit.forms.page.cards import classes
from trailforward.audit.forms.page.map import maps
from trailforward.audit.forms.page.markup import escape, lines, more, sign
from trailforward.audit.forms.page.strip import digests
from trailforward.audit.forms.page.tables import accounts, changes, missing, others
from trailforward.audit.forms.summary import (
    LOOKS,
    by_verdict,
    facts,
    proof,
    shown_key,
    side_facts,
    statements,
)
from trailforward.audit.forms.tally import tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trailforward.audit.report import Result

#: The page of the doctor has the colors, and the style of cards, grids, and the hero.
_BASE = "trailforward.doctor.report.html_page"
#: The most problems that are listed.
MOST_PROBLEMS = 100
#: The least width of a share that is not zero, of 1,000.
_LEAST = 6


def to_html(result: Result) -> str:
    """The report as an HTML page."""
    first, *further = statements(result)
    parts = list(_sections(result))
    return Template(_read(__package__, "page.html")).substitute(
        style=_read(_BASE, "page.css") + _read(__package__, "page.css"),
        state=("covered", "blind", "unknown")[result.exit_code],
        headline=escape(first),
        others=f'<ul class="remark">{"".join(f"<li>{escape(text)}.</li>" for text in further)}</ul>'
        * bool(further),
        bar=_bar(by_verdict(result.totals)),
        facts="".join(
            f"<div><dt>{escape(label)}</dt><dd>{escape(shown_key(text))}</dd></div>"
            for label, text in facts(result)
        ),
        contents="".join(f'<li><a href="#{name}">{escape(title)}</a></li>' for name, title, _ in parts),
        sections="".join(
            f'<section id="{name}"><h2>{escape(title)}</h2>\n{inner}\n</section>\n'
            for name, title, inner in parts
        ),
        made=f"Made by trailforward {escape(__version__)} at {result.time:%Y-%m-%d %H:%M} UTC.",
    )


def _read(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text("utf-8")


def _sections(result: Result) -> Iterator[tuple[str, str, str]]:
    """ID, title, and HTML of each section that has something to say."""
    sums = tally(result)
    yield "map", "Where and when", maps(result, sums)
    yield "accounts", "Accounts", accounts(sums)
    yield "classes", "Why events did not arrive", classes(result)
    if result.unexpected:
        yield "missing", "Missing events", missing(result)
    if result.digests is not None:
        yield "digests", "Digests of the log files", digests(result.digests, result.since, result.until)
    if any(side_facts(result)):
        yield "others", "Altered, repeated, and unrecorded events", others(result)
    if result.changes:
        yield "changes", "Changes of rules and trails", changes(result)
    if result.problems:
        listed = [shown_key(text) for text in result.problems[:MOST_PROBLEMS]]
        rest = more(len(result.problems) - len(listed), "--format json lists all.")
        yield "problems", "What could not be read", lines(listed) + rest
    yield "proof", "What this proves", lines(proof(result))


def _bar(totals: Mapping[str, int]) -> str:
    """The share of each verdict, as a bar and as numbers."""
    order = [name for name in reversed(LOOKS) if totals.get(name) or name in {"arrived", "unexpected"}]
    widths = {name: max(_LEAST, 1000 * totals[name] / totals["recorded"]) for name in order if totals[name]}
    scale = 1000 / sum(widths.values()) if widths else 1
    x, bars = 0.0, []
    for name, width in widths.items():
        bars.append(
            f'<rect class="{LOOKS[name].tone}" x="{x:.2f}" y="0" width="{width * scale:.2f}" height="20"/>'
        )
        x += width * scale
    numbers = "".join(
        f'<li class="{LOOKS[name].tone}">{sign(name)}<b>{totals[name]:,}</b> {LOOKS[name].word}</li>'
        for name in order
    )
    svg = f'<svg viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">{"".join(bars)}</svg>'
    return f'<div class="bar">{svg}<ul>{numbers}</ul></div>'
