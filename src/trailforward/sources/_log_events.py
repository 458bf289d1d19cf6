"""Reads CloudWatch Logs subscription data: gzipped JSON with log events, sent to a function or a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.errors import EventError, NothingToForwardError, UnreadError
from trailforward.jsontext import decode, to_bytes
from trailforward.message import Message
from trailforward.sources._envelope import with_envelope
from trailforward.sources._gzip import inflate
from trailforward.sources._limits import MAX_LOG_DATA_BYTES, MAX_LOG_EVENTS, refuse_floods
from trailforward.sources._log_files import items

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.message import Origin
    from trailforward.sources.base import ObjectReader

_NAME_CHARACTERS = 512


class _LogEvent(NamedTuple):
    """What is kept of a log event; ``message`` is None if it has no text, and ``raw`` is kept instead."""

    message: str | None
    raw: bytes
    id: str
    timestamp: object


def read(data: bytes, origin: Origin, reader: ObjectReader) -> Iterator[Message]:
    """Yields one message per log event. Invalid log events become messages with an error.

    Data that is invalid or hostile becomes one message with an error, and with the number of log events
    before it in ``origin.skip``. When this message is delivered again, reading continues there.

    Args:
        data: gzipped JSON.
        origin: of the Lambda payload or of the stream record.
        reader: says when to stop.
    """
    base = origin._replace(
        item=origin.item or origin.ref,
        unit=(origin.item or origin.ref) if origin.unit is None else origin.unit,
        skip=0,
    )
    done = origin.skip
    try:
        place, events = _unpacked(data, reader)
        origins = (base._replace(ref=f"{place}#{number}") for number in range(done, len(events)))
        for message in refuse_floods(map(_message, events[done:], origins)):
            yield message
            done += 1
    except EventError as error:
        yield Message(data, base._replace(skip=done), error=error)


def _unpacked(data: bytes, reader: ObjectReader) -> tuple[str, list[_LogEvent]]:
    """The place and the log events of subscription data. Nothing is yielded before all of it is valid.

    Raises:
        EventError: the data is invalid, or exceeds a limit.
        UnreadError: the deadline has passed.
    """
    others: dict[str, Any] = dict.fromkeys(("messageType", "logGroup", "logStream"))
    found = items(_bounded(data, reader), "logEvents", others)
    events: list[_LogEvent] = []
    while True:
        try:
            value, raw = next(found)
        except StopIteration as end:
            has_list = end.value
            break
        events.append(_kept(value, raw))
        if len(events) > MAX_LOG_EVENTS:
            raise EventError("too_many_log_events", f"more than {MAX_LOG_EVENTS:,} log events")
    if not has_list:
        raise EventError("bad_log_data", "not the JSON that CloudWatch Logs sends to a subscription")
    if others["messageType"] == "CONTROL_MESSAGE":
        raise NothingToForwardError("control_message", "CloudWatch Logs tested the subscription")
    if not events:
        raise NothingToForwardError("no_log_events", "log subscription data without log events")
    group, stream = (_short(others[name]) for name in ("logGroup", "logStream"))
    return f"logs:{group}:{stream}", events


def _bounded(data: bytes, reader: ObjectReader) -> Iterator[bytes]:
    if not data:
        raise EventError("empty", "expected log subscription data, got nothing")
    size = 0
    for block in inflate([data]):
        if (why := reader.stop_reason) is not None:
            raise UnreadError(*why)
        size += len(block)
        if size > MAX_LOG_DATA_BYTES:
            text = f"log subscription data of more than {MAX_LOG_DATA_BYTES:,} bytes"
            raise EventError("too_large", text)
        yield block


def _kept(event: Any, raw: bytes) -> _LogEvent:
    text = event.get("message") if isinstance(event, dict) else None
    if not isinstance(text, str):
        return _LogEvent(None, raw, "", "")
    ident, timestamp = event.get("id"), event.get("timestamp")
    known = timestamp if isinstance(timestamp, (int, float)) else ""
    return _LogEvent(text, b"", _short(ident) or "", known)


def _short(value: object) -> str | None:
    """The value if it is text of at most 512 characters, as names in CloudWatch Logs are."""
    return value if isinstance(value, str) and len(value) <= _NAME_CHARACTERS else None


def _message(event: _LogEvent, origin: Origin) -> Message:
    if event.message is None:
        error = EventError("bad_log_event", "a log event without a text 'message'")
        return Message(event.raw, origin, error=error)
    if event.id:
        origin = origin._replace(ref=f"{origin.ref.rpartition('#')[0]}#{event.id}")
    if not origin.first_seen:
        origin = origin._replace(seen=event.timestamp)
    raw = to_bytes(event.message)
    try:
        return with_envelope(decode(raw), raw, origin)
    except EventError as error:
        return Message(raw, origin, error=error)
