"""Compares numbers as event patterns do: by value if a double represents the text exactly, else by text."""

from __future__ import annotations

import math
from typing import NamedTuple

#: A double represents every integer up to this exactly.
_EXACT = 2**53
#: A double represents every decimal with up to this many digits without loss.
_SAFE_DIGITS = 15


class Number(NamedTuple):
    """A number in a pattern.

    Attributes:
        text: as written.
        value: the double; None if no double represents the text exactly.
    """

    text: str
    value: float | None


class InexactFloat(float):
    """A float in an event whose text a double cannot represent exactly.

    Attributes:
        text: as written.
    """

    __slots__ = ("text",)
    text: str


def number(text: str) -> Number:
    """Parses a JSON number in a pattern."""
    return Number(text, comparable_text(text))


def event_float(text: str) -> float:
    """Parses a JSON float in an event; keeps its text if a double cannot represent it exactly."""
    value = float(text)
    if len(text) <= _SAFE_DIGITS and "e" not in text and "E" not in text:
        return value
    if comparable_text(text) is not None:
        return value
    inexact = InexactFloat(value)
    inexact.text = text
    return inexact


def comparable_text(text: str) -> float | None:
    """The double for a number's text; None if its shortest decimal form has a different value."""
    value = float(text)
    if not math.isfinite(value):
        return None
    return value if _digits(text) == _digits(repr(value)) else None


def comparable(value: float) -> float | None:
    """The double for a parsed number; None if EventBridge would compare it as text."""
    if isinstance(value, int):
        if -_EXACT <= value <= _EXACT:
            return float(value)
        try:
            return comparable_text(str(value))
        except ValueError:  # more digits than Python converts
            return None
    return value if math.isfinite(value) and not isinstance(value, InexactFloat) else None


def number_text(value: float) -> str:
    """The text of a parsed number that has no exact double; empty if unknown."""
    if isinstance(value, InexactFloat):
        return value.text
    try:
        return str(value)
    except ValueError:  # more digits than Python converts
        return ""


def _digits(text: str) -> tuple[str, int] | None:
    """The significant digits and the exponent of a number's text, without the sign."""
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
