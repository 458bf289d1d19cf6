"""Markup: the few pieces that every part of the page is made of. What comes from outside is escaped here."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from trailforward.doctor.report.words import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Evidence → (sign, words).
EVIDENCE = {
    "documented": ("●", "documented by AWS"),
    "measured": ("◐", "measured by others"),
    "inferred": ("○", "inferred"),
    "uncertain": ("?", "uncertain"),
}


def esc(text: str) -> str:
    """Text for content and for quoted attributes."""
    return html.escape(plain(text), quote=True)


def chips(items: Sequence[str], most: int) -> str:
    """Some items as chips; what is too much stands folded behind them."""
    shown = "".join(f"<li>{esc(item)}</li>" for item in items[:most])
    rest = items[most:]
    if not rest:
        return f'<ul class="chips">{shown}</ul>'
    listed = esc(", ".join(rest[:_FOLDED])) + (f" and {len(rest) - _FOLDED:,} more" * (len(rest) > _FOLDED))
    folded = f"<details><summary>and {len(rest):,} more</summary><p>{listed}</p></details>"
    return f'<ul class="chips">{shown}</ul>{folded}'


_FOLDED = 200


def items(lines: Iterable[str]) -> str:
    """Lines as a list."""
    return "<ul>" + "".join(f"<li>{esc(line)}</li>" for line in lines) + "</ul>"


def evidence(name: str) -> str:
    """How a fact is known, as a badge."""
    sign, words = EVIDENCE.get(name, ("?", name))
    return f'<span class="evidence {esc(name)}"><span aria-hidden="true">{sign}</span> {esc(words)}</span>'
