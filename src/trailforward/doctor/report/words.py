"""Words: texts as people may safely read them, and lists that stay short."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Control, format, surrogate, line and paragraph separators: they move cursors, hide or turn text round.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

#: Every status, the best first, with its sign and its sign where only ASCII can be printed.
SIGNS = {"covered": ("✓", "+"), "unknown": ("?", "?"), "blind": ("✗", "x")}
ABSENT = ("·", ".")


def plain(text: str) -> str:
    """A text whose every character is seen: names in a snapshot may hold escape codes or worse."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_seen(char) for char in text)


def _seen(char: str) -> str:
    if unicodedata.category(char) in _INVISIBLE:
        return char.encode("unicode_escape").decode("ascii")
    return char


def listed(items: Sequence[str], most: int = 10) -> str:
    """``a, b, c and 7 more``."""
    shown = items if len(items) <= most else items[: most - 1]
    rest = len(items) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def many(number: int, one: str, more: str = "") -> str:
    """``1 Region``, ``30 Regions``, ``1,200 cells``."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"
