"""The error for a pattern the service would refuse: its own words, and its own place."""

from __future__ import annotations

import re
from typing import NamedTuple

from trailforward.errors import PatternError

#: What every refusal of the service starts with (recorded answers of PutRule and TestEventPattern).
PREFIX = "Event pattern is not valid. Reason: "

#: UTF-16 units of the pattern that a refusal repeats at most.
ECHO = 500

_LINE_END = re.compile(r"\r\n|\r|\n")
_CONTROL = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class Place(NamedTuple):
    """A place in a pattern, as the service prints it.

    Attributes:
        line: from 1; grows at LF, CR and CR LF.
        column: from 1, in UTF-16 units.
        source: the pattern, shortened.
    """

    line: int
    column: int
    source: str

    def __str__(self) -> str:
        return f"[Source: (String){self.source}; line: {self.line}, column: {self.column}]"


def place(text: str, position: int) -> Place:
    """Where in ``text`` the character at ``position`` stands."""
    lines = _LINE_END.split(text[:position])
    return Place(len(lines), len(_utf16(lines[-1])) // 2 + 1, _echo(text))


class InvalidPatternError(PatternError):  # a kind of PatternError, named for what is wrong
    """A pattern that the service refuses.

    The text is the service's own, location included; the attributes are for programs.

    Attributes:
        reason: the service's words without prefix and location.
        line: line of the pattern text, from 1, or None where the service names no place.
        column: column in UTF-16 units, from 1, or None.
        hint: what to write instead, or empty.
    """

    def __init__(self, reason: str, *places: Place, hint: str = "") -> None:
        self.reason = reason
        self.places = places
        self.line = places[0].line if places else None
        self.column = places[0].column if places else None
        self.hint = hint
        super().__init__(PREFIX + reason + "".join(f"\n at {spot}" for spot in places))

    def also_at(self, spot: Place) -> InvalidPatternError:
        """The same refusal with one more location: the service wraps some errors twice."""
        return InvalidPatternError(self.reason, *self.places, spot, hint=self.hint)


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _echo(text: str) -> str:
    units = _utf16(text)
    shown = units[: 2 * ECHO].decode("utf-16-le", "surrogatepass")
    shown = _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04X}", shown)
    rest = len(units) // 2 - ECHO
    return f'"{shown}"' + (f"[truncated {rest} chars]" if rest > 0 else "")
