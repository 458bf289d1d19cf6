"""Why events did not arrive: a table of the classes, and a card with the reasons of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.audit.classes import CLASSES
from trailforward.audit.forms.advice import advice
from trailforward.audit.forms.page.markup import Safe, code, escape, sign, table
from trailforward.audit.forms.summary import LOOKS, classes_of, reasons_of, repair_command, verdict_of
from trailforward.doctor.report.text import count_of, join_limited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.audit.forms.summary import Reason
    from trailforward.audit.report import Result

#: The most reasons of one class.
MOST_REASONS = 12


def classes(result: Result) -> Safe:
    """Every class that occurs, the worst first, with its reasons."""
    totals = result.totals
    names = classes_of(totals)
    if not names:
        return Safe("<p>Every recorded event arrived.</p>")
    rows = [
        (code(name), _verdict(verdict_of(name)), totals[name], _description(name), advice(name))
        for name in names
    ]
    heads = ("class", "verdict", "records", "what they are", "what to do")
    reasons = reasons_of(result)
    cards = ""
    for name in names:
        some = [one for one in reasons if one.name == name]
        if some or verdict_of(name) == "unexpected":
            cards += _card(name, totals[name], some, result)
    return Safe(table("Records that did not arrive, by class", heads, rows) + cards)


def _description(name: str) -> str:
    return CLASSES[name][1] if name in CLASSES else "a class that this version does not know"


def _verdict(verdict: str) -> Safe:
    look = LOOKS[verdict]
    return Safe(f'<b class="badge {look.tone}"><span aria-hidden="true">{look.sign}</span> {look.word}</b>')


def _card(name: str, count: int, reasons: Sequence[Reason], result: Result) -> str:
    verdict = verdict_of(name)
    look = LOOKS[verdict]
    items = "".join(
        f"<li><b>{one.records:,}</b> {escape(one.why)} <span class='where'>in "
        f"{escape(join_limited(one.regions, 12))} of {escape(join_limited(one.accounts, 6))}</span></li>"
        for one in reasons[:MOST_REASONS]
    )
    if (rest := len(reasons) - MOST_REASONS) > 0:
        items += f"<li>{count_of(rest, 'more reason')}: --format json lists all.</li>"
    command = f"<br>{code(repair_command(result))}" if verdict == "unexpected" else ""
    return f"""<article class="finding {look.tone}">
<header>{sign(verdict)}<h3>{count_of(count, "record")}: {escape(_description(name))}</h3>
<p class="tags"><b>{look.word}</b> {code(name)}</p></header>
<ul class="reasons">{items}</ul>
<p class="fix"><b>What to do</b> {escape(advice(name))}{command}</p>
</article>"""
