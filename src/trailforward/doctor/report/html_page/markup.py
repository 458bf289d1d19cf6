"""Markup: the HTML pieces that all parts of the page share. Escapes everything that comes from outside."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from trailforward.doctor.report.text import EVIDENCE, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def escape(text: str) -> str:
    """Text escaped for HTML content and for quoted attributes."""
    return html.escape(printable(text), quote=True)


def chips(items: Sequence[str], most: int) -> str:
    """Items as chips; more than ``most`` are folded."""
    shown = "".join(f"<li>{escape(item)}</li>" for item in items[:most])
    rest = items[most:]
    if not rest:
        return f'<ul class="chips">{shown}</ul>'
    listed = escape(", ".join(rest[:_FOLDED])) + (
        f" and {len(rest) - _FOLDED:,} more" * (len(rest) > _FOLDED)
    )
    folded = f"<details><summary>and {len(rest):,} more</summary><p>{listed}</p></details>"
    return f'<ul class="chips">{shown}</ul>{folded}'


_FOLDED = 200


def item_list(lines: Iterable[str]) -> str:
    """Lines as an HTML list."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def evidence_badge(name: str) -> str:
    """How a fact is known, as a badge."""
    sign, meaning = EVIDENCE.get(name, ("?", name))
    sign = f'<span aria-hidden="true">{sign}</span>'
    return f'<span class="evidence {escape(name)}">{sign} {escape(meaning)}</span>'
