"""Reads receipts: NDJSON with or without gzip, from Firehose or from S3."""

from __future__ import annotations

import zlib

from trailforward.errors import EventError, MissingExtraError

try:
    import msgspec
except ImportError:  # pragma: no cover  # the tests have it
    raise MissingExtraError("reading receipts", "audit") from None

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


def read(data: bytes) -> list[Receipt]:
    """The receipts of a file, in order.

    Args:
        data: of the file, with or without gzip (also several gzip members, as Firehose writes them).

    Raises:
        EventError: ``gzip``: the file is damaged; ``not_a_receipt``: a line is not a receipt.
    """
    try:
        return _decoder.decode_lines(_text(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise EventError("not_a_receipt", "it contains lines that are not receipts") from None


def _text(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data
    parts: list[bytes] = []
    size = 0
    while data.startswith(_GZIP):
        decompressor = zlib.decompressobj(wbits=31)
        try:
            parts.append(decompressor.decompress(data, MAX_TEXT - size + 1))
        except zlib.error:
            raise EventError("gzip", "its compression is damaged") from None
        size += len(parts[-1])
        if size > MAX_TEXT:
            raise EventError("gzip", f"it expands to more than {MAX_TEXT} bytes")
        if not decompressor.eof:
            raise EventError("gzip", "it ends before its compressed data does")
        data = decompressor.unused_data
    if data.strip(b"\0"):
        raise EventError("gzip", "its compressed data is followed by something else")
    return b"".join(parts)
