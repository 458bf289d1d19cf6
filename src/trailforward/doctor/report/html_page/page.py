"""Page: the HTML report. One file, no network access; readable without its script, which only filters."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from trailforward.doctor.report.html_page.cards import finding_card, path_card, rule_card, rule_line
from trailforward.doctor.report.html_page.cells import page_cells
from trailforward.doctor.report.html_page.grid import by_account, by_class
from trailforward.doctor.report.html_page.markup import escape, item_list
from trailforward.doctor.report.path_groups import group_paths
from trailforward.doctor.report.rule_groups import group_rules, shown_rules
from trailforward.doctor.report.survey import STATUSES
from trailforward.doctor.report.text import ABSENT, EVIDENCE, SIGNS, count_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.doctor.report.html_page.cells import PageCells
    from trailforward.doctor.report.survey import Survey

#: The most findings and paths on the page; it says if the JSON report has more.
MOST_FINDINGS, MOST_PATHS = 200, 24


def to_html(found: Survey) -> str:
    """The survey as an HTML page."""
    style, script = _read("page.css"), _read("page.js")
    groups, group_of_cell = group_paths(found)
    titles = {kind.name: kind.title for kind in found.classes}
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    causes = found.causes[:MOST_FINDINGS]
    cards = [
        (cause.kind, finding_card(cause, number, titles, found.declared))
        for number, cause in enumerate(causes)
    ]
    cells = page_cells(found, group_of_cell)
    folded = {
        kind: [card for cause_kind, card in cards if cause_kind == kind] for kind in ("excluded", "note")
    }
    return Template(_read("page.html")).substitute(
        digest=digest,
        style=style,
        script=script,
        data=cells.to_json((len(found.accounts), len(found.regions), len(found.classes))),
        state=("covered", "blind", "unknown")[found.exit_code],
        headline=escape(found.headline),
        remark=escape(found.remark),
        about=escape(_about(found)),
        destinations=item_list(found.destinations),
        bar=_bar(found),
        filters=_filters(found) if found.cells else "",
        where=_where(found, cells) if found.cells else "",
        rules=_rules(found),
        first="rules" if found.by_rule else "findings",
        beside_grid=" hidden" if found.by_rule else "",
        paths="".join(path_card(group, number, titles) for number, group in enumerate(groups[:MOST_PATHS]))
        + _more(len(groups) - MOST_PATHS, "path"),
        findings="".join(card for kind, card in cards if kind not in folded) or "<p>No problems found.</p>",
        notes="".join(_folded(kind, some) for kind, some in folded.items())
        + _more(len(found.causes) - MOST_FINDINGS, "finding"),
        gaps=_gaps(found),
    )


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _about(found: Survey) -> str:
    if found.by_rule:
        return f"Checked: {count_of(len(found.rules), 'rule')}, by the calls in the event pattern."
    accounts = found.accounts[0] if len(found.accounts) == 1 else ""
    return (
        f"Checked: {count_of(len(found.cells), 'combination')} of "
        f"{'account ' + accounts if accounts else count_of(len(found.accounts), 'account')}, "
        f"{count_of(len(found.regions), 'Region')} and "
        f"{count_of(len(found.classes), 'class', 'classes')} of events."
    )


def _bar(found: Survey) -> str:
    """The share of each status, as a bar and as numbers."""
    total = max(1, found.counts.total())
    x, bars, numbers = 0.0, [], []
    for status in ("covered", "unknown", "blind", "excluded"):
        count = found.counts[status]
        if status == "excluded" and not count:
            continue
        width = 1000 * count / total
        bars.append(f'<rect class="{status}" x="{x:.2f}" y="0" width="{width:.2f}" height="20"/>')
        x += width
        numbers.append(
            f'<li class="{status}"><span class="sign" aria-hidden="true">{SIGNS[status][0]}</span>'
            f"<b>{count:,}</b> {status}</li>"
        )
    svg = f'<svg viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">{"".join(bars)}</svg>'
    return f'<div class="bar">{svg}<ul>{"".join(numbers)}</ul></div>'


def _filters(found: Survey) -> str:
    """The filter form; hidden until the script runs."""
    selects = "".join(
        _select(name, label, options)
        for name, label, options in (
            ("account", "Account", found.accounts),
            ("region", "Region", found.regions),
            ("class", "Events", [kind.title for kind in found.classes]),
        )
    )
    boxes = "".join(
        f'<label class="box {status}"><input type="checkbox" name="status" value="{status}" checked>'
        f'<span aria-hidden="true">{SIGNS[status][0]}</span> {status}</label>'
        for status in reversed(STATUSES)
        if status != "excluded" or found.counts[status]
    )
    return (
        f'<form id="filters" hidden aria-label="Filters">{selects}'
        f"<fieldset><legend>Status</legend>{boxes}</fieldset>"
        '<button type="reset">Show all</button><output id="shown" aria-live="polite"></output></form>'
    )


def _select(name: str, label: str, options: Iterable[str]) -> str:
    inner = "".join(
        f'<option value="{number}">{escape(option)}</option>' for number, option in enumerate(options)
    )
    return f'<label>{label} <select name="{name}"><option value="">all</option>{inner}</select></label>'


def _where(found: Survey, cells: PageCells) -> str:
    """The grids, with their legend."""
    grids = by_class(found) + (by_account(found, cells) if len(found.accounts) > 1 else "")
    legend = f'<details class="legend"><summary>Legend</summary>{_legend()}</details>'
    return f'<section id="where"><h2>Where</h2>\n{grids}\n{legend}\n</section>'


def _rules(found: Survey) -> str:
    """The verdict on each rule; rules without a reason of their own are folded."""
    groups = group_rules(found)
    shown = shown_rules(found)
    told = {tuple(group.at) for group in shown}
    others = [group for group in groups if tuple(group.at) not in told]
    cards = "".join(rule_card(group, found.addresses(group.at)) for group in shown[:MOST_FINDINGS])
    cards += _more(len(shown) - MOST_FINDINGS, "rule")
    folded = ""
    if others:
        number = sum(len(group.at) for group in others)
        lines = "".join(map(rule_line, others[:MOST_FINDINGS]))
        rest = _more(len(others) - MOST_FINDINGS, "rule")
        folded = (
            f'<details class="notes"><summary>{count_of(number, "other rule")} without a problem, or '
            f"with one that is under “What to do”</summary><ul class='lines'>{lines}</ul>{rest}</details>"
        )
    return f'<section id="rules"><h2>Rules</h2>{cards}{folded}</section>' if groups else ""


_FOLDED = {
    "excluded": (
        "exclusion",
        "what event selectors or the state of the rules leave out on purpose, which is not counted as blind",
    ),
    "note": ("note", "assumptions behind these results, where AWS does not state a fact explicitly"),
}


def _folded(kind: str, cards: list[str]) -> str:
    name, words = _FOLDED[kind]
    if not cards:
        return ""
    return (
        f'<details class="notes"><summary>{count_of(len(cards), name)}: {words}</summary>'
        f"{''.join(cards)}</details>"
    )


def _more(number: int, what: str) -> str:
    return f'<p class="more">{count_of(number, "more " + what)} in the JSON report.</p>' if number > 0 else ""


def _gaps(found: Survey) -> str:
    """What was not checked, read, or understood."""
    parts = (
        ("Not checked", found.not_checked),
        ("Could not be read", found.not_read),
        ("Not understood", found.not_understood),
    )
    inner = "".join(
        f"<h3>{title}</h3>{item_list(lines[:MOST_FINDINGS])}{_more(len(lines) - MOST_FINDINGS, 'line')}"
        for title, lines in parts
        if lines
    )
    return f'<section id="gaps"><h2>What was not checked</h2>{inner}</section>' if inner else ""


def _legend() -> str:
    meaning = {
        "covered": "the event arrives",
        "unknown": "undetermined; never counted as covered",
        "blind": "the event does not arrive",
        "excluded": "the event does not arrive on purpose",
    }
    signs = "".join(
        f'<li><span class="cell {name}">{SIGNS[name][0]}</span> {name}: {text}</li>'
        for name, text in meaning.items()
    )
    absent = f'<li><span class="cell absent">{ABSENT[0]}</span> the Region is not enabled</li>'
    known = "".join(f"<li><span>{sign}</span> {text}</li>" for sign, text in EVIDENCE.values())
    return (
        f"<ul>{signs}{absent}</ul><p>A cell in one color: all accounts or classes "
        "have that status. A cell in several colors: they differ; 1/5 counts those with the status shown. "
        "What is excluded is not counted.</p>"
        f'<p>How a fact is known:</p><ul class="known">{known}</ul>'
    )
