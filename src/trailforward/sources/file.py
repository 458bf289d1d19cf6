r"""Reads files and standard input: NDJSON, one JSON document, or a CloudTrail log file, gzipped or not.

Only ``\n`` and ``\r\n`` end a line, because U+2028 and U+0085 may occur inside an event. Events keep their
exact bytes: those of the line, or those in the document.
"""

from __future__ import annotations

import gzip
import io
import zlib
from itertools import chain, count
from typing import TYPE_CHECKING, Any, BinaryIO

from trailforward import redelivery
from trailforward.errors import EventError
from trailforward.jsontext import BOM, decode, elements, members, to_bytes, to_text, value_start
from trailforward.message import Message, Origin
from trailforward.sources._limits import MAX_LINE_BYTES
from trailforward.sources._log_files import elements as elements_of
from trailforward.sources._log_files import records as records_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAME = "file"
_GZIP = b"\x1f\x8b"


def read(file: BinaryIO, name: str) -> Iterator[Message]:
    """Yields the messages of a file, in order. Text that is not an event becomes a message with an error.

    A byte order mark at the beginning of the file is skipped.

    Args:
        file: opened in binary mode; it need not be seekable.
        name: used in origins, as ``NAME:LINE`` or ``NAME#INDEX``.

    Raises:
        EventError: ``bad_gzip``: the file is truncated or damaged. ``too_large``: a line or a value is too
            long. ``not_json`` or ``no_records``: a document that is too long to be held as a whole is neither
            a list nor a log file. Messages before that have been yielded.
    """
    lines = _Lines(file)
    number, first = next(
        ((n, line) for n, line in zip(count(1), lines, strict=False) if line.strip()), (0, b"")
    )
    yield from _messages(first.removeprefix(BOM), lines, name, number)
    if lines.damage:
        raise EventError("bad_gzip", f"{name}: damaged or truncated gzip: {lines.damage}")


def _messages(first: bytes, lines: _Lines, name: str, number: int) -> Iterator[Message]:
    """The messages of a file whose first line that is not blank has this number."""
    if len(first) > MAX_LINE_BYTES:
        yield from _long_document(chain([first], lines), name)
        return
    try:
        value = decode(first)
    except EventError:
        # Not a line of NDJSON. It may be the start of a document of several lines, or just a bad line.
        starts_document = first.rstrip().endswith((b"{", b"[", b",", b":"))
        rest = list(_up_to(MAX_LINE_BYTES - len(first), lines))
        if len(first) + sum(map(len, rest)) > MAX_LINE_BYTES:
            whole = chain([first], rest, lines)
            yield from _long_document(whole, name) if starts_document else _ndjson(whole, name, number)
            return
        document = b"".join([first, *rest])
        if _object(document) is not None:
            yield from _document(document, name)
        elif starts_document and not any(map(_object, rest)):
            yield Message(document.strip(), Origin(NAME, name))  # one invalid document
        else:
            yield from _ndjson([first, *rest], name, number)
    else:
        if isinstance(value, list) or (isinstance(value, dict) and isinstance(value.get("Records"), list)):
            yield from _document(first, name)
        else:
            yield from _ndjson([first], name, number)
        yield from _ndjson(lines, name, number + 1)


def _up_to(size: int, lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines until they have more than this many bytes."""
    for line in lines:
        yield line
        size -= len(line)
        if size < 0:
            return


def _long_document(blocks: Iterable[bytes], name: str) -> Iterator[Message]:
    """Yields each event of a list or log file that is too long to be held as a whole."""
    rest = iter(blocks)
    first = next(rest)
    reader = elements_of if first.lstrip().startswith(b"[") else records_of
    try:
        for index, (_, raw) in enumerate(reader(chain([first], rest))):
            yield Message(raw, Origin(NAME, f"{name}#{index}"))
    except EventError as error:
        raise EventError(error.code, f"{name}: {error}") from None


class _Lines:
    """The lines of a file, decompressed if it is gzipped, up to the first damage. Long ones come in parts.

    Args:
        file: opened in binary mode.

    Attributes:
        damage: why decompression failed; empty if it did not.
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
                line = self._file.readline(MAX_LINE_BYTES + 1)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                self.damage = str(error)
                return
            if not line:
                return
            yield line


class _Rejoined(io.RawIOBase):
    """A file with its first bytes, which were read to detect gzip, put back. Pipes cannot seek."""

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
    """The bytes parsed as a JSON object or array; None if they are not one."""
    try:
        value = decode(data)
    except EventError:
        return None
    return value if isinstance(value, (dict, list)) else None


def _ndjson(lines: Iterable[bytes], name: str, number: int) -> Iterator[Message]:
    """One message per line that is not blank. ``number`` is the number of the first line."""
    for line_number, line in enumerate(lines, number):
        if len(line) > MAX_LINE_BYTES:
            text = f"{name}:{line_number}: a line of more than {MAX_LINE_BYTES:,} bytes"
            raise EventError("too_large", text)
        raw = line.removesuffix(b"\n").removesuffix(b"\r")
        if raw.strip():
            yield _message(raw, f"{name}:{line_number}")


def _message(raw: bytes, ref: str) -> Message:
    """The message of a line: an event, or a dead letter that a ``file:`` destination wrote."""
    origin = Origin(NAME, ref)
    if f'"{redelivery.SINKS}"'.encode() in raw:
        try:
            dead_letter = redelivery.from_json_line(decode(raw))
        except EventError as error:
            return Message(raw, origin, error=error)
        if dead_letter is not None:
            raw, attributes = dead_letter
            redelivered = redelivery.from_attributes(attributes)
            origin = Origin(
                NAME, ref, owed=redelivered.owed, attempts=redelivered.attempts, seen=redelivered.first_seen
            )
    return Message(raw, origin)


def _document(data: bytes, name: str) -> Iterator[Message]:
    """Yields each event of a document (a list, a log file, or one event), with its exact bytes."""
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
