"""A trail file, read in blocks: its records are cut out while it is read, each with the bytes it has there.

No more is held than a block and the record that it ends in.
"""

from __future__ import annotations

import re
import zlib
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from trailforward.errors import EventError, NothingToForwardError
from trailforward.jsontext import to_bytes, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

GZIP = b"\x1f\x8b"

#: Most characters of a record, and of anything beside the records. CloudTrail's own limit is 1 MB at most.
MOST = 16 * 1024 * 1024

_BLOCK = 256 * 1024
_UTF8_BYTES = 4
_BLANKS = re.compile(r"[ \t\n\r]*")
#: A member that every digest file has, and no trail file.
_DIGEST = "digestS3Object"


def inflate(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """What a gzip holds, in blocks; what is no gzip, as it is.

    Raises:
        EventError: ``bad_gzip``: damaged or cut short. What could be read of it was yielded.
    """
    rest = iter(blocks)
    start = b""
    while len(start) < len(GZIP) and (more := next(rest, b"")):
        start += more
    if not start.startswith(GZIP):
        yield from chain([start], rest)
        return
    unpacker = zlib.decompressobj(wbits=31)
    try:
        for block in chain([start], rest):
            left = block
            # Zeros may fill up the end; anything else is a further part.
            while left := left.lstrip(b"\0") if unpacker.eof else left:
                if unpacker.eof:
                    unpacker = zlib.decompressobj(wbits=31)
                yield from _unpacked(unpacker, left)
                left = unpacker.unused_data
    except zlib.error as error:
        raise EventError("bad_gzip", f"damaged gzip: {error}") from None
    if not unpacker.eof:
        raise EventError("bad_gzip", "the gzip is cut short")


def _unpacked(unpacker: Any, data: bytes) -> Iterator[bytes]:
    """What the unpacker makes of some more data, never much at once."""
    while True:
        found = unpacker.decompress(data, _BLOCK)
        if found:
            yield found
        data = unpacker.unconsumed_tail
        if not data and len(found) < _BLOCK:
            return


def records(blocks: Iterable[bytes]) -> Iterator[tuple[Any, bytes]]:
    """Each record of ``{"Records": […]}``, as a value and as its bytes.

    Args:
        blocks: of the uncompressed text, cut anywhere.

    Raises:
        EventError: ``not_json``, ``not_utf8``, ``too_deep``, ``too_large`` or ``no_records``, or what reader
            the blocks raised. All records before that were yielded.
        NothingToForwardError: ``digest_file``.
    """
    text = _Text(blocks)
    text.step(_token("{"))
    keys = set()
    cut = False
    more = text.step(_peek) != "}"
    if not more:
        text.step(_token("}"))
    while more:
        key = text.step(_key)
        keys.add(key)
        if key == "Records" and text.step(_peek) == "[":
            cut = True
            text.step(_token("["))
            inside = text.step(_peek) != "]"
            if not inside:
                text.step(_token("]"))
            while inside:
                found, span, inside = text.step(_in_array)
                yield found, to_bytes(span)
            more = text.step(_token(",}")) == ","
        else:
            more = text.step(_in_object)
    text.end()
    if _DIGEST in keys:
        raise NothingToForwardError("digest_file", "a digest file of CloudTrail, which holds no records")
    if not cut:
        raise EventError("no_records", "no trail file: it has no list 'Records'")


class _WrongError(EventError):
    """What no further text can make right."""


class _Text:
    """Text that comes in blocks; it is read on where a step needs more."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._text = ""
        self._at = 0
        self._undecoded = b""
        self._fault: EventError | None = None

    def step(self, read: Callable[[str, int], tuple[T, int]]) -> T:
        """One step from where the last one ended. A step fails where the text ends in the middle of it."""
        while True:
            try:
                found, self._at = read(self._text, self._at)
            except _WrongError:
                raise
            except EventError:
                if not self._more():
                    raise
            else:
                return found

    def end(self) -> None:
        """Makes sure that nothing but blanks comes after."""
        while True:
            self._at = _blanks(self._text, self._at)
            if self._at < len(self._text):
                raise EventError("not_json", "not JSON: there is more after the end")
            if not self._more():
                return

    def _more(self) -> bool:
        """Reads at least as much as there is of the step, so that long ones are not tried too often."""
        parts = [self._text[self._at :]]
        needed = max(1, len(parts[0]))
        if needed > MOST:
            raise EventError("too_large", f"a record of more than {MOST:,} characters, or no JSON at all")
        got = 0
        while got < needed and self._fault is None:
            part = self._next()
            if part is None:
                break
            parts.append(part)
            got += len(part)
        self._text, self._at = "".join(parts), 0
        if not got and self._fault is not None:
            raise self._fault
        return got > 0

    def _next(self) -> str | None:
        """The text of the next block; None where there is none. A fault shows after the text before it."""
        try:
            block = next(self._blocks, None)
        except EventError as error:
            self._fault = error
            return None
        data = self._undecoded + (block or b"")
        self._undecoded = b""
        try:
            return None if block is None and not data else data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            self._undecoded = data[error.start :]
            if block is None or len(self._undecoded) >= _UTF8_BYTES:
                self._fault = EventError("not_utf8", f"not UTF-8: {error.reason}")
            return data[: error.start].decode("utf-8", "surrogatepass")


def _blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return at if found is None else found.end()


def _peek(text: str, at: int) -> tuple[str, int]:
    """The next character that is no blank, which stays."""
    at = _blanks(text, at)
    if at == len(text):
        raise EventError("not_json", "not JSON: it ends too early")
    return text[at], at


def _token(tokens: str) -> Callable[[str, int], tuple[str, int]]:
    def read(text: str, at: int) -> tuple[str, int]:
        found, at = _peek(text, at)
        if found not in tokens:
            raise _WrongError("not_json", f"not JSON: something else where {' or '.join(tokens)} should be")
        return found, at + 1

    return read


def _key(text: str, at: int) -> tuple[str, int]:
    found, at = _peek(text, at)
    if found != '"':
        raise _WrongError("not_json", "not JSON: something else where a key should be")
    key, at = value(text, at)
    return str(key), _token(":")(text, at)[1]


def _in_array(text: str, at: int) -> tuple[tuple[Any, str, bool], int]:
    """An element: its value, its text, and whether another one follows."""
    found, start, end, mark, at = _valued(text, at, ",]")
    return (found, text[start:end], mark == ","), at


def _in_object(text: str, at: int) -> tuple[bool, int]:
    """A member's value: whether another member follows."""
    *_, mark, at = _valued(text, at, ",}")
    return mark == ",", at


def _valued(text: str, at: int, tokens: str) -> tuple[Any, int, int, str, int]:
    """A value and what ends it: only then it is whole, since 1 may be the beginning of 10."""
    _, start = _peek(text, at)
    found, end = value(text, start)
    mark, at = _peek(text, end)
    if mark not in tokens:
        raise EventError("not_json", f"not JSON: something else where {' or '.join(tokens)} should be")
    return found, start, end, mark, at + 1
