"""EventBridge rule that invokes the function: the payload is one envelope.

Lambda's runtime client parses the payload before a handler sees it. trailforward's handler keeps the original
bytes (:class:`Payload`); with any other handler the event is encoded again. If the exact bytes matter there,
put a queue between the rule and the function. An ``Object Created`` event about a CloudTrail log file brings
the file's records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.jsontext import encode
from trailforward.message import Message, Origin
from trailforward.sources._lenient import text_or_empty
from trailforward.sources._notifications import parse_notifications
from trailforward.sources._raise import UNIT, raise_returned
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.outcome import Outcome


class Payload(dict[str, Any]):
    """A parsed payload that keeps its original bytes.

    Attributes:
        raw: the bytes that Lambda passed.
    """

    __slots__ = ("raw",)
    raw: bytes


class ListPayload(list[Any]):
    """A parsed list that keeps its original bytes.

    Attributes:
        raw: the bytes that Lambda passed.
    """

    __slots__ = ("raw",)
    raw: bytes


class EventBridgeSource:
    """One event per invocation."""

    name: ClassVar = "eventbridge"

    def recognizes(self, payload: Any) -> bool:
        """The payload has ``detail-type`` and ``detail``."""
        return isinstance(payload, dict) and "detail-type" in payload and "detail" in payload

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> Iterable[Message]:
        """The event, or the records of the log file that it names."""
        origin = Origin(self.name, text_or_empty(payload.get("id")), unit=UNIT, keeps=False)
        if (found := parse_notifications(payload)) is not None:
            from trailforward.sources._containers import read_objects

            return read_objects(encode(payload), found, origin, reader or ObjectReader())
        raw = payload.raw if isinstance(payload, Payload) else encode(payload)
        return [Message(raw, origin, event=payload)]

    def response(self, outcome: Outcome, payload: Any) -> None:  # noqa: ARG002
        """None. Lambda retries an asynchronous invocation that raises.

        Raises:
            PayloadError: the event must be delivered again.
        """
        raise_returned(outcome)
