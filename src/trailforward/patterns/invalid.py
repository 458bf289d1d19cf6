"""The error for a pattern that EventBridge would reject, with EventBridge's message and location."""

from __future__ import annotations

import re
from typing import NamedTuple

from trailforward.errors import PatternError

#: The start of each of EventBridge's messages (recorded from PutRule and TestEventPattern).
PREFIX = "Event pattern is not valid. Reason: "

#: Maximum UTF-16 code units of the pattern that a message repeats.
MAX_QUOTED = 500

_LINE_END = re.compile(r"\r\n|\r|\n")
_CONTROL = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class Location(NamedTuple):
    """A location in a pattern, as EventBridge prints it.

    Attributes:
        line: from 1; LF, CR, and CR LF end a line.
        column: from 1, in UTF-16 code units.
        source: the pattern, shortened.
    """

    line: int
    column: int
    source: str

    def __str__(self) -> str:
        return f"[Source: (String){self.source}; line: {self.line}, column: {self.column}]"


def location(text: str, position: int) -> Location:
    """The location of the character at ``position`` in ``text``."""
    lines = _LINE_END.split(text[:position])
    return Location(len(lines), len(_utf16(lines[-1])) // 2 + 1, _quoted(text))


class InvalidPatternError(PatternError):  # a kind of PatternError, named for what is wrong
    """A pattern that EventBridge rejects.

    ``str()`` is EventBridge's message, including its locations.

    Attributes:
        reason: the message without prefix and locations.
        line: line of the pattern text, from 1; None if EventBridge reports no location.
        column: column in UTF-16 code units, from 1; None if EventBridge reports no location.
        hint: what to write instead; may be empty.
    """

    def __init__(self, reason: str, *locations: Location, hint: str = "") -> None:
        self.reason = reason
        self.locations = locations
        self.line = locations[0].line if locations else None
        self.column = locations[0].column if locations else None
        self.hint = hint
        super().__init__(PREFIX + reason + "".join(f"\n at {location}" for location in locations))

    def also_at(self, location: Location) -> InvalidPatternError:
        """The same error with one more location: EventBridge reports two for some errors."""
        return InvalidPatternError(self.reason, *self.locations, location, hint=self.hint)


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _quoted(text: str) -> str:
    units = _utf16(text)
    shown = units[: 2 * MAX_QUOTED].decode("utf-16-le", "surrogatepass")
    shown = _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04X}", shown)
    rest = len(units) // 2 - MAX_QUOTED
    return f'"{shown}"' + (f"[truncated {rest} chars]" if rest > 0 else "")
