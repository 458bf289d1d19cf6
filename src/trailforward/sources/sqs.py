"""SQS event source mapping: each body is an event, as text, so its bytes are exact; or what brings events.

A body may also be an event in SNS's notification, or point to trail files in S3.

The mapping must have ``ReportBatchItemFailures`` on; without it Lambda ignores the answer and deletes
what was to come back.
Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward import redelivery
from trailforward.errors import EventError
from trailforward.jsontext import encode
from trailforward.message import Message, Origin
from trailforward.sources._lenient import text
from trailforward.sources._unwrap import bare, unwrap
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from trailforward.outcome import Outcome


class SqsSource:
    """A batch from a standard or FIFO queue."""

    name: ClassVar = "sqs"

    def recognizes(self, payload: Any) -> bool:
        """``Records`` whose first has ``eventSource`` ``aws:sqs``; an empty batch is one too."""
        records = payload.get("Records") if isinstance(payload, dict) else None
        if not isinstance(records, list):
            return False
        if not records:
            return len(payload) == 1
        return isinstance(records[0], dict) and records[0].get("eventSource") == "aws:sqs"

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> Iterable[Message]:
        """The messages in every SQS record, bad ones included."""
        records = payload["Records"]
        plain = [_plain(record) for record in records]
        if None not in plain:
            return plain  # type: ignore[return-value]  # no None in it
        return self._each(records, plain, reader or ObjectReader())

    def response(self, outcome: Outcome, payload: Any) -> dict[str, list[dict[str, str]]]:  # noqa: ARG002
        """``batchItemFailures`` with the messageIds to hand back; an empty list when there are none.

        A message that has no messageId is named by an empty one, by which Lambda takes the whole batch back.
        """
        origins = (outcome.messages[index].origin for index in outcome.returned)
        ids = dict.fromkeys(origin.item or origin.ref for origin in origins)
        return {"batchItemFailures": [{"itemIdentifier": ident} for ident in ids]}

    def _each(
        self, records: Sequence[Any], plain: Sequence[Message | None], reader: ObjectReader
    ) -> Iterator[Message]:
        for record, message in zip(records, plain, strict=True):
            if message is not None:
                yield message
            else:
                yield from self._messages(record, reader)

    def _messages(self, record: Any, reader: ObjectReader) -> Iterator[Message]:
        if not isinstance(record, dict):
            error = EventError("bad_sqs_record", "an SQS record that is no JSON object")
            yield Message(encode(record), Origin(self.name), error=error)
            return
        attributes = _texts(record.get("messageAttributes"))
        note = redelivery.from_attributes(attributes)
        system = record.get("attributes")
        system = system if isinstance(system, dict) else {}
        group = system.get("MessageGroupId")
        arn = text(record.get("eventSourceARN"))
        origin = Origin(
            source=self.name,
            ref=text(record.get("messageId")),
            arn=arn,
            # Standard queues may carry group ids too (fair queues); order binds FIFO queues only.
            group=group if isinstance(group, str) and arn.endswith(".fifo") else None,
            owed=note.owed,
            attempts=note.attempts,
            seen=note.first_seen or system.get("SentTimestamp"),
            skip=note.skip,
        )
        body = record.get("body")
        if not isinstance(body, str):
            error = EventError("bad_sqs_record", "an SQS record without a text 'body'")
            yield Message(encode(record), origin, error=error)
            return
        try:
            raw = redelivery.decode_body(body, attributes)
        except EventError as error:
            yield Message(encode(body), origin, error=error)
            return
        yield from unwrap(raw, origin, reader)


def _plain(record: Any) -> Message | None:
    """The message in what a rule put into a standard queue; None for whatever wants a closer look."""
    try:
        system, ident, arn = record["attributes"], record["messageId"], record["eventSourceARN"]
        if record["messageAttributes"] or "MessageGroupId" in system or not type(ident) is type(arn) is str:
            return None
        raw, sent = record["body"].encode(), system["SentTimestamp"]
    except (KeyError, TypeError, AttributeError, UnicodeEncodeError):
        return None
    if not bare(raw):
        return None
    return Message(raw, Origin(SqsSource.name, ident, arn, seen=sent))


def _texts(attributes: object) -> dict[str, str]:
    """Text attributes of a message, as Lambda spells them."""
    if not isinstance(attributes, dict):
        return {}
    values = {name: value.get("stringValue") for name, value in attributes.items() if isinstance(value, dict)}
    return {name: value for name, value in values.items() if isinstance(value, str)}
