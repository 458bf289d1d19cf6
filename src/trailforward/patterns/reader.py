"""Reads JSON text token by token, with the same read position as EventBridge's parser.

EventBridge reports the position *after the text that it has read*, so read-ahead matters: with a key, it has
also read the start of its value; of a string whose content it has not used, it has read only the opening
quote.
"""

from __future__ import annotations

import json
import re
from json import decoder as _json

from trailforward.patterns.invalid import InvalidPatternError, Location, location

_BLANKS = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[\w$]+")
_NAMES = {"{": "Object", "[": "Array"}
_CLOSERS = {"{": "}", "[": "]"}
_VALUES = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'"


class Reader:
    """A cursor over JSON text.

    Attributes:
        text: the JSON text.
        position: number of characters read.
        kind: the current token: ``{ } [ ]``, ``key``, ``string``, ``number``, ``true``, ``false``,
            ``null``; empty before the first token and at the end of blank text.
        key: the last key read.
        number: the text of the last number read.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.kind = ""
        self.key = ""
        self.number = ""
        self._pending_value = ""  # kind of the value whose start was read with its key
        self._open_string = False
        self._containers: list[tuple[str, int]] = []
        self._at_first_entry = False  # nothing has been read in the innermost container

    @property
    def token(self) -> str:
        """The current token as EventBridge's messages show it."""
        return self.number if self.kind == "number" else self.kind

    def next(self) -> str:
        """Moves to the next token and returns its kind.

        Raises:
            InvalidPatternError: the text is not valid JSON.
        """
        if self._pending_value:
            self.kind, self._pending_value = self._pending_value, ""
            return self.kind
        if self._open_string:
            self.string()
        if self._containers:
            self.kind = self._inside()
        else:
            self._skip_blanks()
            self.kind = self._value() if self.position < len(self.text) else ""
        return self.kind

    def string(self) -> str:
        """The content of the current string; reads up to its closing quote."""
        self._open_string = False
        try:
            content: str
            content, self.position = _json.scanstring(self.text, self.position, True)  # type: ignore[attr-defined]  # noqa: FBT003
        except json.JSONDecodeError as error:
            raise self._bad_string(error) from None
        return content

    def error(self, reason: str, *, hint: str = "") -> InvalidPatternError:
        """An error with this reason at the current location."""
        return InvalidPatternError(reason, self.location(), hint=hint)

    def location(self) -> Location:
        """The current location: after the text that has been read."""
        return location(self.text, self.position)

    def _inside(self) -> str:
        """The next token inside an object or an array."""
        opener, start = self._containers[-1]
        self._skip_blanks()
        char = self.text[self.position : self.position + 1]
        if char and char in "}]":
            return self._close(char)
        if not char:
            opened = location(self.text, start)
            name = _NAMES[opener]
            raise self.error(
                f"Unexpected end-of-input: expected close marker for {name} (start marker at {opened})"
            )
        if not self._at_first_entry:
            if char != ",":
                raise self._unexpected(f"was expecting comma to separate {_NAMES[opener]} entries")
            self.position += 1
            self._skip_blanks()
        self._at_first_entry = False
        return self._member() if opener == "{" else self._value()

    def _close(self, char: str) -> str:
        opener, start = self._containers[-1]
        self.position += 1
        if char != _CLOSERS[opener]:
            opened = location(self.text, start)
            raise InvalidPatternError(
                f"Unexpected close marker '{char}': expected '{_CLOSERS[opener]}' "
                f"(for {_NAMES[opener]} starting at {opened})",
                location(self.text, self.position - 1),
            )
        self._containers.pop()
        self._at_first_entry = False
        return char

    def _member(self) -> str:
        if self.text[self.position : self.position + 1] != '"':
            raise self._unexpected("was expecting double-quote to start field name")
        self.position += 1
        self.key = self.string()
        self._skip_blanks()
        if self.text[self.position : self.position + 1] != ":":
            raise self._unexpected("was expecting a colon to separate field name and value")
        self.position += 1
        self._skip_blanks()
        self._pending_value = self._value()
        return "key"

    def _value(self) -> str:
        char = self.text[self.position : self.position + 1]
        if char == '"':
            self.position += 1
            self._open_string = True
            return "string"
        if char and char in "{[":
            self._containers.append((char, self.position))
            self._at_first_entry = True
            self.position += 1
            return char
        if char and char in "-0123456789":
            return self._read_number()
        word = _WORD.match(self.text, self.position)
        if word is None:
            raise self._unexpected(f"expected a valid value ({_VALUES})")
        self.position = word.end()
        if word[0] not in {"true", "false", "null"}:
            raise self.error(f"Unrecognized token '{word[0]}': was expecting ({_VALUES})")
        return word[0]

    def _read_number(self) -> str:
        number = _NUMBER.match(self.text, self.position)
        if number is None:
            self.position += 1
            raise self._unexpected("expected digit (0-9) to follow minus sign, for valid numeric value")
        self.position = number.end()
        self.number = number[0]
        follower = self.text[self.position : self.position + 1]
        if follower and follower not in ",]} \t\r\n":
            if follower.isdigit() and self.number in {"0", "-0"}:
                raise self.error("Invalid numeric value: Leading zeroes not allowed")
            raise self._unexpected("expected the number to end")
        return "number"

    def _skip_blanks(self) -> None:
        match = _BLANKS.match(self.text, self.position)
        self.position = match.end() if match else self.position

    def _unexpected(self, expectation: str) -> InvalidPatternError:
        """The error for an unexpected character at the current position; reads past it."""
        char = self.text[self.position : self.position + 1]
        if not char:
            return self.error(f"Unexpected end-of-input: {expectation}")
        here = self.location()
        self.position += 1
        return InvalidPatternError(f"Unexpected character ('{char}' (code {ord(char)})): {expectation}", here)

    def _bad_string(self, error: json.JSONDecodeError) -> InvalidPatternError:
        """Translates an error of Python's JSON parser into the message of EventBridge's parser."""
        at = error.pos
        if error.msg.startswith("Unterminated"):
            self.position = len(self.text)
            return self.error("Unexpected end-of-input: was expecting closing quote for a string value")
        if error.msg.startswith("Invalid control"):
            self.position = at + 1
            code = ord(self.text[at])
            return self.error(
                f"Illegal unquoted character ((CTRL-CHAR, code {code})): "
                "has to be escaped using backslash to be included in string value"
            )
        at += error.msg == "Invalid \\escape"  # here Python points at the backslash; for \\u at the letter
        char = self.text[at]
        self.position = at + 1
        return self.error(f"Unrecognized character escape '{char}' (code {ord(char)})")
