"""Attributes of messages in the dead-letter queue and the retry queue.

The body is the original bytes; everything else is in message attributes. SQS redrive keeps attributes, so a
dead letter that is moved back to its source queue goes only to the sinks that it is still owed to.

Bytes that a queue does not accept are encoded, and compressed if necessary. If an event does not fit even
then, a pointer is stored instead: JSON that says where the original is.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from trailforward.errors import EventError
from trailforward.jsontext import readable, to_bytes
from trailforward.message import POINTER, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trailforward.message import Message

SINKS = "trailforward-sinks"
CODE = "trailforward-code"
REASON = "trailforward-reason"
ATTEMPTS = "trailforward-attempts"
FIRST_SEEN = "trailforward-first-seen"
ORIGIN = "trailforward-origin"
ENCODING = "trailforward-encoding"
SKIP = "trailforward-skip"

#: Values of :data:`ENCODING`.
BASE64, GZIP_BASE64 = "base64", "gzip+base64"

#: Maximum bytes of a decompressed body. No source accepts a larger event.
MAX_BODY_BYTES = 10 * 1024 * 1024

_GZIP_BITS = 31
_CHARACTERS = 300
#: An S3 key has up to 1,024 characters.
_POINTER_CHARACTERS = 1_200
_DIGITS = 9


class RedeliveryInfo(NamedTuple):
    """What the attributes of a message say.

    Attributes:
        owed: names of the sinks that still need the message; None for a message without such attributes.
        attempts: calls so far.
        first_seen: ISO 8601, or empty.
        skip: number of records that are done, if the message points to a CloudTrail log file.
    """

    owed: frozenset[str] | None
    attempts: int
    first_seen: str
    skip: int = 0


def to_attributes(
    message: Message, sinks: Iterable[str], *, code: str, reason: str, attempts: int
) -> dict[str, str]:
    """The attributes of a message that ``sinks`` still need: at most eight of the ten that SQS allows."""
    seen = message.origin.first_seen or datetime.now(UTC).isoformat(timespec="milliseconds")
    skip = {SKIP: str(message.origin.skip)} if message.origin.skip else {}
    return {
        SINKS: ",".join(sinks),
        CODE: _printable(code),
        REASON: _printable(reason),
        ATTEMPTS: str(message.origin.attempts + attempts),
        FIRST_SEEN: _printable(seen),
        ORIGIN: _printable(f"{message.origin.source} {message.origin.arn} {message.origin.ref}".strip()),
        **skip,
    }


def from_attributes(attributes: Mapping[str, str]) -> RedeliveryInfo:
    """Reads what :func:`to_attributes` wrote."""
    if SINKS not in attributes:
        return RedeliveryInfo(None, 0, "")
    return RedeliveryInfo(
        frozenset(name.strip() for name in attributes[SINKS].split(",")),
        _count(attributes.get(ATTEMPTS, "")),
        # Whoever may send to the queue chooses this text.
        moment(attributes.get(FIRST_SEEN)),
        _count(attributes.get(SKIP, "")),
    )


def to_sqs(raw: bytes, attributes: dict[str, str], max_bytes: int) -> tuple[bytes, dict[str, str]] | None:
    """Body and attributes for a queue; None if they do not fit.

    Args:
        raw: the original bytes. What SQS refuses is encoded in base64; what is too long is compressed, too.
        attributes: from :func:`to_attributes`.
        max_bytes: of body and attributes together, as SQS counts them.
    """
    most = max_bytes - _attribute_bytes({**attributes, ENCODING: GZIP_BASE64})
    if len(raw) <= most and readable(raw) is not None:
        return raw, attributes
    # SQS refuses an empty body, and base64 of nothing is empty.
    if raw and _base64_bytes(len(raw)) <= most:
        return base64.b64encode(raw), {**attributes, ENCODING: BASE64}
    if len(raw) <= MAX_BODY_BYTES:
        compressed = zlib.compress(raw, wbits=_GZIP_BITS)
        if _base64_bytes(len(compressed)) <= most:
            return base64.b64encode(compressed), {**attributes, ENCODING: GZIP_BASE64}
    return None


def to_pointer(message: Message, *, code: str, reason: str, copy: str = "") -> bytes:
    """A JSON body that says where an event is that does not fit into a queue: at most a few kilobytes.

    Args:
        message: the event.
        code: why it was not delivered.
        reason: the same as a sentence.
        copy: ``s3://BUCKET/KEY`` of a copy; empty if there is none.
    """
    origin = message.origin
    place = {
        "source": origin.source,
        "arn": origin.arn,
        "shard": origin.shard,
        "item": origin.item,
        "ref": origin.ref,
        "copy": copy,
    }
    pointer = {
        "bytes": len(message.raw),
        "sha256": message.digest,
        "code": code,
        "reason": reason,
        "first_seen": origin.first_seen,
        **{name: value for name, value in place.items() if value},
    }
    texts = {
        name: _printable(value, _POINTER_CHARACTERS) if isinstance(value, str) else value
        for name, value in pointer.items()
    }
    return json.dumps({POINTER: texts}, separators=(",", ":")).encode()


def decode_body(text: str, attributes: Mapping[str, str]) -> bytes:
    """The original bytes of a body.

    Raises:
        EventError: ``bad_base64``: the attributes say base64, but the body is not base64. ``bad_gzip``: the
            same for gzip. ``too_large``: more than :data:`MAX_BODY_BYTES` when decompressed.
    """
    encoding = attributes.get(ENCODING)
    # It counts only in a redelivered message: no other sender to the queue encodes bodies.
    if encoding not in {BASE64, GZIP_BASE64} or SINKS not in attributes:
        return to_bytes(text)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise EventError("bad_base64", f"{ENCODING} says {encoding}, but the body is not base64") from None
    return data if encoding == BASE64 else _decompressed(data)


def _decompressed(data: bytes) -> bytes:
    decompressor = zlib.decompressobj(wbits=_GZIP_BITS)
    try:
        raw = decompressor.decompress(data, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise EventError(
            "bad_gzip", f"{ENCODING} says {GZIP_BASE64}, but the gzip is damaged: {error}"
        ) from None
    if len(raw) > MAX_BODY_BYTES:
        raise EventError("too_large", f"a body of more than {MAX_BODY_BYTES:,} bytes when decompressed")
    if not decompressor.eof or decompressor.unused_data:
        raise EventError("bad_gzip", f"{ENCODING} says {GZIP_BASE64}, but the gzip is truncated or damaged")
    return raw


def _base64_bytes(count: int) -> int:
    return (count + 2) // 3 * 4


def _attribute_bytes(attributes: Mapping[str, str]) -> int:
    """Bytes that attributes add to a message, as SQS counts them. All of them are ASCII."""
    return sum(len(name) + len("String") + len(value.encode()) for name, value in attributes.items())


def to_json_line(raw: bytes, attributes: Mapping[str, str]) -> bytes:
    """A message as one line of JSON, for files: the attributes, and the bytes as ``body``."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:  # also lone surrogates, because JSON would join two of them
        text, attributes = base64.b64encode(raw).decode(), {**attributes, ENCODING: BASE64}
    return json.dumps({**attributes, "body": text}).encode()


def from_json_line(value: object) -> tuple[bytes, dict[str, str]] | None:
    """Reads what :func:`to_json_line` wrote; None for any other JSON value.

    Raises:
        EventError: as for :func:`decode_body`.
    """
    if not isinstance(value, dict) or SINKS not in value or not isinstance(value.get("body"), str):
        return None
    attributes = {name: text for name, text in value.items() if isinstance(text, str)}
    return decode_body(attributes.pop("body"), attributes), attributes


def _printable(text: str, most: int = _CHARACTERS) -> str:
    """A short line that SQS accepts as an attribute's value, whatever the text."""
    return "".join(character if " " <= character <= "~" else "?" for character in text[:most])


def _count(text: str) -> int:
    """The text as a number, or 0 if it is not a number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0
