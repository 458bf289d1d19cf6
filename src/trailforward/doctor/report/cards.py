"""Cards: one per cause and one per way, in HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.links import words
from trailforward.doctor.report.diagram import diagram
from trailforward.doctor.report.markup import chips, esc, evidence
from trailforward.doctor.report.words import SIGNS, many

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.doctor.report.causes import Cause
    from trailforward.doctor.report.ways import Way

#: Kind of a finding → the colour and sign it has.
LOOKS = {"break": "blind", "unknown": "unknown", "warning": "warning", "note": "note"}
_SIGNS = {**{name: signs[0] for name, signs in SIGNS.items()}, "warning": "!", "note": "i"}
_SAID = {"break": "Blind", "unknown": "Unknown", "warning": "Warning", "note": "Note"}

_MOST_CHIPS, _MOST_ACCOUNTS, _MOST_LINKS = 40, 8, 100


def finding(cause: Cause, number: int, titles: Mapping[str, str]) -> str:
    """A finding: what, why, where, how it is known, and the fix."""
    look = LOOKS[cause.kind]
    example = ' <span class="example">(the first of several)</span>' if len(cause.at) > 1 else ""
    links = [words(link) for link in cause.at[:_MOST_LINKS]]
    rest = len(cause.at) - len(links)
    folded = "".join(f"<li>{esc(link)}</li>" for link in links) + (f"<li>and {rest:,} more</li>" * bool(rest))
    source = (
        f'<a class="source" rel="noreferrer" href="{esc(cause.source)}">where this is said</a>'
        if cause.source.startswith("https://")
        else ""
    )
    return f"""<article class="finding {look}" id="{esc(cause.id)}" data-cause="{number}">
<header><span class="sign" aria-hidden="true">{_SIGNS[look]}</span>
<h3><span class="number">{number + 1}</span> {esc(cause.title)}</h3>
<p class="tags"><b>{_SAID[cause.kind]}</b> <code>{esc(cause.code)}</code> {evidence(cause.evidence)}</p>
</header>
<p class="why">{esc(cause.why)}{example}</p>
<p class="fix"><b>Fix</b> {esc(cause.fix)} {source}</p>
<dl><div><dt>{many(len(cause.regions), "Region")}</dt><dd>{chips(cause.regions, _MOST_CHIPS)}</dd></div>
<div><dt>{many(len(cause.accounts), "account")}</dt><dd>{chips(cause.accounts, _MOST_ACCOUNTS)}</dd></div>
<div><dt>Events</dt><dd>{chips([titles[name] for name in cause.classes], _MOST_CHIPS)}</dd></div></dl>
<details><summary>{many(len(cause.at), "place")}, {many(cause.cells, "combination")}</summary>\
<ol>{folded}</ol></details>
</article>"""


def way_card(way: Way, number: int, titles: Mapping[str, str]) -> str:
    """A way, drawn, with the classes of events that take it."""
    head = "Arrives" if way.status == "covered" else way.title
    return f"""<article class="way {way.status}" data-way="{number}">
<header><span class="sign" aria-hidden="true">{_SIGNS[way.status]}</span><h3>{esc(head)}</h3>
<p class="tags"><b>{way.status.capitalize()}</b> {many(way.cells, "combination")}: \
{many(len(way.regions), "Region")}, {many(len(way.accounts), "account")}</p></header>
{chips([titles[name] for name in way.classes], _MOST_CHIPS)}
<div class="drawing">{diagram(way)}</div>
</article>"""
