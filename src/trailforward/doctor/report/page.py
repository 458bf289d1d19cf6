"""Page: the HTML report. One file, no network; a script only to filter; readable without it, and printed."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from trailforward.doctor.report.cards import finding, way_card
from trailforward.doctor.report.grid import by_account, by_class
from trailforward.doctor.report.markup import EVIDENCE, esc, items
from trailforward.doctor.report.survey import STATUSES
from trailforward.doctor.report.ways import ways
from trailforward.doctor.report.words import ABSENT, SIGNS, many

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.doctor.report.survey import Survey

#: More than this stands in the JSON only, and the page says so.
MOST_FINDINGS, MOST_WAYS = 200, 24


def to_html(found: Survey) -> str:
    """The page."""
    style, script = _read("page.css"), _read("page.js")
    roads, road_of = ways(found)
    titles = {kind.name: kind.title for kind in found.classes}
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    causes = found.causes[:MOST_FINDINGS]
    cards = [(cause.kind, finding(cause, number, titles)) for number, cause in enumerate(causes)]
    notes = [card for kind, card in cards if kind == "note"]
    return Template(_read("page.html")).substitute(
        digest=digest,
        style=style,
        script=script,
        data=_data(found, road_of),
        state=("covered", "blind", "unknown")[found.exit_code],
        headline=esc(found.headline),
        remark=esc(found.remark),
        about=esc(_about(found)),
        destinations=items(found.destinations),
        bar=_bar(found),
        filters=_filters(found),
        grids=by_class(found) + (by_account(found) if len(found.accounts) > 1 else ""),
        ways="".join(way_card(way, number, titles) for number, way in enumerate(roads[:MOST_WAYS]))
        + _more(len(roads) - MOST_WAYS, "way"),
        findings="".join(card for kind, card in cards if kind != "note") or "<p>Nothing was found wrong.</p>",
        notes=_notes(notes) + _more(len(found.causes) - MOST_FINDINGS, "finding"),
        gaps=_gaps(found),
        legend=_legend(),
    )


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _about(found: Survey) -> str:
    accounts = found.accounts[0] if len(found.accounts) == 1 else ""
    return (
        f"Asked: {many(len(found.cells), 'combination')} of "
        f"{'account ' + accounts if accounts else many(len(found.accounts), 'account')}, "
        f"{many(len(found.regions), 'Region')} and {many(len(found.classes), 'class', 'classes')} of events."
    )


def _bar(found: Survey) -> str:
    """The share of each status, as a bar and in numbers."""
    total = max(1, len(found.cells))
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
    """The form; it is hidden until the script is there to serve it."""
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
        f'<option value="{number}">{esc(option)}</option>' for number, option in enumerate(options)
    )
    return f'<label>{label} <select name="{name}"><option value="">all</option>{inner}</select></label>'


def _notes(cards: list[str]) -> str:
    if not cards:
        return ""
    return (
        f'<details class="notes"><summary>{many(len(cards), "note")}: what these answers rest on where AWS '
        f"does not say it in so many words</summary>{''.join(cards)}</details>"
    )


def _more(number: int, what: str) -> str:
    return f'<p class="more">{many(number, "more " + what)} in the JSON report.</p>' if number > 0 else ""


def _gaps(found: Survey) -> str:
    """What the answers leave out."""
    parts = (
        ("Not asked", found.not_asked),
        ("Could not be read", found.not_seen),
        ("Not understood", found.not_understood),
    )
    inner = "".join(
        f"<h3>{title}</h3>{items(lines[:MOST_FINDINGS])}{_more(len(lines) - MOST_FINDINGS, 'line')}"
        for title, lines in parts
        if lines
    )
    return f'<section id="gaps"><h2>What was not looked at</h2>{inner}</section>' if inner else ""


def _legend() -> str:
    meaning = {
        "covered": "the event arrives",
        "unknown": "nobody can say; never counted as a pass",
        "blind": "the event does not arrive",
    }
    signs = "".join(
        f'<li><span class="cell {name}">{SIGNS[name][0]}</span> {name}: {text}</li>'
        for name, text in meaning.items()
    )
    absent = f'<li><span class="cell absent">{ABSENT[0]}</span> the Region is not enabled</li>'
    known = "".join(f"<li><span>{sign}</span> {text}</li>" for sign, text in EVIDENCE.values())
    return (
        f"<ul>{signs}{absent}</ul><p>A full colour: all of it. Parts of a colour: parts "
        "of it, and 1/5 says how many have the sign.</p>"
        f'<p>How a fact is known:</p><ul class="known">{known}</ul>'
    )


def _data(found: Survey, road_of: list[int]) -> str:
    """What the script needs to count anew: per cell its status, causes and way, each set once."""
    rank = {cause.id: number for number, cause in enumerate(found.causes)}
    accounts = {name: number for number, name in enumerate(found.accounts)}
    regions = {name: number for number, name in enumerate(found.regions)}
    classes = {kind.name: number for number, kind in enumerate(found.classes)}
    kinds: dict[tuple[int, tuple[int, ...], int], int] = {}
    cells = [-1] * (len(accounts) * len(regions) * len(classes))
    for cell, road in zip(found.cells, road_of, strict=True):
        kind = (STATUSES.index(cell.status), tuple(rank[name] for name in cell.causes), road)
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
