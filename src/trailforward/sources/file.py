r"""Files and standard input: NDJSON, one JSON document, or a trail file; gzipped or not.

Lines end in ``\n`` and nothing else: U+2028 and U+0085 may stand inside an event. Each line's bytes are the
event's bytes. Records of a trail file are cut out of its text, not written anew.
"""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO

from trailforward import handback
from trailforward.errors import EventError
from trailforward.jsontext import decode, elements, members, to_bytes, to_text, value_start
from trailforward.message import Message, Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "file"
_GZIP = b"\x1f\x8b"


def read(file: BinaryIO, name: str) -> Iterator[Message]:
    """The messages of a file, in order. What is no event becomes a message that says so.

    Args:
        file: opened for reading bytes; it need not be seekable.
        name: shown in origins, as ``NAME:LINE`` or ``NAME#INDEX``.

    Raises:
        EventError: ``bad_gzip``: the file is cut short or damaged. Messages before that were yielded.
    """
    try:
        yield from _read(_plain(file), name)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise EventError("bad_gzip", f"{name}: damaged or truncated gzip: {error}") from None


def _plain(file: BinaryIO) -> Any:
    """The file itself, or what its gzip holds."""
    start = file.read(2)
    rejoined: Any = _Rejoined(start, file)
    return gzip.GzipFile(fileobj=rejoined) if start == _GZIP else rejoined


class _Rejoined:
    """A file with the bytes put back that were read to see what it is; pipes cannot seek."""

    def __init__(self, start: bytes, file: BinaryIO) -> None:
        self._start = start
        self._file = file

    def read(self, size: int = -1) -> bytes:
        start, self._start = self._start, b""
        if 0 <= size < len(start):
            start, self._start = start[:size], start[size:]
            return start
        return start + self._file.read(size - len(start) if size >= 0 else -1)

    def readline(self) -> bytes:
        start, self._start = self._start, b""
        if b"\n" in start:
            line, _, self._start = start.partition(b"\n")
            return line + b"\n"
        return start + self._file.readline()


def _read(file: Any, name: str) -> Iterator[Message]:
    number, line = 0, b""
    while not line.strip():
        number, line = number + 1, file.readline()
        if not line:
            return
    try:
        first = decode(line)
    except EventError:
        # Not a line of NDJSON: perhaps one document over many lines, perhaps just a bad line.
        rest = file.read()
        document = _document(line + rest, name)
        if document is not None:
            yield from document
            return
        lines: Iterator[bytes] = (part + b"\n" for part in (line + rest).split(b"\n"))
    else:
        if isinstance(first, list) or (isinstance(first, dict) and isinstance(first.get("Records"), list)):
            yield from _cut(line, name)
        else:
            yield from _line(line, f"{name}:{number}")
        number += 1
        lines = iter(file.readline, b"")
    for offset, line in enumerate(lines):
        yield from _line(line, f"{name}:{number + offset}")


def _line(line: bytes, ref: str) -> Iterator[Message]:
    raw = line.removesuffix(b"\n")
    if not raw.strip():
        return
    origin = Origin(NAME, ref)
    if f'"{handback.SINKS}"'.encode() in raw:
        try:
            letter = handback.unline(decode(raw))
        except EventError:
            letter = None
        if letter is not None:
            raw, attributes = letter
            note = handback.read(attributes)
            origin = Origin(NAME, ref, owed=note.owed, attempts=note.attempts, first_seen=note.first_seen)
    yield Message(raw, origin)


def _document(data: bytes, name: str) -> Iterator[Message] | None:
    """The messages of one JSON document; None if the bytes are none."""
    try:
        decode(data)
    except EventError:
        return None
    return _cut(data, name)


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
