"""Diagram: a path group as inline SVG, horizontal on wide pages and vertical on phones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.report.html_page.markup import escape
from trailforward.doctor.report.text import SIGNS, count_of, printable

if TYPE_CHECKING:
    from trailforward.doctor.report.path_groups import PathGroup, Step

_WIDTH, _HEIGHT, _GAP = 138, 82, 30
_TALL_WIDTH, _TALL_HEIGHT, _TALL_GAP = 320, 50, 20
_NAME, _LINE = 15, 18


def diagram(group: PathGroup) -> str:
    """Both drawings of a path group; the style sheet shows one of them."""
    return _horizontal(group) + _vertical(group)


def _horizontal(group: PathGroup) -> str:
    parts = []
    for number, step in enumerate(group.steps):
        x = number * (_WIDTH + _GAP) + 1
        if number:
            parts.append(_arrow(step, x - _GAP + 2, _HEIGHT // 2 + 8, _GAP - 7))
        first, second = _where(group, step)
        parts.append(
            f'<g class="step {step.state}">{_hover(step)}'
            f'<rect x="{x}" y="8" width="{_WIDTH}" height="{_HEIGHT}" rx="10"/>'
            f'<text class="kind" x="{x + 12}" y="27">{escape(step.kind)}</text>'
            f'<text class="name" x="{x + 12}" y="46">{_cut(step.name, _NAME)}</text>'
            f'<text class="where" x="{x + 12}" y="63">{_cut(first, _LINE)}</text>'
            f'<text class="where" x="{x + 12}" y="77">{_cut(second, _LINE)}</text>'
            f"{_badge(step, x + _WIDTH - 16, 24)}</g>"
        )
    width = len(group.steps) * (_WIDTH + _GAP) - _GAP + 2
    return _svg(group, "horizontal", width, _HEIGHT + 16, parts)


def _vertical(group: PathGroup) -> str:
    parts = []
    for number, step in enumerate(group.steps):
        y = number * (_TALL_HEIGHT + _TALL_GAP) + 1
        if number:
            parts.append(_arrow(step, _TALL_WIDTH // 2, y - _TALL_GAP + 2, _TALL_GAP - 7, down=True))
        first, second = _where(group, step)
        parts.append(
            f'<g class="step {step.state}">'
            f'<rect x="1" y="{y}" width="{_TALL_WIDTH - 2}" height="{_TALL_HEIGHT}" rx="10"/>'
            f'<text class="kind" x="14" y="{y + 19}">{escape(step.kind)}</text>'
            f'<text class="name" x="14" y="{y + 38}">{_cut(step.name, _NAME)}</text>'
            f'<text class="where" x="150" y="{y + (24 if second else 31)}">{_cut(first, _LINE)}</text>'
            f'<text class="where" x="150" y="{y + 39}">{_cut(second, _LINE)}</text>'
            f"{_badge(step, _TALL_WIDTH - 18, y + 25)}</g>"
        )
    height = len(group.steps) * (_TALL_HEIGHT + _TALL_GAP) - _TALL_GAP + 2
    return _svg(group, "vertical", _TALL_WIDTH, height, parts)


def _svg(group: PathGroup, kind: str, width: int, height: int, parts: list[str]) -> str:
    label = " → ".join(f"{step.kind} {step.name} ({_STATES[step.state]})" for step in group.steps)
    return (
        f'<svg class="{kind}" role="img" aria-label="{escape(label)}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">{"".join(parts)}</svg>'
    )


_STATES = {"covered": "passes", "blind": "breaks here", "unknown": "unknown", "beyond": "not checked"}


def _where(group: PathGroup, step: Step) -> tuple[str, str]:
    """Two short lines: the Region and the account, or their numbers."""
    if step.kind == "call":
        regions, accounts = sorted(group.regions), sorted(group.accounts)
        return (
            regions[0] if len(regions) == 1 else count_of(len(regions), "Region"),
            accounts[0] if len(accounts) == 1 else count_of(len(accounts), "account"),
        )
    if step.where or step.state == "beyond" or step.kind == "trail":
        first, _, second = step.where.partition(" · ")
        return first, second
    return ("one in each place", "") if len(group.regions) > 1 or len(group.accounts) > 1 else ("", "")


def _arrow(step: Step, x: int, y: int, length: int, *, down: bool = False) -> str:
    """An arrow, in the color of the step that it leads to."""
    if down:
        line, head = f"v{length}", f"M{x - 4} {y + length - 4}l4 6l4 -6"
    else:
        line, head = f"h{length}", f"M{x + length - 4} {y - 4}l6 4l-6 4"
    return (
        f'<path class="arrow {step.state}" d="M{x} {y}{line}"/><path class="head {step.state}" d="{head}"/>'
    )


def _badge(step: Step, x: int, y: int) -> str:
    if step.state == "beyond" or step.kind == "call":
        return ""
    sign = SIGNS[step.state][0]
    return f'<circle cx="{x}" cy="{y}" r="8.5"/><text class="sign" x="{x}" y="{y + 4}">{sign}</text>'


def _cut(text: str, most: int) -> str:
    shown = printable(text)
    return escape(shown if len(shown) <= most else shown[: most - 1] + "…")


def _hover(step: Step) -> str:
    return f"<title>{escape(' '.join(filter(None, (step.kind, step.name, step.where))))}</title>"
