"""Unpacks records that the Kinesis Producer Library aggregated.

Lambda does not unpack them. A record is four bytes, a Protocol Buffers message, and the MD5 of that message.
Source: https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from trailforward.errors import EventError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How an aggregated record begins.
MAGIC = b"\xf3\x89\x9a\xc2"

_DIGEST_BYTES = 16
#: Numbers of fields: ``records`` of the aggregated record, and ``data`` of a record in it.
_RECORDS, _DATA = 3, 3
_VARINT_BYTES = 10


def unpack(data: bytes) -> Iterator[bytes]:
    """Yields the data of each record in an aggregated record.

    Raises:
        EventError: ``kpl_aggregated``: the aggregated record is damaged.
    """
    packed, digest = data[len(MAGIC) : -_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if hashlib.md5(packed, usedforsecurity=False).digest() != digest:
        raise _damaged()
    for record in _fields(memoryview(packed), _RECORDS):
        for found in _fields(record, _DATA):
            yield bytes(found)


def _fields(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """Yields each value of one field of bytes in a Protocol Buffers message, and skips all other fields."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        match key & 7:
            case 2:  # bytes, text, or a message, after its length
                size, at = _varint(message, at)
            case 1:
                size = 8
            case 5:
                size = 4
            case 0:
                size, at = 0, _varint(message, at)[1]
            case _:
                raise _damaged()
        if at + size > len(message):
            raise _damaged()
        if key == wanted << 3 | 2:
            yield message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number at a position, and the position after it."""
    number = 0
    for shift, byte in enumerate(message[at : at + _VARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:  # noqa: PLR2004  # the highest bit says that more bytes follow
            return number, at + shift + 1
    raise _damaged()


def _damaged() -> EventError:
    return EventError("kpl_aggregated", "a damaged record of the Kinesis Producer Library")
