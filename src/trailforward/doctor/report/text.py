"""Text: the signs and names that all report formats share, printable text, and short lists."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from trailforward.doctor.world.unknown import words

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Unicode categories of control, format, and surrogate characters and of line separators: they can move the
#: cursor, or hide or reverse text.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

#: Status to its sign and its ASCII sign, from best to worst. Excluded is first, because it counts least.
SIGNS = {
    "excluded": ("–", "-"),  # noqa: RUF001  # wider than a hyphen
    "covered": ("✓", "+"),
    "unknown": ("?", "?"),
    "blind": ("✗", "x"),
}
ABSENT = ("·", ".")

#: Evidence to its sign and its meaning.
EVIDENCE = {
    "documented": ("●", "documented by AWS"),
    "measured": ("◐", "measured by others"),
    "inferred": ("○", "inferred"),
    "uncertain": ("?", "uncertain"),
}

_AREAS = {
    "af": "Africa",
    "ap": "Asia Pacific",
    "ca": "Canada",
    "cn": "China",
    "eu": "Europe",
    "eusc": "Europe",
    "il": "Middle East",
    "me": "Middle East",
    "mx": "Mexico",
    "sa": "South America",
    "us": "United States",
}


def area_of(region: str) -> str:
    """The geographic area of a Region, derived from its name."""
    return _AREAS.get(region.partition("-")[0], "Other")


def printable(text: str) -> str:
    """A text for people: unknown parts in words, and invisible characters (terminal codes) escaped."""
    return visible(words(text))


def visible(text: str) -> str:
    """A text with invisible characters (terminal codes) escaped, and otherwise as it is."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) for char in text)


def _escaped(char: str) -> str:
    if unicodedata.category(char) in _INVISIBLE:
        return char.encode("unicode_escape").decode("ascii")
    return char


def join_limited(items: Sequence[str], most: int = 10) -> str:
    """``a, b, c and 7 more``."""
    shown = items if len(items) <= most else items[: most - 1]
    rest = len(items) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def count_of(number: int, singular: str, plural: str = "") -> str:
    """``1 Region``, ``30 Regions``, ``1,200 cells``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
