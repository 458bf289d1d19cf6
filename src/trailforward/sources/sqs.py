"""SQS event source mapping: each body is one event, as text, so its bytes are exact.

The mapping must have ``ReportBatchItemFailures`` on; without it Lambda ignores the answer and deletes
what was to come back.
Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from trailforward import handback
from trailforward.errors import EventError
from trailforward.jsontext import encode
from trailforward.message import Message, Origin

if TYPE_CHECKING:
    from trailforward.outcome import Outcome


class SqsSource:
    """A batch from a standard or FIFO queue."""

    name: ClassVar = "sqs"

    def recognises(self, payload: Any) -> bool:
        """``Records`` whose first has ``eventSource`` ``aws:sqs``; an empty batch is one too."""
        records = payload.get("Records") if isinstance(payload, dict) else None
        if not isinstance(records, list):
            return False
        if not records:
            return len(payload) == 1
        return isinstance(records[0], dict) and records[0].get("eventSource") == "aws:sqs"

    def messages(self, payload: Any) -> list[Message]:
        """One message per SQS record, bad ones included."""
        return [self._message(record) for record in payload["Records"]]

    def answer(self, outcome: Outcome) -> dict[str, list[dict[str, str]]]:
        """``batchItemFailures`` with the messageIds to hand back; an empty list when there are none.

        A message that has no messageId is named by an empty one, by which Lambda takes the whole batch back.
        """
        failures = [{"itemIdentifier": outcome.messages[index].origin.ref} for index in outcome.returned]
        return {"batchItemFailures": failures}

    def _message(self, record: Any) -> Message:
        if not isinstance(record, dict):
            error = EventError("bad_sqs_record", "an SQS record that is no JSON object")
            return Message(encode(record), Origin(self.name), error=error)
        attributes = _texts(record.get("messageAttributes"))
        note = handback.read(attributes)
        system = record.get("attributes")
        system = system if isinstance(system, dict) else {}
        group = system.get("MessageGroupId")
        arn = _text(record.get("eventSourceARN"))
        origin = Origin(
            source=self.name,
            ref=_text(record.get("messageId")),
            arn=arn,
            # Standard queues may carry group ids too (fair queues); order binds FIFO queues only.
            group=group if isinstance(group, str) and arn.endswith(".fifo") else None,
            owed=note.owed,
            attempts=note.attempts,
            first_seen=note.first_seen or _iso(system.get("SentTimestamp")),
        )
        body = record.get("body")
        if not isinstance(body, str):
            error = EventError("bad_sqs_record", "an SQS record without a text 'body'")
            return Message(encode(record), origin, error=error)
        try:
            return Message(handback.body(body, attributes), origin)
        except EventError as error:
            return Message(encode(body), origin, error=error)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(attributes: object) -> dict[str, str]:
    """Text attributes of a message, as Lambda spells them."""
    if not isinstance(attributes, dict):
        return {}
    values = {name: value.get("stringValue") for name, value in attributes.items() if isinstance(value, dict)}
    return {name: value for name, value in values.items() if isinstance(value, str)}


def _iso(milliseconds: object) -> str:
    """SQS's epoch milliseconds as ISO 8601; empty for anything else."""
    if not isinstance(milliseconds, (str, int)):
        return ""
    try:
        moment = datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return moment.isoformat(timespec="milliseconds")
