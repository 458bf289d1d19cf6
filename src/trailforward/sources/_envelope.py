"""Adds the envelope that EventBridge would have made to CloudTrail records that arrived without one.

The envelope also gets a top-level key that says where the record came from, which patterns can match:
``"trailforward": {"origin": "s3://bucket/key#12"}``. The record's bytes become ``detail`` unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.errors import EventError
from trailforward.jsontext import encode
from trailforward.message import Message, as_envelope
from trailforward.sources._limits import KEPT_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.message import Origin

#: The top-level key that is added to these envelopes.
ORIGIN_KEY = "trailforward"


def with_envelope(value: Any, raw: bytes, origin: Origin, added: Mapping[str, str] | None = None) -> Message:
    """Makes a message of a record, in an envelope. A value that has an envelope already stays as it is.

    Args:
        value: the parsed record or envelope.
        raw: its bytes.
        origin: its ``ref`` goes into the envelope.
        added: further keys of the envelope.
    """
    try:
        event = as_envelope(value)
    except EventError as error:
        return Message(raw, origin, error=error)
    if event is value:
        return Message(raw, origin, event=event if len(raw) <= KEPT_BYTES else None)
    others = {key: item for key, item in event.items() if key != "detail"}
    if added:
        others.update(added)
    others[ORIGIN_KEY] = {"origin": origin.ref}
    text = b"".join((encode(others)[:-1], b',"detail":', raw, b"}"))
    return Message(text, origin, event={**others, "detail": value} if len(raw) <= KEPT_BYTES else None)
