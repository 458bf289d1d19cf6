"""Reads CloudWatch Logs subscription data: gzipped JSON with log events, sent to a function or a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.errors import EventError, NothingToForwardError
from trailforward.jsontext import decode, encode, to_bytes
from trailforward.message import Message
from trailforward.sources._envelope import with_envelope
from trailforward.sources._log_files import inflate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.message import Origin

#: Maximum uncompressed bytes: ten times the compressed payload that Lambda accepts, more than AWS ever sends.
MAX_BYTES = 64 * 1024 * 1024


def read(data: bytes, origin: Origin) -> Iterator[Message]:
    """Yields one message per log event. Invalid data or log events become messages with an error.

    Args:
        data: gzipped JSON.
        origin: of the Lambda payload or of the stream record.
    """
    base = origin._replace(
        item=origin.item or origin.ref,
        unit=(origin.item or origin.ref) if origin.unit is None else origin.unit,
    )
    try:
        batch = decode(_inflated(data))
        events = _events(batch)
    except EventError as error:
        yield Message(data, base, error=error)
        return
    place = f"logs:{batch.get('logGroup')}:{batch.get('logStream')}"
    for number, event in enumerate(events):
        yield _message(event, base._replace(ref=f"{place}#{number}"))


def _inflated(data: bytes) -> bytes:
    found = bytearray()
    for block in inflate([data]):
        found += block
        if len(found) > MAX_BYTES:
            raise EventError("too_large", f"log subscription data of more than {MAX_BYTES:,} bytes")
    return bytes(found)


def _events(batch: Any) -> list[Any]:
    if not isinstance(batch, dict) or not isinstance(batch.get("logEvents"), list):
        raise EventError("bad_log_data", "not the JSON that CloudWatch Logs sends to a subscription")
    if batch.get("messageType") == "CONTROL_MESSAGE":
        raise NothingToForwardError("control_message", "CloudWatch Logs tested the subscription")
    events: list[Any] = batch["logEvents"]
    if not events:
        raise NothingToForwardError("no_log_events", "log subscription data without log events")
    return events


def _message(event: Any, origin: Origin) -> Message:
    text = event.get("message") if isinstance(event, dict) else None
    if not isinstance(text, str):
        return Message(
            encode(event), origin, error=EventError("bad_log_event", "a log event without a text 'message'")
        )
    ident = event.get("id")
    if isinstance(ident, str) and ident:
        origin = origin._replace(ref=f"{origin.ref.rpartition('#')[0]}#{ident}")
    if not origin.first_seen:
        origin = origin._replace(seen=event.get("timestamp"))
    raw = to_bytes(text)
    try:
        return with_envelope(decode(raw), raw, origin)
    except EventError as error:
        return Message(raw, origin, error=error)
