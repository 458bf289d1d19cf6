"""Reads receipts: NDJSON with or without gzip, from Firehose or from S3."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from trailforward.errors import EventError, MissingExtraError

try:
    import msgspec
except ImportError:  # pragma: no cover  # the tests have it
    raise MissingExtraError("reading receipts", "audit") from None

if TYPE_CHECKING:
    from collections.abc import Iterator

_GZIP = b"\x1f\x8b"

#: Larger files are refused. A function writes at most 900 KB, Firehose at most 128 MiB.
MAX_TEXT = 256 * 1024 * 1024


class Receipt(msgspec.Struct, frozen=True):
    """What happened to one event in one batch. Unknown keys are ignored.

    The same event may have several receipts: after a repeated delivery, or when its sinks accepted it at
    different times. Its fates are then those of all of them.

    Attributes:
        id: ``eventID``; without one, the envelope's ``id``, or the SHA-256 of the bytes that arrived.
        time: ``eventTime``, as written; empty if unknown.
        account: of the envelope (``recipientAccountId``); empty if unknown.
        region: of the envelope (``awsRegion``); empty if unknown.
        delivered: names of the sinks that accepted it.
        filtered: sink → code: ``no_route``, ``dropped``, ``suppressed``, ``canary``, ``self``, …
        dead_lettered: sink → the destination's error code.
        sha256: of the exact bytes of ``detail``, in hex; empty if the configuration does not ask for it.
    """

    id: str
    time: str = msgspec.field(default="", name="t")
    account: str = msgspec.field(default="", name="a")
    region: str = msgspec.field(default="", name="r")
    delivered: list[str] = msgspec.field(default_factory=list, name="d")
    filtered: dict[str, str] = msgspec.field(default_factory=dict, name="f")
    dead_lettered: dict[str, str] = msgspec.field(default_factory=dict, name="x")
    sha256: str = msgspec.field(default="", name="h")


_decoder = msgspec.json.Decoder(Receipt)
#: Most bytes of a line. A pipeline's names and texts have at most 256 characters each.
_MOST_LINE = 1024 * 1024
_BLOCK = 1024 * 1024


def read(data: bytes) -> list[Receipt]:
    """The receipts of a file, in order.

    Args:
        data: of the file, with or without gzip (also several gzip members, as Firehose writes them).

    Raises:
        EventError: ``gzip``: the file is damaged; ``not_a_receipt``: a line is not a receipt.
    """
    return [one for block in blocks(data) for one in decoded(block)]


def decoded(block: bytes) -> list[Receipt]:
    """The receipts in some whole lines.

    Raises:
        EventError: ``not_a_receipt``: a line is not a receipt: an object with ``detail`` and without a fate
            is an event.
    """
    try:
        found = _decoder.decode_lines(block)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise EventError("not_a_receipt", "it contains lines that are not receipts") from None
    if b'"detail"' in block and not all(map(has_fates, found)):
        raise EventError("not_a_receipt", "it contains events instead of receipts")
    return found


def has_fates(receipt: Receipt) -> bool:
    """Whether a receipt says what happened. Only those of ``check-sinks`` say nothing."""
    return bool(receipt.delivered or receipt.filtered or receipt.dead_lettered)


def blocks(data: bytes) -> Iterator[bytes]:
    """The text of a file in blocks of whole lines, of about 1 MiB each.

    Args:
        data: of the file, as for :func:`read`.

    Raises:
        EventError: ``gzip``: the file is damaged; ``not_a_receipt``: a line has more than 1 MiB.
    """
    rest = b""
    for text in _texts(data):
        whole = rest + text
        end = whole.rfind(b"\n") + 1
        if end:
            yield whole[:end]
        rest = whole[end:]
        if len(rest) > _MOST_LINE:
            raise EventError("not_a_receipt", f"it contains a line of more than {_MOST_LINE} bytes")
    if rest:
        yield rest


def _texts(data: bytes) -> Iterator[bytes]:
    if not data.startswith(_GZIP):
        yield from (data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK))
        return
    size = 0
    while data.startswith(_GZIP):
        decompressor = zlib.decompressobj(wbits=31)
        ended = False
        while not ended:
            try:
                text = decompressor.decompress(data, _BLOCK)
            except zlib.error:
                raise EventError("gzip", "its compression is damaged") from None
            size += len(text)
            if size > MAX_TEXT:
                raise EventError("gzip", f"it expands to more than {MAX_TEXT} bytes")
            data, ended = decompressor.unconsumed_tail, decompressor.eof
            if not (ended or data or text):
                raise EventError("gzip", "it ends before its compressed data does")
            yield text
        data = decompressor.unused_data
    if data.strip(b"\0"):
        raise EventError("gzip", "its compressed data is followed by something else")
