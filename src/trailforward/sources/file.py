r"""Files and standard input: NDJSON, one JSON document, or a trail file; gzipped or not.

Lines end in ``\n`` or ``\r\n`` and nothing else: U+2028 and U+0085 may stand inside an event. Each line's
bytes are the event's bytes. Records of a trail file are cut out of its text, not written anew.
"""

from __future__ import annotations

import gzip
import io
import zlib
from itertools import count
from typing import TYPE_CHECKING, Any, BinaryIO

from trailforward import redelivery
from trailforward.errors import EventError
from trailforward.jsontext import BOM, decode, elements, members, to_bytes, to_text, value_start
from trailforward.message import Message, Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAME = "file"
_GZIP = b"\x1f\x8b"


def read(file: BinaryIO, name: str) -> Iterator[Message]:
    """The messages of a file, in order. What is no event becomes a message that says so.

    A byte order mark at the beginning belongs to the file, not to its first event.

    Args:
        file: opened for reader bytes; it need not be seekable.
        name: shown in origins, as ``NAME:LINE`` or ``NAME#INDEX``.

    Raises:
        EventError: ``bad_gzip``: the file is cut short or damaged. Messages before that were yielded.
    """
    lines = _Lines(file)
    number, first = next(
        ((n, line) for n, line in zip(count(1), lines, strict=False) if line.strip()), (0, b"")
    )
    first = first.removeprefix(BOM)
    try:
        value = decode(first)
    except EventError:
        # Not a line of NDJSON: perhaps one document over many lines, perhaps just a bad line.
        rest = list(lines)
        document = b"".join([first, *rest])
        if _object(document) is not None:
            yield from _cut(document, name)
        elif first.rstrip().endswith((b"{", b"[", b",", b":")) and not any(map(_object, rest)):
            yield Message(document.strip(), Origin(NAME, name))  # one document, and broken
        else:
            yield from _ndjson([first, *rest], name, number)
    else:
        if isinstance(value, list) or (isinstance(value, dict) and isinstance(value.get("Records"), list)):
            yield from _cut(first, name)
        else:
            yield from _ndjson([first], name, number)
        yield from _ndjson(lines, name, number + 1)
    if lines.damage:
        raise EventError("bad_gzip", f"{name}: damaged or truncated gzip: {lines.damage}")


class _Lines:
    """The lines of a file, or of what its gzip holds, up to where it is damaged.

    Args:
        file: opened for reader bytes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.damage = ""
        start = b""
        while len(start) < len(_GZIP) and (more := file.read(len(_GZIP) - len(start))):
            start += more
        whole: Any = io.BufferedReader(_Rejoined(start, file))
        self._file = gzip.GzipFile(fileobj=whole) if start == _GZIP else whole

    def __iter__(self) -> Iterator[bytes]:
        while not self.damage:
            try:
                line = self._file.readline()
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                self.damage = str(error)
                return
            if not line:
                return
            yield line


class _Rejoined(io.RawIOBase):
    """A file with the bytes put back that were read to see what it is; pipes cannot seek."""

    def __init__(self, start: bytes, file: BinaryIO) -> None:
        self._start = start
        self._read = getattr(file, "read1", file.read)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data, self._start = self._start or self._read(len(buffer)), b""
        buffer[: len(data)] = data
        return len(data)


def _object(data: bytes) -> dict[str, Any] | list[Any] | None:
    """The JSON object or array that the bytes are, or None."""
    try:
        value = decode(data)
    except EventError:
        return None
    return value if isinstance(value, (dict, list)) else None


def _ndjson(lines: Iterable[bytes], name: str, number: int) -> Iterator[Message]:
    """The messages of lines, the first of which has this number. Blank ones count, and say nothing."""
    for line_number, line in enumerate(lines, number):
        raw = line.removesuffix(b"\n").removesuffix(b"\r")
        if raw.strip():
            yield _message(raw, f"{name}:{line_number}")


def _message(raw: bytes, ref: str) -> Message:
    """The message of a line: an event, or a dead letter that ``file:`` kept."""
    origin = Origin(NAME, ref)
    if f'"{redelivery.SINKS}"'.encode() in raw:
        try:
            letter = redelivery.from_json_line(decode(raw))
        except EventError as error:
            return Message(raw, origin, error=error)
        if letter is not None:
            raw, attributes = letter
            note = redelivery.from_attributes(attributes)
            origin = Origin(NAME, ref, owed=note.owed, attempts=note.attempts, seen=note.first_seen)
    return Message(raw, origin)


def _cut(data: bytes, name: str) -> Iterator[Message]:
    """Each event of a document (a list, a trail file, or one event), as the bytes it has there."""
    text = to_text(data)
    start = value_start(text)
    if text[start] == "[":
        spans = elements(text)
    else:
        records = [first for key, first, _ in members(text) if key == "Records"]
        if not records or text[records[-1]] != "[":
            yield Message(data.strip(), Origin(NAME, name))
            return
        spans = elements(text, records[-1])
    for index, (first, last) in enumerate(spans):
        yield Message(to_bytes(text[first:last]), Origin(NAME, f"{name}#{index}"))
