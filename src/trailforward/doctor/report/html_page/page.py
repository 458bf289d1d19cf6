"""Page: the HTML report. One file, no network access; readable without its script, which only filters."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from trailforward.doctor.report.html_page.cards import finding_card, path_card, rule_card
from trailforward.doctor.report.html_page.grid import by_account, by_class
from trailforward.doctor.report.html_page.markup import escape, item_list
from trailforward.doctor.report.path_groups import group_paths
from trailforward.doctor.report.rule_groups import shown_rules
from trailforward.doctor.report.survey import STATUSES
from trailforward.doctor.report.text import ABSENT, EVIDENCE, SIGNS, count_of

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    notes = [card for kind, card in cards if kind == "note"]
    return Template(_read("page.html")).substitute(
        digest=digest,
        style=style,
        script=script,
        data=_data(found, group_of_cell),
        state=("covered", "blind", "unknown")[found.exit_code],
        headline=escape(found.headline),
        remark=escape(found.remark),
        about=escape(_about(found)),
        destinations=item_list(found.destinations),
        bar=_bar(found),
        filters=_filters(found) if found.cells else "",
        where=_where(found) if found.cells else "",
        rules=_rules(found),
        first="rules" if found.by_rule else "findings",
        beside_grid=" hidden" if found.by_rule else "",
        paths="".join(path_card(group, number, titles) for number, group in enumerate(groups[:MOST_PATHS]))
        + _more(len(groups) - MOST_PATHS, "path"),
        findings="".join(card for kind, card in cards if kind != "note") or "<p>No problems found.</p>",
        notes=_notes(notes) + _more(len(found.causes) - MOST_FINDINGS, "finding"),
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
    for status in ("covered", "unknown", "blind"):
        count = found.counts[status]
        width = 1000 * count / total
        bars.append(f'<rect class="{status}" x="{x:.2f}" y="0" width="{width:.2f}" height="20"/>')
        x += width
        numbers.append(
            f'<li class="{status}"><span class="sign" aria-hidden="true">{SIGNS[status][0]}</span>'
            f'<b data-count="{status}">{count:,}</b> {status}</li>'
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


def _where(found: Survey) -> str:
    """The grids, with their legend."""
    grids = by_class(found) + (by_account(found) if len(found.accounts) > 1 else "")
    legend = f'<details class="legend"><summary>Legend</summary>{_legend()}</details>'
    return f'<section id="where"><h2>Where</h2>\n{grids}\n{legend}\n</section>'


def _rules(found: Survey) -> str:
    """The verdict on each rule."""
    groups = shown_rules(found)
    cards = "".join(rule_card(group, found.addresses(group.at)) for group in groups[:MOST_FINDINGS])
    more = _more(len(groups) - MOST_FINDINGS, "rule")
    return f'<section id="rules"><h2>Rules</h2>{cards}{more}</section>' if groups else ""


def _notes(cards: list[str]) -> str:
    if not cards:
        return ""
    return (
        f'<details class="notes"><summary>{count_of(len(cards), "note")}: assumptions behind these results, '
        f"where AWS does not state a fact explicitly</summary>{''.join(cards)}</details>"
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
    }
    signs = "".join(
        f'<li><span class="cell {name}">{SIGNS[name][0]}</span> {name}: {text}</li>'
        for name, text in meaning.items()
    )
    absent = f'<li><span class="cell absent">{ABSENT[0]}</span> the Region is not enabled</li>'
    known = "".join(f"<li><span>{sign}</span> {text}</li>" for sign, text in EVIDENCE.values())
    return (
        f"<ul>{signs}{absent}</ul><p>A cell in one color: all accounts or classes "
        "have that status. A cell in several colors: they differ; 1/5 counts those with the status shown.</p>"
        f'<p>How a fact is known:</p><ul class="known">{known}</ul>'
    )


def _data(found: Survey, group_of_cell: list[int]) -> str:
    """The script's data: status, causes and path group of each cell, each combination once."""
    rank = {cause.id: number for number, cause in enumerate(found.causes)}
    accounts = {name: number for number, name in enumerate(found.accounts)}
    regions = {name: number for number, name in enumerate(found.regions)}
    classes = {kind.name: number for number, kind in enumerate(found.classes)}
    kinds: dict[tuple[int, tuple[int, ...], int], int] = {}
    cells = [-1] * (len(accounts) * len(regions) * len(classes))
    for cell, group in zip(found.cells, group_of_cell, strict=True):
        kind = (STATUSES.index(cell.status), tuple(rank[name] for name in cell.causes), group)
        place = (accounts[cell.account] * len(regions) + regions[cell.region]) * len(classes)
        cells[place + classes[cell.event_class]] = kinds.setdefault(kind, len(kinds))
    data = {
        "statuses": STATUSES,
        "signs": [signs[0] for signs in SIGNS.values()],
        "sizes": [len(accounts), len(regions), len(classes)],
        "kinds": list(kinds),
        "cells": cells,
    }
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
