"""Records that came without an envelope get the one EventBridge would have made, and a mark that says so.

``"trailforward": {"origin": "s3://bucket/key#12"}`` stands beside ``detail``; patterns may match it. The
bytes of ``detail`` are the record's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.errors import EventError
from trailforward.jsontext import encode
from trailforward.message import Message, as_envelope

if TYPE_CHECKING:
    from trailforward.message import Origin

MARK = "trailforward"


def wrapped(value: Any, raw: bytes, origin: Origin) -> Message:
    """A record, or an envelope, which stays as it is, as a message.

    Args:
        value: what the bytes say.
        raw: the bytes.
        origin: its ``ref`` is the mark.
    """
    try:
        event = as_envelope(value)
    except EventError as error:
        return Message(raw, origin, error=error)
    if event is value:
        return Message(raw, origin, event=event)
    head = {name: part for name, part in event.items() if name != "detail"}
    head[MARK] = {"origin": origin.ref}
    text = b"".join((encode(head)[:-1], b',"detail":', raw, b"}"))
    return Message(text, origin, event={**head, "detail": value})
