"""Numbers as event patterns compare them: by value where a double holds the text exactly, else by text."""

from __future__ import annotations

import math
from typing import NamedTuple

#: Below this every integer is a double.
_EXACT = 2**53
#: Any decimal of so few digits survives the way through a double.
_SAFE_DIGITS = 15


class Number(NamedTuple):
    """A number of a pattern.

    Attributes:
        text: as written.
        value: the double, or None where no double has exactly the value written.
    """

    text: str
    value: float | None


class InexactFloat(float):
    """A float of an event whose text says more than the double holds.

    Attributes:
        text: as written.
    """

    __slots__ = ("text",)
    text: str


def number(text: str) -> Number:
    """Reads a JSON number of a pattern."""
    return Number(text, comparable_text(text))


def event_float(text: str) -> float:
    """Reads a JSON float of an event, and keeps its text where the double would bend it."""
    value = float(text)
    if len(text) <= _SAFE_DIGITS and "e" not in text and "E" not in text:
        return value
    if comparable_text(text) is not None:
        return value
    inexact = InexactFloat(value)
    inexact.text = text
    return inexact


def comparable_text(text: str) -> float | None:
    """The double of a number text, if its shortest decimal form has exactly the value written."""
    value = float(text)
    if not math.isfinite(value):
        return None
    return value if _digits(text) == _digits(repr(value)) else None


def comparable(value: float) -> float | None:
    """The double of a parsed number, or None where the service would compare it with nothing."""
    if isinstance(value, int):
        if -_EXACT <= value <= _EXACT:
            return float(value)
        try:
            return comparable_text(str(value))
        except ValueError:  # more digits than Python converts
            return None
    return value if math.isfinite(value) and not isinstance(value, InexactFloat) else None


def number_text(value: float) -> str:
    """The text of a parsed number that is not comparable, as far as it is known."""
    if isinstance(value, InexactFloat):
        return value.text
    try:
        return str(value)
    except ValueError:  # more digits than Python converts
        return ""


def _digits(text: str) -> tuple[str, int] | None:
    """Significant digits and exponent of a number text; the sign is left to the double."""
    mantissa, _, exponent = text.lower().lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return "", 0
    try:
        scale = int(exponent or "0")
    except ValueError:  # more digits than Python converts
        return None
    return significant, scale - len(fraction) + len(digits) - len(significant)
