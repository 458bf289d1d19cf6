"""Diagram: a path group as boxes with arrows, which wrap on narrow pages; names are never cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.report.html_page.markup import escape
from trailforward.doctor.report.text import SIGNS, count_of

if TYPE_CHECKING:
    from trailforward.doctor.report.path_groups import PathGroup, Step

_STATES = {
    "covered": "passes",
    "blind": "breaks here",
    "excluded": "left out here",
    "unknown": "unknown",
    "beyond": "not checked",
}


def diagram(group: PathGroup) -> str:
    """The steps of a path group, in order."""
    steps = "".join(_box(group, step) for step in group.steps)
    label = " → ".join(f"{step.kind} {step.name} ({_STATES[step.state]})" for step in group.steps)
    return f'<ol class="steps" aria-label="{escape(label)}">{steps}</ol>'


def _box(group: PathGroup, step: Step) -> str:
    sign = "" if step.state == "beyond" or step.kind == "call" else SIGNS[step.state][0]
    badge = f'<span class="badge" title="{_STATES[step.state]}">{sign}</span>' if sign else ""
    where = "".join(f"<span>{escape(part)}</span>" for part in _where(group, step))
    return (
        f'<li class="step {step.state}"><span class="kind">{escape(step.kind)}</span>{badge}'
        f"<b>{escape(step.name)}</b>{where}</li>"
    )


def _where(group: PathGroup, step: Step) -> list[str]:
    """The Region and the account, or their numbers."""
    if step.kind == "call":
        regions, accounts = sorted(group.regions), sorted(group.accounts)
        return [
            regions[0] if len(regions) == 1 else count_of(len(regions), "Region"),
            accounts[0] if len(accounts) == 1 else count_of(len(accounts), "account"),
        ]
    if step.where or step.state == "beyond" or step.kind == "trail":
        return [part for part in step.where.split(" · ") if part]
    return ["one in each place"] if len(group.regions) > 1 or len(group.accounts) > 1 else []
