"""SQS event source mapping: each body is an event, with its exact bytes, or wraps events.

A body may also be an SNS notification around an event, or a notification about CloudTrail log files in S3.

The mapping must enable ``ReportBatchItemFailures``. Without it, Lambda ignores the response and deletes the
messages that must be delivered again.
Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward import redelivery
from trailforward.errors import EventError
from trailforward.jsontext import encode
from trailforward.message import Message, Origin
from trailforward.sources._lenient import text_or_empty
from trailforward.sources._unwrap import is_unwrapped, messages_in
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from trailforward.outcome import Outcome


class SqsSource:
    """A batch from a standard or FIFO queue."""

    name: ClassVar = "sqs"

    def recognizes(self, payload: Any) -> bool:
        """The first of ``Records`` has ``eventSource`` ``aws:sqs``, or ``Records`` is empty."""
        records = payload.get("Records") if isinstance(payload, dict) else None
        if not isinstance(records, list):
            return False
        if not records:
            return len(payload) == 1
        return isinstance(records[0], dict) and records[0].get("eventSource") == "aws:sqs"

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> Iterable[Message]:
        """The messages of all SQS records. A bad record becomes a message with an error."""
        records = payload["Records"]
        fast = [_fast_message(record) for record in records]
        if None not in fast:
            return fast  # type: ignore[return-value]  # it contains no None
        return self._each(records, fast, reader or ObjectReader())

    def response(self, outcome: Outcome, payload: Any) -> dict[str, list[dict[str, str]]]:  # noqa: ARG002
        """``batchItemFailures`` with the messageIds to deliver again; an empty list if there are none.

        An empty identifier stands for a message without a messageId; Lambda then retries the whole batch.
        """
        origins = (outcome.messages[index].origin for index in outcome.returned)
        ids = dict.fromkeys(origin.item or origin.ref for origin in origins)
        return {"batchItemFailures": [{"itemIdentifier": ident} for ident in ids]}

    def _each(
        self, records: Sequence[Any], fast: Sequence[Message | None], reader: ObjectReader
    ) -> Iterator[Message]:
        for record, message in zip(records, fast, strict=True):
            if message is not None:
                yield message
            else:
                yield from self._messages(record, reader)

    def _messages(self, record: Any, reader: ObjectReader) -> Iterator[Message]:
        if not isinstance(record, dict):
            error = EventError("bad_sqs_record", "an SQS record that is not a JSON object")
            yield Message(encode(record), Origin(self.name), error=error)
            return
        attributes = _texts(record.get("messageAttributes"))
        redelivered = redelivery.from_attributes(attributes)
        system = record.get("attributes")
        system = system if isinstance(system, dict) else {}
        group = system.get("MessageGroupId")
        arn = text_or_empty(record.get("eventSourceARN"))
        origin = Origin(
            source=self.name,
            ref=text_or_empty(record.get("messageId")),
            arn=arn,
            # Standard queues may have group IDs too (fair queues), but only FIFO queues keep the order.
            group=group if isinstance(group, str) and arn.endswith(".fifo") else None,
            owed=redelivered.owed,
            attempts=redelivered.attempts,
            seen=redelivered.first_seen or system.get("SentTimestamp"),
            skip=redelivered.skip,
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
        yield from messages_in(raw, origin, reader)


def _fast_message(record: Any) -> Message | None:
    """The message of a record that an EventBridge rule put into a standard queue; None for other records."""
    try:
        system, ident, arn = record["attributes"], record["messageId"], record["eventSourceARN"]
        if record["messageAttributes"] or "MessageGroupId" in system or not type(ident) is type(arn) is str:
            return None
        raw, sent = record["body"].encode(), system["SentTimestamp"]
    except (KeyError, TypeError, AttributeError, UnicodeEncodeError):
        return None
    if not is_unwrapped(raw):
        return None
    return Message(raw, Origin(SqsSource.name, ident, arn, seen=sent))


def _texts(attributes: object) -> dict[str, str]:
    """The string attributes of a message, from the form that Lambda uses."""
    if not isinstance(attributes, dict):
        return {}
    values = {name: value.get("stringValue") for name, value in attributes.items() if isinstance(value, dict)}
    return {name: value for name, value in values.items() if isinstance(value, str)}
