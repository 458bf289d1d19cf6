"""Any other payload: never dropped. It is dead-lettered whole, or goes back with an error that says why."""

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

#: What may be repeated in an error.
_SOURCE = re.compile(r"[A-Za-z0-9:._-]{1,64}")


class UnknownSource:
    """The shape of last resort."""

    name: ClassVar = "unknown"

    def recognizes(self, payload: Any) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> list[Message]:  # noqa: ARG002
        """The payload as one message that knows it is no event."""
        return [Message(encode(payload), Origin(self.name), error=_why(payload))]

    def response(self, outcome: Outcome, payload: Any) -> None:  # noqa: ARG002
        """None, if the payload was dead-lettered.

        Raises:
            PayloadError: it was not.
        """
        raise_returned(outcome)


def _why(payload: Any) -> EventError:
    records = payload.get("Records") if isinstance(payload, dict) else None
    if isinstance(records, list) and records and isinstance(records[0], dict):
        name = records[0].get("eventSource") or records[0].get("EventSource")
        shown = name if isinstance(name, str) and _SOURCE.fullmatch(name) else "something"
        return EventError("unknown_payload", f"Records of {shown}, which no source knows")
    try:
        as_envelope(payload)
    except EventError as error:
        return EventError("unknown_payload", f"a payload that no source knows: {error}")
    return EventError("unknown_payload", "a payload with 'detail' but without 'detail-type'")
