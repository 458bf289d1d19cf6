"""Cards: one per cause and one per path group, as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.report.html_page.diagram import diagram
from trailforward.doctor.report.html_page.markup import chips, escape, evidence_badge
from trailforward.doctor.report.rule_groups import RULE_LOOKS
from trailforward.doctor.report.text import SIGNS, count_of, join_limited
from trailforward.doctor.world.links import describe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trailforward.doctor.report.causes import Cause
    from trailforward.doctor.report.path_groups import PathGroup
    from trailforward.doctor.report.rule_groups import Outcome, RuleGroup

#: Kind of a finding to its color and sign.
LOOKS = {
    "break": "blind",
    "unknown": "unknown",
    "warning": "warning",
    "excluded": "excluded",
    "note": "note",
}
_SIGNS = {**{name: signs[0] for name, signs in SIGNS.items()}, "warning": "!", "note": "i"}
_KIND_NAMES = {
    "break": "Blind",
    "unknown": "Unknown",
    "warning": "Warning",
    "excluded": "Excluded on purpose",
    "note": "Note",
}

_MOST_CHIPS, _MOST_ACCOUNTS, _MOST_LINKS = 40, 8, 100


def finding_card(cause: Cause, number: int, titles: Mapping[str, str], declared: Mapping[str, str]) -> str:
    """A finding: what, why, where, evidence, and the fix."""
    look = LOOKS[cause.kind]
    example = ' <span class="example">(first of several)</span>' if len(cause.at) > 1 else ""
    links = [
        describe(link) + (f": {declared[link]}" if link in declared else "")
        for link in cause.at[:_MOST_LINKS]
    ]
    rest = len(cause.at) - len(links)
    folded = "".join(f"<li>{escape(link)}</li>" for link in links) + (
        f"<li>and {rest:,} more</li>" * bool(rest)
    )
    source = (
        f'<a class="source" rel="noreferrer" href="{escape(cause.source)}">Source</a>'
        if cause.source.startswith("https://")
        else ""
    )
    return f"""<article class="finding {look}" id="{escape(cause.id)}" data-cause="{number}">
<header><span class="sign" aria-hidden="true">{_SIGNS[look]}</span>
<h3><span class="number">{number + 1}</span> {escape(cause.title)}</h3>
<p class="tags"><b>{_KIND_NAMES[cause.kind]}</b> <code>{escape(cause.code)}</code> \
{evidence_badge(cause.evidence)}</p>
</header>
<p class="why">{escape(cause.why)}{example}</p>
<p class="fix"><b>{"To change it" if look == "excluded" else "Fix"}</b> {escape(cause.fix)} {source}</p>
<dl><div><dt>{count_of(len(cause.regions), "Region")}</dt><dd>{chips(cause.regions, _MOST_CHIPS)}</dd></div>
<div><dt>{count_of(len(cause.accounts), "account")}</dt><dd>{chips(cause.accounts, _MOST_ACCOUNTS)}</dd></div>
<div><dt>Events</dt><dd>{chips([titles[name] for name in cause.classes], _MOST_CHIPS)}</dd></div></dl>
<details><summary>{count_of(len(cause.at), "place")}, {count_of(cause.cells, "combination")}</summary>\
<ol>{folded}</ol></details>
</article>"""


def rule_card(group: RuleGroup, addresses: Sequence[str]) -> str:
    """A rule: the calls that it is meant for, and what happens to their events."""
    look, words = RULE_LOOKS[group.status]
    outcomes = "".join(map(_outcome, group.outcomes))
    return f"""<article class="finding rule {look}">
<header><span class="sign" aria-hidden="true">{_SIGNS[look]}</span>
<h3>{escape(group.name)}</h3>
<p class="tags"><b>{escape(words)}</b> <code>{escape(group.state)}</code></p>
</header>
<p>{escape(group.place)}</p>{_addresses(addresses)}
{outcomes}
</article>"""


def _addresses(addresses: Sequence[str]) -> str:
    return f"<p>In the plan: {escape(join_limited(addresses))}</p>" if addresses else ""


def rule_line(group: RuleGroup) -> str:
    """A rule in one line."""
    look, words = RULE_LOOKS[group.status]
    return (
        f'<li class="{look}"><span class="sign" aria-hidden="true">{_SIGNS[look]}</span> '
        f"<b>{escape(group.name)}</b>: {escape(words)} ({escape(group.place)}; {escape(group.state)})</li>"
    )


def _outcome(outcome: Outcome) -> str:
    finding = outcome.finding
    shown = f'<p class="why"><b>{_SIGNS[RULE_LOOKS[outcome.status][0]]}</b> {escape(outcome.words)}</p>'
    if finding is None or outcome.status == "elsewhere":
        return shown
    source = f'<a class="source" rel="noreferrer" href="{escape(finding.source)}">Source</a>'
    return f"""{shown}<p>{escape(finding.why)} <code>{escape(finding.code)}</code> \
{evidence_badge(finding.evidence)}</p>
<p class="fix"><b>Fix</b> {escape(finding.fix)} {source}</p>"""


def path_card(group: PathGroup, number: int, titles: Mapping[str, str]) -> str:
    """A path group: its diagram, with the classes of events that take it."""
    head = "Arrives" if group.status == "covered" else group.title
    return f"""<article class="path {group.status}" data-path="{number}">
<header><span class="sign" aria-hidden="true">{_SIGNS[group.status]}</span><h3>{escape(head)}</h3>
<p class="tags"><b>{group.status.capitalize()}</b> {count_of(group.cells, "combination")}: \
{count_of(len(group.regions), "Region")}, {count_of(len(group.accounts), "account")}</p></header>
{chips([titles[name] for name in group.classes], _MOST_CHIPS)}
{diagram(group)}
</article>"""
