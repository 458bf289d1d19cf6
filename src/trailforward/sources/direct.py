"""Events that a caller passes directly, without a queue, topic, or stream: the payload contains them.

Callers are EventBridge Pipes and custom event buses, which pass lists; tests; and your own code. Payloads are
lists, CloudTrail records, contents of log files, and the output of ``aws cloudtrail lookup-events``.

Custom event buses document no partial response for Lambda, and events from a pipe's input template have no
identifier for one. So if one event must be delivered again, the function raises an error, and the caller
delivers the whole payload again. Source:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.jsontext import to_text, value_start
from trailforward.message import Origin, is_record
from trailforward.sources._raise import UNIT, raise_returned
from trailforward.sources._unwrap import refused_at_once
from trailforward.sources.base import ObjectReader
from trailforward.sources.eventbridge import ListPayload, Payload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.message import Message
    from trailforward.outcome import Outcome


class DirectSource:
    """A list, a record, or an object that contains events."""

    name: ClassVar = "direct"

    def recognizes(self, payload: Any) -> bool:
        """The payload is a list, a record, or a container of events; or JSON text of one."""
        if isinstance(payload, str):
            return payload[value_start(payload) :].startswith(("{", "["))
        from trailforward.sources._containers import is_container

        return is_record(payload) or is_container(payload)

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> Iterator[Message]:
        """The messages in the payload, with their exact bytes if the payload has kept its own."""
        from trailforward.sources._containers import Piece, expand

        origin = Origin(self.name, self.name, unit=UNIT, keeps=False)
        if isinstance(payload, (Payload, ListPayload)):
            text = to_text(payload.raw)
            piece = Piece(payload, text, value_start(text), len(text.rstrip(" \t\r\n")))
        else:
            piece = Piece(payload)
        return refused_at_once(b"", origin, expand(piece, origin, reader or ObjectReader()))

    def response(self, outcome: Outcome, payload: Any) -> None:  # noqa: ARG002
        """None. If one event must be delivered again, the whole payload must.

        Raises:
            PayloadError: some events must be delivered again.
        """
        raise_returned(outcome)
