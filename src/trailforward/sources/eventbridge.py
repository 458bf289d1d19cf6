"""EventBridge invokes the function itself: the payload is one envelope.

Lambda's runtime client parses the payload before any handler sees it, so its bytes are written anew, unless
trailforward's own handler keeps them (:class:`Payload`). Put a queue in between where bytes matter. An
``Object Created`` event about a trail file stands for the file's records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.jsontext import encode
from trailforward.message import Message, Origin
from trailforward.sources._lenient import text
from trailforward.sources._notifications import notifications
from trailforward.sources._raise import UNIT, raise_returned
from trailforward.sources._unwrap import pointed
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.outcome import Outcome


class Payload(dict[str, Any]):
    """A payload that still knows its bytes.

    Attributes:
        raw: as Lambda handed them over.
    """

    __slots__ = ("raw",)
    raw: bytes


class EventBridgeSource:
    """One envelope per invocation."""

    name: ClassVar = "eventbridge"

    def recognizes(self, payload: Any) -> bool:
        """An envelope has ``detail-type`` and ``detail``."""
        return isinstance(payload, dict) and "detail-type" in payload and "detail" in payload

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> Iterable[Message]:
        """The one event, or the records of the trail file that it tells of."""
        origin = Origin(self.name, text(payload.get("id")), unit=UNIT)
        if (found := notifications(payload)) is not None:
            return pointed(payload, found, origin, reader or ObjectReader())
        raw = payload.raw if isinstance(payload, Payload) else encode(payload)
        return [Message(raw, origin, event=payload)]

    def response(self, outcome: Outcome, payload: Any) -> None:  # noqa: ARG002
        """None; Lambda repeats an asynchronous invocation that raises.

        Raises:
            PayloadError: the event must be tried again.
        """
        raise_returned(outcome)
