"""What a queue, a topic or a stream carried: an event, or something around or in the place of events."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from trailforward.errors import EventError
from trailforward.jsontext import decode, encode, to_bytes
from trailforward.message import Message
from trailforward.sources import _log_events, _notifications
from trailforward.sources._log_files import GZIP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.message import Origin
    from trailforward.sources.base import ObjectReader

#: How EventBridge begins an event of CloudTrail.
_START, _EVENT, _START_BYTES = b'{"version"', b' via CloudTrail"', 200
#: One of these stands in whatever is unwrapped here. Events that hold one by chance are parsed twice.
_HINTS = (b'"TopicArn"', b'"s3ObjectKey"', b'"aws:s3"', b'"Object Created"', b'"s3:TestEvent"')


def unwrap(raw: bytes, origin: Origin, reader: ObjectReader) -> Iterator[Message]:
    """The messages in what was carried; at least one, with its exact bytes where it is an event.

    Args:
        raw: an event, SNS's notification around one, a log subscription's data, or a pointer to objects.
        origin: of what carried it.
        reader: how to read objects.
    """
    if bare(raw):
        yield Message(raw, origin)
        return
    if raw.startswith(GZIP):
        yield from _log_events.read(raw, origin)
        return
    try:
        value = decode(raw)
    except EventError:
        value = None
    if (text := notified(value)) is not None:
        yield from unwrap(to_bytes(text), origin, reader)
    elif (found := _notifications.notifications(value)) is not None:
        yield from pointed(value, found, origin, reader)
    else:
        yield Message(raw, origin, error=_notifications.test_notification(value))


def pointed(
    payload: Any, found: list[_notifications.S3Notification], origin: Origin, reader: ObjectReader
) -> Iterator[Message]:
    """The records of all objects that a payload points to."""
    for notice in found:
        yield from _notifications.read(notice, origin, reader)
    if not found:
        error = EventError("bad_notification", "a notification that names no object")
        yield Message(encode(payload), origin, error=error)


def notified(value: Any) -> str | None:
    """The message in SNS's notification around it; None for anything else."""
    if isinstance(value, dict) and value.get("Type") == "Notification" and "TopicArn" in value:
        text = value.get("Message")
        return text if isinstance(text, str) else None
    return None


def bare(raw: bytes) -> bool:
    """Whether this is an event, or none, but nothing around one and no pointer to any."""
    if raw.startswith(_START) and raw.find(_EVENT, 0, _START_BYTES) > 0:
        return True
    return not (raw.startswith(GZIP) or any(hint in raw for hint in _HINTS))


def unbase64(text: object) -> bytes:
    """The bytes of base64 text.

    Raises:
        EventError: ``bad_base64``.
    """
    try:
        if isinstance(text, str):
            return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise EventError("bad_base64", "no base64 where data was expected")
