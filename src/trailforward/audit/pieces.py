"""Cuts the text of large files into pieces that a typed parser reads one after another.

A piece fits into the processor's cache, which halves the time of decompressing and parsing, and bounds the
memory. The cuts need no parsing: in valid JSON, a quotation mark before a letter begins a text, so that
``},{"eventVersion":`` cannot be inside one. If a cut is inside a nested list, the piece is not valid JSON.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator  # noqa: TC003  # a field's type
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.sources import log_file

#: What decompresses: ISA-L needs two thirds of the CPU time of zlib. There is no wheel for every platform.
LIBRARY: Any = zlib
with suppress(ImportError):
    from isal import isal_zlib as LIBRARY  # noqa: N812

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Bytes of a piece, without a record that began before. So that records of a usual piece are known to be
#: smaller than EventBridge's limit, a piece and such a record are, too.
PIECE = 192 * 1024
#: Longest text without a place to cut. CloudTrail's records have at most 1 MB.
_MAX_PIECE = 2 * 1024 * 1024
#: Compressed bytes that make about one piece.
_BLOCK = 16 * 1024
_START = 4 * 1024
_BLANKS = b" \t\r\n"
_OPENING = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"Records"[ \t\r\n]*:[ \t\r\n]*\[(?:\{("[A-Za-z]+":))?')
_OBJECT = re.compile(rb'[ \t\r\n]*\{("[A-Za-z]+":)')


class UnusualError(Exception):
    """The text has another form, which only the tolerant scanner reads."""


def blocks_of(data: bytes) -> Iterator[bytes]:
    """The decompressed blocks of a file.

    Raises:
        EventError: the gzip data is damaged, or expands too much.
    """
    yield from log_file.inflate((data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK)), LIBRARY)


class Text(NamedTuple):
    """A decompressed file: its first bytes, and the blocks after them."""

    start: bytes
    blocks: Iterator[bytes]

    @classmethod
    def of(cls, data: bytes) -> Text:
        """Begins to read a file.

        Raises:
            EventError: as for :func:`blocks_of`, also later from the blocks.
        """
        blocks, start = blocks_of(data), b""
        while len(start) < _START and (more := next(blocks, b"")):
            start += more
        return cls(start, blocks)

    @property
    def is_log(self) -> bool:
        """Whether it begins as a log file does."""
        return _OPENING.match(self.start) is not None


def record_pieces(text: Text) -> Iterator[tuple[bytes, int]]:
    """The records of a log file in JSON lists, and how many records each list seems to have.

    Raises:
        UnusualError: the text does not look like CloudTrail's.
        EventError: as for :func:`blocks_of`.
    """
    opening = _OPENING.match(text.start)
    if opening is None:
        raise UnusualError
    separator = b"},{" + opening[1] if opening[1] else b""
    first = text.start[opening.start(1) - 1 if opening[1] else opening.end() :]
    held: list[bytes | memoryview] = [b"["]
    for block, at, end in _steps(chain([first], text.blocks)):
        cut = block.rfind(separator, at, end) if separator else -1
        if cut < 0:
            _hold(held, block, at, end)
            continue
        piece = b"".join((*held, memoryview(block)[at : cut + 1], b"]"))
        yield piece, piece.count(separator) + 1
        held = [b"[", memoryview(block)[cut + 2 : end]]
    piece = b"".join(held).rstrip(_BLANKS)
    if not piece.endswith(b"}"):
        raise UnusualError
    piece = piece[:-1].rstrip(_BLANKS)
    yield piece, piece.count(separator) + 1 if separator else 0


def line_pieces(text: Text) -> Iterator[tuple[bytes, bytes]]:
    """Whole lines of a file of JSON objects, and the first bytes of an object but ``{``.

    Raises:
        UnusualError: the text does not begin with an object, or its lines are too long.
        EventError: as for :func:`blocks_of`.
    """
    if len(text.start) < _START and not text.start.strip(_BLANKS):
        return
    opening = _OBJECT.match(text.start)
    if opening is None:
        raise UnusualError
    joined = b"}{" + opening[1]
    held: list[bytes | memoryview] = []
    for block, at, end in _steps(chain([text.start], text.blocks)):
        cut = block.rfind(b"\n", at, end)
        if cut < 0:
            cut = block.rfind(joined, at, end)
        if cut < 0:
            _hold(held, block, at, end)
            continue
        yield b"".join((*held, memoryview(block)[at : cut + 1])), opening[1]
        held = [memoryview(block)[cut + 1 : end]]
    yield b"".join(held), opening[1]


def _steps(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, int, int]]:
    for block in blocks:
        for at in range(0, len(block), PIECE):
            yield block, at, min(at + PIECE, len(block))


def _hold(held: list[bytes | memoryview], block: bytes, at: int, end: int) -> None:
    held.append(memoryview(block)[at:end])
    if sum(map(len, held)) > _MAX_PIECE:
        raise UnusualError
