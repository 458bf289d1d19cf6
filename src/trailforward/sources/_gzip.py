"""Decompresses gzip data block by block, within limits."""

from __future__ import annotations

import zlib
from itertools import chain
from typing import TYPE_CHECKING, Any

from trailforward.errors import EventError
from trailforward.sources._limits import EXPANSION_FREE_BYTES, MAX_EXPANSION, MAX_GZIP_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GZIP = b"\x1f\x8b"

_BLOCK = 256 * 1024
#: What follows a gzip member is copied, so a block of many small members is read in small parts.
_PART = 32 * 1024


def inflate(blocks: Iterable[bytes], library: Any = zlib) -> Iterator[bytes]:
    """Decompresses gzip data, block by block. Data that is not gzip is yielded unchanged.

    Args:
        blocks: of the data.
        library: ``zlib``, or a module with the same functions.

    Raises:
        EventError: ``bad_gzip``: the data is damaged, truncated, or of too many members. ``bad_ratio``: it
            expands too much. ``double_gzip``: it was compressed twice. Whatever could be decompressed before
            has been yielded.
    """
    rest = iter(blocks)
    start = b""
    while len(start) < len(GZIP) and (more := next(rest, b"")):
        start += more
    if not start.startswith(GZIP):
        yield from chain([start], rest)
        return
    plain = _inflated(chain([start], rest), library)
    for block in plain:
        if block.startswith(GZIP):
            raise EventError("double_gzip", "gzip inside gzip. Fix: compress only once")
        yield block
        break
    yield from plain


def _inflated(blocks: Iterable[bytes], library: Any) -> Iterator[bytes]:
    decompressor = library.decompressobj(wbits=31)
    members, read, made = 1, 0, 0
    try:
        for part in _parts(blocks):
            read += len(part)
            left = part
            # Zeros after the end are padding; anything else is another gzip member.
            while left := left.lstrip(b"\0") if decompressor.eof else left:
                if decompressor.eof:
                    decompressor = library.decompressobj(wbits=31)
                    members += 1
                _check(members, read, made)
                for found in _decompressed(decompressor, left):
                    made += len(found)
                    _check(members, read, made)
                    yield found
                left = decompressor.unused_data
    except library.error as error:
        raise EventError("bad_gzip", f"damaged gzip: {error}") from None
    if not decompressor.eof:
        raise EventError("bad_gzip", "truncated gzip")


def _check(members: int, read: int, made: int) -> None:
    """Raises an error if gzip data exceeds a limit.

    Args:
        members: number of gzip members.
        read: compressed bytes.
        made: decompressed bytes.
    """
    if members > MAX_GZIP_MEMBERS:
        raise EventError("bad_gzip", f"more than {MAX_GZIP_MEMBERS:,} gzip members")
    if made > max(EXPANSION_FREE_BYTES, MAX_EXPANSION * read):
        raise EventError("bad_ratio", f"gzip that expands to more than {MAX_EXPANSION} times its size")


def _parts(blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        for at in range(0, len(block), _PART):
            yield block[at : at + _PART]


def _decompressed(decompressor: Any, data: bytes) -> Iterator[bytes]:
    """Yields what the decompressor makes of more data, at most one block at a time."""
    while True:
        found = decompressor.decompress(data, _BLOCK)
        if found:
            yield found
        data = decompressor.unconsumed_tail
        if not data and len(found) < _BLOCK:
            return
