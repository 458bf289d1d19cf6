"""Reads the files of both sides: a typed parser, and the tolerant scanner where that one fails.

The typed parser takes the last of two equal keys, decodes escaped keys, and reads no value that it does not
need; so does the scanner.
"""

from __future__ import annotations

import zlib
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.errors import EventError, MissingExtraError, NothingToForwardError
from trailforward.sources import log_file

try:
    import msgspec
except ImportError:  # pragma: no cover  # the tests have it
    raise MissingExtraError("trailforward audit", "audit") from None

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Larger texts are read by the scanner, which holds one record at a time. CloudTrail writes at most 50 MB.
MAX_TEXT = 128 * 1024 * 1024
_BLOCK = 256 * 1024
_GZIP = b"\x1f\x8b"
_UUID = 36
_KEY_BYTES = 8


class Found(NamedTuple):
    """What a file says about one event.

    Attributes:
        key: the first 64 bits of its ID.
        check: a hash of the record's bytes, 64 bits; 0 if not wanted.
        time: ``eventTime``.
        source: ``eventSource``.
        name: ``eventName``.
    """

    key: int
    check: int
    time: str
    source: str
    name: str


class _Record(msgspec.Struct):
    eventID: str | None = None  # noqa: N815  # CloudTrail's names
    eventId: str | None = None  # noqa: N815  # aggregated events
    eventTime: str = ""  # noqa: N815
    eventSource: str = ""  # noqa: N815
    eventName: str = ""  # noqa: N815


class _Plain(msgspec.Struct):
    Records: list[_Record]


class _Exact(msgspec.Struct):
    Records: list[msgspec.Raw]


_NOTHING = msgspec.Raw(b"")


class _Line(msgspec.Struct):
    detail: msgspec.Raw = _NOTHING
    eventID: str | None = None  # noqa: N815
    eventId: str | None = None  # noqa: N815
    Records: list[msgspec.Raw] | None = None


_plain = msgspec.json.Decoder(_Plain)
_exact = msgspec.json.Decoder(_Exact)
_record = msgspec.json.Decoder(_Record)
_line = msgspec.json.Decoder(_Line)


def key_of(text: str) -> int:
    """64 bits for an event ID: the first ones of a UUID, otherwise a hash of the text."""
    if len(text) == _UUID and text[8] == text[13] == text[18] == "-":
        try:
            return int(text[:8] + text[9:13] + text[14:18], 16)
        except ValueError:
            pass
    return check_of(text.encode("utf-8", "surrogatepass"))


def check_of(data: bytes | memoryview) -> int:
    """The first 64 bits of the SHA-256, which receipts may contain."""
    return int.from_bytes(sha256(data).digest()[:_KEY_BYTES], "big")


def read_log(data: bytes, *, exact: bool) -> list[Found]:
    """What a log file says about each of its records, in order.

    Args:
        data: of the file, with or without gzip.
        exact: whether to hash the bytes of the records.

    Raises:
        EventError: the file is damaged.
    """
    text = _text(data)
    if text is not None and text.count(b'"Records"') == 1:
        try:
            if exact:
                return [_found(_record.decode(raw), raw, exact=True) for raw in _exact.decode(text).Records]
            return [_found(one, b"", exact=False) for one in _plain.decode(text).Records]
        except (msgspec.DecodeError, RecursionError):
            pass  # the scanner reads what this parser refuses
    return [_tolerant(value, raw, exact=exact) for value, raw in records_of(data)]


def records_of(data: bytes) -> Iterator[tuple[Any, bytes]]:
    """Each record of a log file, parsed and as its bytes, by the tolerant scanner.

    Raises:
        EventError: the file is damaged.
    """
    try:
        yield from log_file.records(_blocks(data))
    except NothingToForwardError:
        return


def read_delivered(data: bytes, *, exact: bool) -> list[Found]:
    """What a delivered file says about each of its events: NDJSON, values in a row, lists, or a log file.

    Raises:
        EventError: the file is damaged, or contains something other than events.
    """
    text = _text(data)
    if text is not None:
        try:
            return _typed(text, exact=exact)
        except (msgspec.DecodeError, RecursionError, EventError):
            pass
    return [_tolerant(value, raw, exact=exact) for value, raw in events_of(data)]


def events_of(data: bytes) -> Iterator[tuple[Any, bytes]]:
    """The record of each event in a delivered file, parsed and as its bytes, by the tolerant scanner.

    Raises:
        EventError: the file is damaged, or contains something other than events.
    """
    for value, raw, _ in log_file.documents(_blocks(data)):
        if not isinstance(value, dict):
            raise EventError("not_an_event", "it contains JSON that is not an event")
        if isinstance(value.get("Records"), list):
            yield from log_file.records([raw])
        elif isinstance(value.get("detail"), dict):
            yield value["detail"], _detail(raw)
        elif "eventID" in value or "eventId" in value:
            yield value, raw
        else:
            raise EventError("not_an_event", "it contains JSON objects that are not CloudTrail events")


def _detail(raw: bytes) -> bytes:
    """The bytes of an envelope's record; empty if only the tolerant parser can read it."""
    try:
        return bytes(_line.decode(raw).detail)
    except (msgspec.DecodeError, RecursionError):
        return b""


def _typed(text: bytes, *, exact: bool) -> list[Found]:
    # In valid JSON, an object's end and a quote before a letter never follow each other inside a text.
    text = text.replace(b'}{"version"', b'}\n{"version"').replace(b'}{"eventVersion"', b'}\n{"eventVersion"')
    found = []
    for line in text.split(b"\n"):
        if not line or line.isspace():
            continue
        one = _line.decode(line)
        if one.detail is not _NOTHING:
            found.append(_found(_record.decode(one.detail), one.detail, exact=exact))
        elif one.eventID is not None or one.eventId is not None:
            found.append(_found(_record.decode(line), line.strip(), exact=exact))
        elif one.Records is not None:
            found += [_found(_record.decode(raw), raw, exact=exact) for raw in one.Records]
        else:
            raise EventError("not_an_event", "an object without an event")
    return found


def _found(one: _Record, raw: Any, *, exact: bool) -> Found:
    name = one.eventID if one.eventID is not None else one.eventId
    if name is None:
        raise msgspec.DecodeError("a record without an ID")
    return Found(key_of(name), check_of(raw) if exact else 0, one.eventTime, one.eventSource, one.eventName)


def _tolerant(value: Any, raw: bytes, *, exact: bool) -> Found:
    record = value if isinstance(value, dict) else {}
    name = record.get("eventID", record.get("eventId"))
    texts = [text if isinstance(text := record.get(key), str) else "" for key in _NAMES]
    # Records without an ID are told apart by their bytes.
    key = key_of(name) if isinstance(name, str) else check_of(raw)
    return Found(key, check_of(raw) if exact and raw else 0, *texts)


_NAMES = ("eventTime", "eventSource", "eventName")


def _text(data: bytes) -> bytes | None:
    """The text of a file; None if it is too large, or damaged."""
    if not data.startswith(_GZIP):
        return data if len(data) <= MAX_TEXT else None
    parts: list[bytes] = []
    size = 0
    while data.startswith(_GZIP):
        decompressor = zlib.decompressobj(wbits=31)
        try:
            part = decompressor.decompress(data, MAX_TEXT - size)
        except zlib.error:
            return None
        size += len(part)
        if not decompressor.eof or size >= MAX_TEXT:
            return None
        parts.append(part)
        data = decompressor.unused_data
    return None if data.strip(b"\0") else b"".join(parts) if len(parts) > 1 else parts[0]


def _blocks(data: bytes) -> Iterator[bytes]:
    yield from log_file.inflate(data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK))
