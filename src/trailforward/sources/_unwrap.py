"""Unwraps the data of a queue, topic, or stream.

The data is an event, an SNS notification around an event, CloudWatch Logs subscription data, or a
notification about log files.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from trailforward.errors import EventError
from trailforward.jsontext import decode, encode, to_bytes
from trailforward.message import Message
from trailforward.sources import _log_events, _notifications
from trailforward.sources._gzip import GZIP
from trailforward.sources._limits import MAX_OBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.message import Origin
    from trailforward.sources.base import ObjectReader

#: How a CloudTrail event from EventBridge begins.
_START, _DETAIL_TYPE, _START_BYTES = b'{"version"', b' via CloudTrail"', 200
#: Every wrapper and notification contains one of these. Events that contain one by chance are parsed twice.
_HINTS = (b'"TopicArn"', b'"s3ObjectKey"', b'"aws:s3"', b'"Object Created"', b'"s3:TestEvent"')


def messages_in(raw: bytes, origin: Origin, reader: ObjectReader) -> Iterator[Message]:
    """Yields the messages in some data: at least one. An event keeps its exact bytes.

    Args:
        raw: an event, an SNS notification around one, subscription data, or a notification about objects.
        origin: of the queue message, notification, or stream record that contained it.
        reader: reads the objects.
    """
    if is_unwrapped(raw):
        yield Message(raw, origin)
    else:
        yield from _one_refusal(raw, origin, _unwrapped(raw, origin, reader))


def read_logs(data: bytes, origin: Origin, reader: ObjectReader) -> Iterator[Message]:
    """Yields one message per log event of subscription data.

    Args:
        data: gzipped JSON.
        origin: of the Lambda payload.
        reader: says when to stop.
    """
    yield from _one_refusal(data, origin, _log_events.read(data, origin, reader))


def _one_refusal(raw: bytes, origin: Origin, messages: Iterator[Message]) -> Iterator[Message]:
    """Passes messages on. If Python's memory or stack does not suffice, the data becomes one bad message."""
    try:
        yield from messages
    except (MemoryError, RecursionError) as error:
        text = "unpacking it needs more memory than the function has"
        yield Message(raw, origin, error=EventError(type(error).__name__, text))


def _unwrapped(raw: bytes, origin: Origin, reader: ObjectReader) -> Iterator[Message]:
    if raw.startswith(GZIP):
        yield from _log_events.read(raw, origin, reader)
        return
    try:
        value = decode(raw)
    except EventError:
        value = None
    if (text := sns_message(value)) is not None:
        yield from messages_in(to_bytes(text), origin, reader)
    elif (found := _notifications.parse_notifications(value)) is not None:
        yield from read_objects(value, found, origin, reader)
    else:
        yield Message(raw, origin, error=_notifications.s3_test_event(value))


def read_objects(
    payload: Any, found: list[_notifications.S3Notification], origin: Origin, reader: ObjectReader
) -> Iterator[Message]:
    """Yields one message per record of each object that a payload names.

    Args:
        payload: the notification as it arrived.
        found: its notifications, one per object.
        origin: of the payload.
        reader: reads the objects.
    """
    if len(found) > MAX_OBJECTS:
        text = f"a notification that names more than {MAX_OBJECTS:,} objects"
        yield Message(encode(payload), origin, error=EventError("too_many_objects", text))
        return
    for notification in found:
        yield from _notifications.read_records(notification, origin, reader)
    if not found:
        error = EventError("bad_notification", "a notification that does not name an object")
        yield Message(encode(payload), origin, error=error)


def sns_message(value: Any) -> str | None:
    """Returns the message in an SNS notification; None for any other value."""
    if isinstance(value, dict) and value.get("Type") == "Notification" and "TopicArn" in value:
        text = value.get("Message")
        return text if isinstance(text, str) else None
    return None


def is_unwrapped(raw: bytes) -> bool:
    """Whether the data is neither a wrapper nor a notification. It need not be a valid event."""
    if raw.startswith(_START) and raw.find(_DETAIL_TYPE, 0, _START_BYTES) > 0:
        return True
    return not (raw.startswith(GZIP) or any(hint in raw for hint in _HINTS))


def unbase64(text: object) -> bytes:
    """Decodes base64 text.

    Raises:
        EventError: ``bad_base64``: the value is not base64 text.
    """
    try:
        if isinstance(text, str):
            return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise EventError("bad_base64", "expected base64 data")
