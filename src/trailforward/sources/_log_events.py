"""What CloudWatch Logs sends to subscribers: gzipped JSON with some log events, to a function or a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.errors import EventError, NothingToForwardError
from trailforward.jsontext import decode, encode, to_bytes
from trailforward.message import Message
from trailforward.sources._envelope import wrapped
from trailforward.sources._log_files import inflate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.message import Origin

#: Most bytes of an inflated payload: ten times what Lambda takes compressed, more than AWS ever sends.
MOST = 64 * 1024 * 1024


def read(data: bytes, origin: Origin) -> Iterator[Message]:
    """The log events of a subscription's data. What is none becomes a message that says so.

    Args:
        data: gzipped JSON.
        origin: of the payload or of the stream's record.
    """
    here = origin._replace(
        item=origin.item or origin.ref,
        unit=(origin.item or origin.ref) if origin.unit is None else origin.unit,
    )
    try:
        batch = decode(_inflated(data))
        events = _events(batch)
    except EventError as error:
        yield Message(data, here, error=error)
        return
    place = f"logs:{batch.get('logGroup')}:{batch.get('logStream')}"
    for number, event in enumerate(events):
        yield _message(event, here._replace(ref=f"{place}#{number}"))


def _inflated(data: bytes) -> bytes:
    found = bytearray()
    for block in inflate([data]):
        found += block
        if len(found) > MOST:
            raise EventError("too_large", f"a log subscription's data of more than {MOST:,} bytes")
    return bytes(found)


def _events(batch: Any) -> list[Any]:
    if not isinstance(batch, dict) or not isinstance(batch.get("logEvents"), list):
        raise EventError("bad_log_data", "not what CloudWatch Logs sends to subscribers")
    if batch.get("messageType") == "CONTROL_MESSAGE":
        raise NothingToForwardError("control_message", "CloudWatch Logs tested the subscription")
    events: list[Any] = batch["logEvents"]
    if not events:
        raise NothingToForwardError("no_log_events", "a log subscription's data without log events")
    return events


def _message(event: Any, origin: Origin) -> Message:
    text = event.get("message") if isinstance(event, dict) else None
    if not isinstance(text, str):
        return Message(encode(event), origin, error=EventError("bad_log_event", "a log event without a text"))
    ident = event.get("id")
    if isinstance(ident, str) and ident:
        origin = origin._replace(ref=f"{origin.ref.rpartition('#')[0]}#{ident}")
    if not origin.first_seen:
        origin = origin._replace(seen=event.get("timestamp"))
    raw = to_bytes(text)
    try:
        return wrapped(decode(raw), raw, origin)
    except EventError as error:
        return Message(raw, origin, error=error)
