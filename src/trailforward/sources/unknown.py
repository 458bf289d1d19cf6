"""Any other payload. It is never dropped: it is dead-lettered whole, or the function raises an error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.errors import EventError
from trailforward.jsontext import encode
from trailforward.message import Message, Origin, as_envelope
from trailforward.sources._raise import raise_returned

if TYPE_CHECKING:
    from trailforward.outcome import Outcome
    from trailforward.sources.base import ObjectReader

#: Source names that an error message may repeat.
_SOURCE = r"[A-Za-z0-9:._-]{1,64}"


class UnknownSource:
    """Recognizes every payload, so it comes last."""

    name: ClassVar = "unknown"

    def recognizes(self, payload: Any) -> bool:  # noqa: ARG002
        """True for every payload."""
        return True

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> list[Message]:  # noqa: ARG002
        """The payload as one message with an error."""
        return [Message(encode(payload), Origin(self.name, keeps=False), error=_why(payload))]

    def response(self, outcome: Outcome, payload: Any) -> None:  # noqa: ARG002
        """None if the payload was dead-lettered.

        Raises:
            PayloadError: the payload was not dead-lettered.
        """
        raise_returned(outcome)


def _why(payload: Any) -> EventError:
    records = payload.get("Records") if isinstance(payload, dict) else None
    if isinstance(records, list) and records and isinstance(records[0], dict):
        name = records[0].get("eventSource") or records[0].get("EventSource")
        shown = name if isinstance(name, str) and re.fullmatch(_SOURCE, name) else "an unknown service"
        return EventError("unknown_payload", f"no source recognizes Records of {shown}")
    try:
        as_envelope(payload)
    except EventError as error:
        return EventError("unknown_payload", f"no source recognizes the payload: {error}")
    return EventError("unknown_payload", "a payload with 'detail' but without 'detail-type'")
