"""SNS subscription: each ``Message`` is an event, with its exact bytes, or wraps events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.errors import EventError
from trailforward.jsontext import encode, to_bytes
from trailforward.message import Message, Origin
from trailforward.sources._lenient import first_record, member, sns_message, text_or_empty
from trailforward.sources._raise import UNIT, raise_returned
from trailforward.sources._unwrap import messages_in
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.outcome import Outcome


class SnsSource:
    """A topic's notification, in the form that Lambda gets or in the form that a queue gets."""

    name: ClassVar = "sns"

    def recognizes(self, payload: Any) -> bool:
        """``Records`` starts with ``EventSource`` (capital E) ``aws:sns``, or this is one notification."""
        return member(first_record(payload), "EventSource") == "aws:sns" or sns_message(payload) is not None

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> Iterator[Message]:
        """The messages of all notifications. A bad notification becomes a message with an error."""
        reader = reader or ObjectReader()
        records = [{"Sns": payload}] if sns_message(payload) is not None else payload["Records"]
        for record in records:
            sns = member(record, "Sns")
            origin = Origin(
                self.name,
                text_or_empty(member(sns, "MessageId")),
                text_or_empty(member(sns, "TopicArn")),
                seen=text_or_empty(member(sns, "Timestamp")),
                unit=UNIT,
                keeps=False,
            )
            body = member(sns, "Message")
            if isinstance(body, str):
                yield from messages_in(to_bytes(body), origin, reader)
            else:
                error = EventError("bad_sns_record", "an SNS record without a text 'Message'")
                yield Message(encode(record), origin, error=error)

    def response(self, outcome: Outcome, payload: Any) -> None:  # noqa: ARG002
        """None. Lambda retries an asynchronous invocation that raises.

        Raises:
            PayloadError: some messages must be delivered again.
        """
        raise_returned(outcome)
