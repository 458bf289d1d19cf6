"""OTLP logs in binary protobuf, for receivers that do not read JSON, such as Dynatrace.

Written by hand, because a few fields do not need a package of half a megabyte. Sources:
https://protobuf.dev/programming-guides/encoding/ and the field numbers in
https://github.com/open-telemetry/opentelemetry-proto/tree/main/opentelemetry/proto.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from trailforward.sinks.http.framing import Framing
from trailforward.sinks.http.presets.otlp import common, fields, is_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trailforward.sinks.base import Entry

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_SEVEN_BITS, _MORE = 0x7F, 0x80
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}


class ProtobufRecords(Framing):
    """One ``LogRecord`` per event, with the same content as in JSON."""

    content_type = "application/x-protobuf"

    def __init__(self, metadata: Mapping[str, str]) -> None:
        resource, scope = common(metadata)
        self._resource = _message(1, b"".join(_message(1, _pair(*each)) for each in resource.items()))
        self._scope = _message(1, _text(1, scope["name"]) + _text(2, scope["version"]))
        # Twice a tag and a length of at most four bytes.
        self.overhead = len(self._resource) + len(self._scope) + 10

    def frame(self, entry: Entry) -> bytes:
        """One log record with its tag and length."""
        record, attributes = fields(entry)
        value = _message(1 if is_text(entry.data) else 7, entry.data)
        parts = [
            b"\x09" + struct.pack("<Q", int(record.get("timeUnixNano", 0))),
            _number(2, record["severityNumber"]),
            _text(3, record["severityText"]),
            _message(5, value),
            *(_message(6, _pair(*each)) for each in attributes.items()),
            b"\x59" + struct.pack("<Q", int(record["observedTimeUnixNano"])),
        ]
        return _message(2, b"".join(parts))

    def body(self, batch: Sequence[Entry]) -> bytes:
        """The request: ``ExportLogsServiceRequest``."""
        scope_logs = _message(2, self._scope + b"".join(map(self.frame, batch)))
        return _message(1, self._resource + scope_logs)


def rejected(body: bytes) -> int:
    """The number of rejected log records in a response.

    Raises:
        ValueError: the body is not an ``ExportLogsServiceResponse``.
    """
    partial = next((value for number, value in _read(body) if number == 1), b"")
    if not isinstance(partial, bytes):
        raise ValueError("partial_success is not a message")  # noqa: TRY004  # a malformed response
    count = next((value for number, value in _read(partial) if number == 1), 0)
    return count if isinstance(count, int) else 1


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > _SEVEN_BITS:
        parts.append(value & _SEVEN_BITS | _MORE)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | _LENGTH) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode("utf-8", "replace"))


def _pair(key: str, value: str) -> bytes:
    return _text(1, key) + _message(2, _text(1, value))


def _read(data: bytes) -> list[tuple[int, Any]]:
    """Field numbers with their values: int for varints, bytes for everything else."""
    found: list[tuple[int, Any]] = []
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        field, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            number, at = _read_varint(data, at)
            found.append((field, number))
            continue
        if kind == _LENGTH:
            width, at = _read_varint(data, at)
        elif kind in _WIDTHS:
            width = _WIDTHS[kind]
        else:
            raise ValueError("unknown wire type")
        if not field or at + width > len(data):
            raise ValueError("a truncated field")
        found.append((field, data[at : at + width]))
        at += width
    return found


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for position, byte in enumerate(data[at : at + 10]):
        value |= (byte & _SEVEN_BITS) << 7 * position
        if byte < _MORE:
            return value, at + position + 1
    raise ValueError("a truncated number")
