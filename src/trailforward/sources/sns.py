"""SNS invokes the function: each ``Message`` is an event, with its bytes, or brings events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.errors import EventError
from trailforward.jsontext import encode, to_bytes
from trailforward.message import Message, Origin
from trailforward.sources._lenient import first_record, part, text
from trailforward.sources._raise import UNIT, raise_returned
from trailforward.sources._unwrap import notified, unwrap
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.outcome import Outcome


class SnsSource:
    """A topic's notification, as Lambda or as a queue gets it."""

    name: ClassVar = "sns"

    def recognizes(self, payload: Any) -> bool:
        """``Records`` whose first has ``EventSource`` (capital E) ``aws:sns``; or a notification alone."""
        return part(first_record(payload), "EventSource") == "aws:sns" or notified(payload) is not None

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> Iterator[Message]:
        """The messages in every notification, bad ones included."""
        reader = reader or ObjectReader()
        records = [{"Sns": payload}] if notified(payload) is not None else payload["Records"]
        for record in records:
            sns = part(record, "Sns")
            origin = Origin(
                self.name,
                text(part(sns, "MessageId")),
                text(part(sns, "TopicArn")),
                seen=text(part(sns, "Timestamp")),
                unit=UNIT,
            )
            body = part(sns, "Message")
            if isinstance(body, str):
                yield from unwrap(to_bytes(body), origin, reader)
            else:
                error = EventError("bad_sns_record", "an SNS record without a text 'Message'")
                yield Message(encode(record), origin, error=error)

    def response(self, outcome: Outcome, payload: Any) -> None:  # noqa: ARG002
        """None; Lambda repeats an asynchronous invocation that raises.

        Raises:
            PayloadError: some messages must be tried again.
        """
        raise_returned(outcome)
