"""Attributes of messages in the dead-letter queue and the retry queue.

The body is the original bytes; everything else is in message attributes. SQS redrive keeps attributes, so a
dead letter that is moved back to its source queue goes only to the sinks that it is still owed to.
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from trailforward.errors import EventError
from trailforward.jsontext import readable, to_bytes
from trailforward.message import moment

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

_CHARACTERS = 300
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


def to_sqs(raw: bytes, attributes: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """Body and attributes for a queue. Bytes that SQS would refuse are encoded in base64."""
    if readable(raw) is None:
        return base64.b64encode(raw), {**attributes, ENCODING: "base64"}
    return raw, attributes


def decode_body(text: str, attributes: Mapping[str, str]) -> bytes:
    """The original bytes of a body.

    Raises:
        EventError: ``bad_base64``: the attributes say base64, but the body is not base64.
    """
    if attributes.get(ENCODING) != "base64":
        return to_bytes(text)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise EventError("bad_base64", f"{ENCODING} says base64, but the body is not base64") from None


def to_json_line(raw: bytes, attributes: Mapping[str, str]) -> bytes:
    """A message as one line of JSON, for files: the attributes, and the bytes as ``body``."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:  # also lone surrogates, because JSON would join two of them
        text, attributes = base64.b64encode(raw).decode(), {**attributes, ENCODING: "base64"}
    return json.dumps({**attributes, "body": text}).encode()


def from_json_line(value: object) -> tuple[bytes, dict[str, str]] | None:
    """Reads what :func:`to_json_line` wrote; None for any other JSON value.

    Raises:
        EventError: ``bad_base64``.
    """
    if not isinstance(value, dict) or SINKS not in value or not isinstance(value.get("body"), str):
        return None
    attributes = {name: text for name, text in value.items() if isinstance(text, str)}
    return decode_body(attributes.pop("body"), attributes), attributes


def _printable(text: str) -> str:
    """A short line that SQS accepts as an attribute's value, whatever the text."""
    return "".join(character if " " <= character <= "~" else "?" for character in text[:_CHARACTERS])


def _count(text: str) -> int:
    """The text as a number, or 0 if it is not a number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0
