"""Finds the events in the data of a queue, topic, stream, or file.

Usually the data is one event, and is passed on unread. Everything else is examined: other encodings, several
values, wrappers, and containers (:mod:`trailforward.sources._containers`).
"""

from __future__ import annotations

import base64
import binascii
from itertools import islice
from typing import TYPE_CHECKING

from trailforward.errors import EventError, NothingToForwardError, UnexaminedError
from trailforward.jsontext import to_text, value, value_start, wide_encoding
from trailforward.message import BLANKS, Message
from trailforward.sources._gzip import GZIP
from trailforward.sources._limits import KEPT_BYTES, MAX_BAD_ITEMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trailforward.message import Origin
    from trailforward.sources.base import ObjectReader

#: How a CloudTrail event from EventBridge begins.
_START, _DETAIL_TYPE, _START_BYTES = b'{"version"', b' via CloudTrail"', 200
#: Wrappers and notifications contain one of these. Other data is examined if it turns out not to be an event.
_HINTS = (b'"TopicArn"', b'"s3ObjectKey"', b'"aws:s3"', b'"Object Created"', b'"s3:TestEvent"')
#: What CloudTrail publishes to a topic when a trail is configured.
_VALIDATION = b"CloudTrail validation message."
_KPL = b"\xf3\x89\x9a\xc2"
_MARK = "\ufeff"


def messages_in(raw: bytes, origin: Origin, reader: ObjectReader) -> Iterator[Message]:
    """Yields the messages in some data: at least one. An event keeps its exact bytes.

    Data that looks like one event is passed on unread. If it is not one, its ``event`` raises
    ``UnexaminedError``, and :func:`examined` finds out what it is.

    Args:
        raw: the data.
        origin: of the queue message, notification, or stream record that contained it.
        reader: reads the objects that notifications name.
    """
    if is_unwrapped(raw) and origin.group is None and not origin.skip:
        yield Message(raw, origin)
    else:
        yield from examine(raw, origin, reader)


def examined(messages: Iterable[Message], reader: ObjectReader) -> Iterator[Message]:
    """Passes messages on, and replaces those that are not one event by the messages in their data."""
    for message in messages:
        try:
            _ = message.event
        except UnexaminedError:
            yield from examine(message.raw, message.origin, reader)
            continue
        except EventError:
            pass
        if len(message.raw) > KEPT_BYTES:
            message.release()
        yield message


def examine(raw: bytes, origin: Origin, reader: ObjectReader, depth: int = 0) -> Iterator[Message]:
    """Yields the messages in some data, whatever it is. None of them raises ``UnexaminedError``.

    Args:
        raw: the data.
        origin: of what contained it.
        reader: reads the objects that notifications name.
        depth: number of containers around the data.
    """
    yield from refused_at_once(raw, origin, _examined(raw, origin, reader, depth))


def refused_at_once(raw: bytes, origin: Origin, messages: Iterator[Message]) -> Iterator[Message]:
    """Passes messages on. If Python's memory or stack does not suffice, the data becomes one bad message."""
    try:
        yield from messages
    except (MemoryError, RecursionError) as error:
        text = "unpacking it needs more memory than the function has"
        yield Message(raw, origin, error=EventError(type(error).__name__, text))


def _examined(raw: bytes, origin: Origin, reader: ObjectReader, depth: int) -> Iterator[Message]:
    from trailforward.sources import _containers

    if raw.startswith(GZIP):
        from trailforward.sources import _log_events

        yield from _log_events.read(raw, origin, reader)
    elif raw.startswith(_KPL):
        yield from _containers.aggregated(raw, origin, reader, depth)
    elif raw.strip(BLANKS) == _VALIDATION:
        text = "CloudTrail tested whether it may publish to the topic"
        yield Message(raw, origin, error=NothingToForwardError("validation_message", text))
    else:
        yield from _in_text(raw, origin, reader, depth)


def _in_text(raw: bytes, origin: Origin, reader: ObjectReader, depth: int) -> Iterator[Message]:
    """Yields the messages in text of one JSON value or of several."""
    from trailforward.sources import _containers

    try:
        text = _text(raw)
    except EventError as error:
        yield Message(raw, origin, error=error)
        return
    start = value_start(text, len(_MARK) if text.startswith(_MARK) else 0)
    try:
        found, end = value(text, start)
    except EventError as error:
        if not _has_events(text, start):
            yield Message(raw, origin, error=error)
            return
    else:
        if value_start(text, end) == len(text):
            # The whitespace around an event stays for dead letters. A byte order mark does not.
            piece = _containers.Piece(found, text, start, end, None if text.startswith(_MARK) else raw)
            yield from _containers.expand(piece, origin, reader, depth)
            return
        if not isinstance(found, (dict, list, str)) and "\n" not in text:
            yield Message(raw, origin, error=EventError("not_json", "not JSON: extra text after a value"))
            return
    yield from _containers.sequence(raw, text, start, origin, reader, depth)


def _text(raw: bytes) -> str:
    """The data as text.

    Raises:
        EventError: ``not_utf8`` or ``empty``.
    """
    if (error := wide_encoding(raw[:4])) is not None:
        raise error
    text = to_text(raw)
    if not text.strip("\ufeff \t\r\n"):
        raise EventError("empty", "expected JSON, got empty text")
    return text


def _has_events(text: str, start: int) -> bool:
    """Whether one of the first lines is JSON by itself, so that the text is lines and not one bad value."""
    lines = text[start:].split("\n", MAX_BAD_ITEMS + 1)[: MAX_BAD_ITEMS + 1]
    return any(map(is_json, islice(filter(str.strip, lines), 1, None)))


def is_json(line: str) -> bool:
    """Whether a line is a JSON object or list."""
    try:
        found, end = value(line, value_start(line))
    except EventError:
        return False
    return isinstance(found, (dict, list)) and value_start(line, end) == len(line)


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
