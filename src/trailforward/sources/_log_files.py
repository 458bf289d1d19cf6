"""Reads a CloudTrail log file block by block, and yields each record with its exact bytes.

Memory holds no more than one block and the record that the block ends in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from trailforward.errors import EventError, NothingToForwardError
from trailforward.jsontext import BOM, to_bytes, value, wide_encoding
from trailforward.sources._limits import MAX_CHARACTERS, MAX_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

T = TypeVar("T")

_UTF8_BYTES = 4
_BLANKS = re.compile(r"[ \t\n\r]*")
#: A key that every digest file has and no log file has.
_DIGEST_KEY = "digestS3Object"
_MISSING = object()


def records(blocks: Iterable[bytes]) -> Iterator[tuple[Any, bytes]]:
    """Yields each record of ``{"Records": […]}``, as a parsed value and as its bytes.

    Args:
        blocks: of the uncompressed text, cut anywhere.

    Raises:
        EventError: ``not_json``, ``not_utf8``, ``too_deep``, ``too_large``, ``too_many_keys``,
            ``no_records``, or whatever reading the blocks raised. All records before that have been yielded.
        NothingToForwardError: ``digest_file``: the file is a digest file.
    """
    others: dict[str, Any] = {_DIGEST_KEY: _MISSING}
    found = yield from items(blocks, "Records", others)
    if others[_DIGEST_KEY] is not _MISSING:
        raise NothingToForwardError("digest_file", "a CloudTrail digest file, which contains no records")
    if not found:
        raise EventError("no_records", "not a CloudTrail log file: it has no list 'Records'")


def items(
    blocks: Iterable[bytes], name: str, others: dict[str, Any]
) -> Generator[tuple[Any, bytes], None, bool]:
    """Yields each element of one list in a JSON object, as a parsed value and as its bytes.

    Args:
        blocks: of the uncompressed text, cut anywhere.
        name: the top-level key of the list.
        others: gets the values of these other top-level keys. Values of further keys are skipped.

    Returns:
        Whether the object has such a list.

    Raises:
        EventError: as for :func:`records`.
    """
    text = _Text(blocks)
    found = yield from _lists(text, {name}, others)
    text.end()
    return name in found


def documents(blocks: Iterable[bytes]) -> Iterator[tuple[Any, bytes, bool]]:
    """Yields JSON values that follow each other: parsed, as their bytes, and whether they were in an object.

    Of a list, and of an object that is too large to be held as a whole, it yields the elements: of the
    object's ``Records`` and ``Events``.

    Args:
        blocks: of the uncompressed text, cut anywhere.

    Raises:
        EventError: as for :func:`records`.
    """
    text = _Text(blocks)
    while text.more():
        if text.step(_peek) == "[":
            for found, span in _elements(text):
                yield found, span, False
            continue
        try:
            found, whole = text.step(_object)
        except EventError as error:
            if error.code != "too_large":
                raise
            lists = _lists(text, {"Records", "Events"}, {})
            while True:
                try:
                    yield *next(lists), True
                except StopIteration as end:
                    if not end.value:
                        raise EventError("no_records", "neither a list nor a log file") from None
                    break
        else:
            yield found, to_bytes(whole), False


def _lists(
    text: _Text, names: set[str], others: dict[str, Any]
) -> Generator[tuple[Any, bytes], None, set[str]]:
    """Yields each element of some lists in a JSON object; returns the names of the lists that exist."""
    text.step(_token("{"))
    keys = 0
    lists: set[str] = set()
    more = text.step(_peek) != "}"
    if not more:
        text.step(_token("}"))
    while more:
        key = text.step(_key)
        keys += 1
        if keys > MAX_KEYS:
            raise EventError("too_many_keys", f"more than {MAX_KEYS:,} top-level keys")
        if key in names and text.step(_peek) == "[":
            lists.add(key)
            yield from _elements(text)
            more = text.step(_token(",}")) == ","
        else:
            skipped, more = text.step(_in_object)
            if key in others:
                others[key] = skipped
    return lists


def _elements(text: _Text) -> Iterator[tuple[Any, bytes]]:
    text.step(_token("["))
    inside = text.step(_peek) != "]"
    if not inside:
        text.step(_token("]"))
    while inside:
        found, span, inside = text.step(_in_array)
        yield found, to_bytes(span)


class _SyntaxError(EventError):
    """A JSON error that more text cannot resolve."""


class _Text:
    """Text that arrives in blocks. Another block is read whenever a parsing step needs more text."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = _without_mark(iter(blocks))
        self._text = ""
        self._at = 0
        self._undecoded = b""
        self._error: EventError | None = None

    def step(self, read: Callable[[str, int], tuple[T, int]]) -> T:
        """Runs a parsing step where the last one ended. If the text ends too soon, reads more and retries."""
        while True:
            try:
                found, self._at = read(self._text, self._at)
            except _SyntaxError:
                raise
            except EventError:
                if not self._more():
                    raise
            else:
                return found

    def more(self) -> bool:
        """Whether anything but whitespace follows."""
        while True:
            self._at = _blanks(self._text, self._at)
            if self._at < len(self._text):
                return True
            if not self._more():
                return False

    def end(self) -> None:
        """Checks that only whitespace follows."""
        if self.more():
            raise EventError("not_json", "not JSON: extra text after the end")

    def _more(self) -> bool:
        """Reads more text; False at the end.

        It at least doubles the unparsed text, so that a step over a long value is not repeated too often.
        """
        parts = [self._text[self._at :]]
        needed = max(1, len(parts[0]))
        if needed > MAX_CHARACTERS:
            raise EventError("too_large", f"a record of more than {MAX_CHARACTERS:,} characters, or not JSON")
        got = 0
        while got < needed and self._error is None:
            part = self._next()
            if part is None:
                break
            parts.append(part)
            got += len(part)
        self._text, self._at = "".join(parts), 0
        if not got and self._error is not None:
            raise self._error
        return got > 0

    def _next(self) -> str | None:
        """The text of the next block; None at the end. An error is raised later, after the text before it."""
        try:
            block = next(self._blocks, None)
        except EventError as error:
            self._error = error
            return None
        data = self._undecoded + (block or b"")
        self._undecoded = b""
        try:
            return None if block is None and not data else data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            self._undecoded = data[error.start :]
            if block is None or len(self._undecoded) >= _UTF8_BYTES:
                self._error = EventError("not_utf8", f"not UTF-8: {error.reason}")
            return data[: error.start].decode("utf-8", "surrogatepass")


def _without_mark(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Passes blocks on, without a byte order mark.

    Raises:
        EventError: ``not_utf8``: the text is UTF-16 or UTF-32.
    """
    start = b""
    while len(start) < _UTF8_BYTES and (more := next(blocks, b"")):
        start += more
    if (error := wide_encoding(start[:_UTF8_BYTES])) is not None:
        raise error
    yield start.removeprefix(BOM)
    yield from blocks


def _blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return at if found is None else found.end()


def _peek(text: str, at: int) -> tuple[str, int]:
    """Returns the next character that is not whitespace, without consuming it."""
    at = _blanks(text, at)
    if at == len(text):
        raise EventError("not_json", "not JSON: the text ends too early")
    return text[at], at


def _token(tokens: str) -> Callable[[str, int], tuple[str, int]]:
    def read(text: str, at: int) -> tuple[str, int]:
        found, at = _peek(text, at)
        if found not in tokens:
            raise _SyntaxError("not_json", f"not JSON: expected {' or '.join(tokens)}")
        return found, at + 1

    return read


def _key(text: str, at: int) -> tuple[str, int]:
    found, at = _peek(text, at)
    if found != '"':
        raise _SyntaxError("not_json", "not JSON: expected a key")
    key, at = value(text, at)
    return str(key), _token(":")(text, at)[1]


def _object(text: str, at: int) -> tuple[tuple[Any, str], int]:
    """Parses an object: its value and its text."""
    mark, start = _peek(text, at)
    if mark != "{":
        raise _SyntaxError("not_json", "not JSON: expected a list or an object")
    found, end = value(text, start)
    return (found, text[start:end]), end


def _in_array(text: str, at: int) -> tuple[tuple[Any, str, bool], int]:
    """Parses an array element: its value, its text, and whether another element follows."""
    found, start, end, mark, at = _valued(text, at, ",]")
    return (found, text[start:end], mark == ","), at


def _in_object(text: str, at: int) -> tuple[tuple[Any, bool], int]:
    """Parses a member's value; returns it, and whether another member follows."""
    found, _, _, mark, at = _valued(text, at, ",}")
    return (found, mark == ","), at


def _valued(text: str, at: int, tokens: str) -> tuple[Any, int, int, str, int]:
    """Parses a value and the delimiter after it. Without the delimiter, 1 might be the start of 10."""
    _, start = _peek(text, at)
    found, end = value(text, start)
    mark, at = _peek(text, end)
    if mark not in tokens:
        raise EventError("not_json", f"not JSON: expected {' or '.join(tokens)}")
    return found, start, end, mark, at + 1
