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
from trailforward.jsontext import BOM, decode, to_text, value, value_start, wide_encoding
from trailforward.message import Message, Origin, is_record
from trailforward.sources._envelope import with_envelope
from trailforward.sources._gzip import GZIP
from trailforward.sources._limits import MAX_LINE_BYTES, refuse_floods
from trailforward.sources._log_files import documents
from trailforward.sources._unwrap import examine, examined, is_json, messages_in
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAME = "file"


def read(file: BinaryIO, name: str, reader: ObjectReader | None = None) -> Iterator[Message]:
    """Yields the messages of a file, in order. Text that is not an event becomes a message with an error.

    A byte order mark at the beginning of the file is skipped.

    Args:
        file: opened in binary mode; it need not be seekable.
        name: used in origins, as ``NAME:LINE`` or ``NAME#INDEX``.
        reader: reads the objects that notifications in the file name.

    Raises:
        EventError: ``bad_gzip``: the file is truncated or damaged. ``double_gzip``: it was compressed twice.
            ``not_utf8``: it is UTF-16. ``too_large``: a line or a value is too long. ``not_json`` or
            ``no_records``: a document that is too long to be held as a whole is neither a list nor a log
            file. ``too_many_bad_items``: it has more than 100 items that are not events, and fewer events.
            Messages before that have been yielded.
    """
    lines = _Lines(file)
    number, first = next(
        ((n, line) for n, line in zip(count(1), lines, strict=False) if line.strip()), (0, b"")
    )
    try:
        _check_encoding(first)
        messages = _messages(first.removeprefix(BOM), lines, name, number, reader or ObjectReader())
        yield from refuse_floods(messages, lenient=True)
    except EventError as error:
        rest = ". The rest of the file was not read" if error.code == "too_many_bad_items" else ""
        raise EventError(error.code, f"{name}: {error}{rest}") from None
    if lines.damage:
        raise EventError("bad_gzip", f"{name}: damaged or truncated gzip: {lines.damage}")


def _check_encoding(first: bytes) -> None:
    if first.startswith(GZIP):
        raise EventError("double_gzip", "gzip inside gzip. Fix: compress only once")
    if (error := wide_encoding(first[:4])) is not None:
        raise error


def _messages(first: bytes, lines: _Lines, name: str, number: int, reader: ObjectReader) -> Iterator[Message]:
    """The messages of a file whose first line that is not blank has this number."""
    if len(first) > MAX_LINE_BYTES:
        yield from _long_document(chain([first], lines), name, reader)
    elif (found := _first_value(first)) is not None:
        if _is_document(found):
            yield from examine(first.strip(), Origin(NAME, name), reader)
            yield from _ndjson(lines, name, number + 1, reader)
        else:
            yield from _ndjson(chain([first], lines), name, number, reader)
    else:
        # Not a line of NDJSON. It may be the start of a document of several lines, or just a bad line.
        starts_document = first.rstrip().endswith((b"{", b"[", b",", b":"))
        rest = list(_up_to(MAX_LINE_BYTES - len(first), lines))
        whole = chain([first], rest, lines)
        document = b"".join([first, *rest])
        if len(document) > MAX_LINE_BYTES:
            if starts_document:
                yield from _long_document(whole, name, reader)
            else:
                yield from _ndjson(whole, name, number, reader)
        elif _first_value(document) is not None:
            yield from examine(document.strip(), Origin(NAME, name), reader)
        elif starts_document and not any(is_json(line.decode(errors="replace")) for line in rest):
            yield from examine(document.strip(), Origin(NAME, name), reader)  # one invalid document
        else:
            yield from _ndjson(whole, name, number, reader)


def _up_to(size: int, lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines until they have more than this many bytes."""
    for line in lines:
        yield line
        size -= len(line)
        if size < 0:
            return


def _long_document(blocks: Iterable[bytes], name: str, reader: ObjectReader) -> Iterator[Message]:
    """Yields each event of a list, a log file, or further documents, without holding them as a whole."""
    for index, (found, raw, in_log_file) in enumerate(documents(blocks)):
        origin = Origin(NAME, name if _is_document(found) else f"{name}#{index}")
        if in_log_file and is_record(found):
            yield with_envelope(found, raw, origin)
        else:
            yield from examine(raw, origin, reader)


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
        while len(start) < len(GZIP) and (more := file.read(len(GZIP) - len(start))):
            start += more
        whole: Any = io.BufferedReader(_Rejoined(start, file))
        self._file = gzip.GzipFile(fileobj=whole) if start == GZIP else whole

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


def _first_value(data: bytes) -> Any:
    """The JSON value with which data begins; None if it does not begin with one, or with null."""
    try:
        text = to_text(data)
        return value(text, value_start(text))[0]
    except EventError:
        return None


def _is_document(found: Any) -> bool:
    """Whether a line holds many events, so that its events are numbered instead of the line."""
    return isinstance(found, list) or (isinstance(found, dict) and isinstance(found.get("Records"), list))


def _ndjson(lines: Iterable[bytes], name: str, number: int, reader: ObjectReader) -> Iterator[Message]:
    """The messages of each line that is not blank. ``number`` is the number of the first line."""
    for line_number, line in enumerate(lines, number):
        if len(line) > MAX_LINE_BYTES:
            text = f"line {line_number} has more than {MAX_LINE_BYTES:,} bytes"
            raise EventError("too_large", text)
        raw = line.removesuffix(b"\n").removesuffix(b"\r")
        if raw.strip():
            yield from _line(raw, f"{name}:{line_number}", reader)


def _line(raw: bytes, ref: str, reader: ObjectReader) -> Iterator[Message]:
    """The messages of a line. A dead letter from a ``file:`` destination is for the sinks still owed."""
    origin = Origin(NAME, ref)
    if f'"{redelivery.SINKS}"'.encode() in raw:
        try:
            dead_letter = redelivery.from_json_line(decode(raw))
        except EventError as error:
            yield Message(raw, origin, error=error)
            return
        if dead_letter is not None:
            raw, attributes = dead_letter
            info = redelivery.from_attributes(attributes)
            origin = origin._replace(
                owed=info.owed, attempts=info.attempts, seen=info.first_seen, skip=info.skip
            )
    for message in examined(messages_in(raw, origin, reader), reader):
        message.release()  # to parse it again takes less time than to keep the views of a batch
        yield message
