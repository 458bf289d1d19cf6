"""EventBridge invokes the function itself: the payload is one envelope.

Not byte-exact: Lambda's runtime client parses the payload before any handler sees it, so the bytes are
written anew. Put a queue in between where bytes matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.jsontext import encode
from trailforward.message import Message, Origin
from trailforward.sources._raise import raise_returned

if TYPE_CHECKING:
    from trailforward.outcome import Outcome


class EventBridgeSource:
    """One envelope per invocation."""

    name: ClassVar = "eventbridge"

    def recognises(self, payload: Any) -> bool:
        """An envelope has ``detail-type`` and ``detail``."""
        return isinstance(payload, dict) and "detail-type" in payload and "detail" in payload

    def messages(self, payload: Any) -> list[Message]:
        """The one event."""
        ref = payload.get("id")
        origin = Origin(self.name, ref if isinstance(ref, str) else "")
        return [Message(encode(payload), origin, event=payload)]

    def answer(self, outcome: Outcome) -> None:
        """None; Lambda repeats an asynchronous invocation that raises.

        Raises:
            PayloadError: the event must be tried again.
        """
        raise_returned(outcome)
