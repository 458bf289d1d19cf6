"""What trailforward says of a message that it hands back: dead letters and the retry queue.

The body is the original bytes; everything else travels in message attributes, so that a dead letter moved
back to the queue it came from (SQS redrive keeps attributes) goes to the sinks still owed and to no other.
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


class Note(NamedTuple):
    """What a handed-back message says of itself.

    Attributes:
        owed: the sinks still owed it; None for a message that was never handed back.
        attempts: sending attempts so far.
        first_seen: ISO 8601, or empty.
        skip: records of the object it points to that are done.
    """

    owed: frozenset[str] | None
    attempts: int
    first_seen: str
    skip: int = 0


def write(message: Message, sinks: Iterable[str], *, code: str, reason: str, attempts: int) -> dict[str, str]:
    """The attributes of a message that ``sinks`` are still owed; eight at most, of the ten SQS allows."""
    seen = message.origin.first_seen or datetime.now(UTC).isoformat(timespec="milliseconds")
    skip = {SKIP: str(message.origin.skip)} if message.origin.skip else {}
    return {
        SINKS: ",".join(sinks),
        CODE: _plain(code),
        REASON: _plain(reason),
        ATTEMPTS: str(message.origin.attempts + attempts),
        FIRST_SEEN: _plain(seen),
        ORIGIN: _plain(f"{message.origin.source} {message.origin.arn} {message.origin.ref}".strip()),
        **skip,
    }


def read(attributes: Mapping[str, str]) -> Note:
    """Reads what :func:`write` wrote; a message without it was never handed back."""
    if SINKS not in attributes:
        return Note(None, 0, "")
    return Note(
        frozenset(name.strip() for name in attributes[SINKS].split(",")),
        _count(attributes.get(ATTEMPTS, "")),
        # Anybody may write to a queue.
        moment(attributes.get(FIRST_SEEN)),
        _count(attributes.get(SKIP, "")),
    )


def letter(raw: bytes, attributes: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """A handed-back message for a queue: its bytes, in base64 where the queue would refuse them."""
    if readable(raw) is None:
        return base64.b64encode(raw), {**attributes, ENCODING: "base64"}
    return raw, attributes


def body(text: str, attributes: Mapping[str, str]) -> bytes:
    """The original bytes of a body.

    Raises:
        EventError: ``bad_base64``: the attributes promise base64 and the body is none.
    """
    if attributes.get(ENCODING) != "base64":
        return to_bytes(text)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise EventError("bad_base64", f"{ENCODING} says base64, but the body is none") from None


def line(raw: bytes, attributes: Mapping[str, str]) -> bytes:
    """A handed-back message as one line of JSON, for files: the attributes, and the bytes as ``body``."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:  # smuggled surrogates, too: JSON would join two of them to another character
        text, attributes = base64.b64encode(raw).decode(), {**attributes, ENCODING: "base64"}
    return json.dumps({**attributes, "body": text}).encode()


def unline(value: object) -> tuple[bytes, dict[str, str]] | None:
    """Reads what :func:`line` wrote; None for any other JSON value.

    Raises:
        EventError: ``bad_base64``.
    """
    if not isinstance(value, dict) or SINKS not in value or not isinstance(value.get("body"), str):
        return None
    attributes = {name: text for name, text in value.items() if isinstance(text, str)}
    return body(attributes.pop("body"), attributes), attributes


def _plain(text: str) -> str:
    """A short line that SQS takes as an attribute's value, whatever came in."""
    return "".join(character if " " <= character <= "~" else "?" for character in text[:_CHARACTERS])


def _count(text: str) -> int:
    """The number that the text is, else 0."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0
