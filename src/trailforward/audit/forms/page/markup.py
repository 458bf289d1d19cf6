"""Markup: HTML pieces that all parts of the page share. Escapes everything that comes from outside."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from trailforward.audit.forms.summary import LOOKS, NOTHING
from trailforward.doctor.report.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Safe(str):
    """HTML that is safe, because this package made it from escaped parts."""

    __slots__ = ()


#: What a cell of a table may be: text is escaped, numbers get separators and are aligned.
Cell = str | int


def escape(text: str) -> Safe:
    """Text for HTML content and quoted attributes; invisible characters are spelled out."""
    return Safe(html.escape(visible(text), quote=True))


def sign(verdict: str | None) -> Safe:
    """The sign of a verdict; what it means must be next to it."""
    look = LOOKS[verdict] if verdict is not None else NOTHING
    return Safe(f'<span class="sign" aria-hidden="true">{look.sign}</span>')


def code(text: str) -> Safe:
    """Text in the font of code."""
    return Safe(f"<code>{escape(text)}</code>")


def key(text: str) -> Safe:
    """A key, path, or ID in the font of code, which may break anywhere."""
    return Safe(f'<code class="key">{escape(text)}</code>')


def two(first: str, second: str) -> Safe:
    """Two texts, the second one below the first."""
    return Safe(f"{_text(first)} <small>{_text(second)}</small>")


def lines(texts: Iterable[str]) -> Safe:
    """Texts as a list."""
    return Safe(f"<ul class='texts'>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>")


def more(number: int, where: str) -> Safe:
    """How many items are left out, and where they are; nothing if there are none."""
    return Safe(f'<p class="more">{number:,} more: {escape(where)}</p>' if number > 0 else "")


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]], name: str = "") -> Safe:
    """A table whose first column names the row. On a phone, each row becomes a block with labels.

    Args:
        caption: what the table is about.
        heads: titles of the columns.
        rows: cells; text is escaped.
        name: class of the table.
    """
    titles = [escape(head) for head in heads]
    top = "".join(f'<th scope="col">{title}</th>' for title in titles)
    body = "".join(f"<tr>{_row(titles, row)}</tr>" for row in rows)
    return Safe(
        f'<div class="wide"><table class="rows {name}"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(titles: Sequence[str], row: Sequence[Cell]) -> str:
    first, *others = row
    cells = [f'<th scope="row">{_text(first)}</th>']
    for title, cell in zip(titles[1:], others, strict=True):
        look = ""
        if isinstance(cell, int):
            look = ' class="n"' if cell else ' class="n zero"'
        cells.append(f'<td{look} data-label="{title}"><div>{_text(cell)}</div></td>')
    return "".join(cells)


def _text(cell: Cell) -> str:
    if isinstance(cell, int):
        return f"{cell:,}"
    return cell if isinstance(cell, Safe) else escape(cell)
