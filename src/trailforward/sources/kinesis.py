"""Kinesis event source mapping: each record's data is an event, with its exact bytes, or log events.

Enable ``ReportBatchItemFailures`` in the mapping. Without it, Lambda ignores the response and continues, and
the records that must be delivered again are lost.
Source: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html

A mapping may have a tumbling window. Lambda then expects ``state`` in the response, hands it to the next
invocation of the window, and invokes the function once more, without records, at the end of a window.
Source: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.errors import EventError
from trailforward.jsontext import encode
from trailforward.message import Message, Origin
from trailforward.sources._lenient import first_record, member, text_or_empty
from trailforward.sources._unwrap import messages_in, unbase64
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.outcome import Outcome

#: Lambda delivers the first failed record and all records after it again.
_UNIT = "batch"


class KinesisSource:
    """A batch of records of one shard."""

    name: ClassVar = "kinesis"

    def recognizes(self, payload: Any) -> bool:
        """The first of ``Records`` has ``eventSource`` ``aws:kinesis``, or a window ends without records."""
        record = first_record(payload)
        if record is None:
            stream = text_or_empty(member(payload, "eventSourceARN"))
            return _has_window(payload) and payload.get("Records") == [] and ":kinesis:" in stream
        return bool(member(record, "eventSource") == "aws:kinesis")

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> Iterator[Message]:
        """The messages of all records. A bad record becomes a message with an error."""
        reader = reader or ObjectReader()
        for record in payload["Records"]:
            kinesis = member(record, "kinesis")
            number = text_or_empty(member(kinesis, "sequenceNumber"))
            arrived = member(kinesis, "approximateArrivalTimestamp")
            origin = Origin(
                self.name,
                number,
                text_or_empty(member(record, "eventSourceARN")),
                seen=arrived * 1000 if isinstance(arrived, (int, float)) else "",
                item=number,
                unit=_UNIT,
                keeps=False,
                shard=text_or_empty(member(record, "eventID")).partition(":")[0],
            )
            try:
                data = unbase64(member(kinesis, "data"))
            except EventError as error:
                yield Message(encode(record), origin, error=error)
            else:
                yield from messages_in(data, origin, reader)

    def response(self, outcome: Outcome, payload: Any) -> dict[str, Any]:
        """``batchItemFailures`` with the lowest sequence number to deliver again; empty if there is none.

        An empty identifier stands for a record without a sequence number; Lambda then retries the batch.
        In a tumbling window, ``state`` is what it was: forwarding aggregates nothing.
        """
        back = {outcome.messages[index].origin.item for index in outcome.returned}
        numbers = (
            text_or_empty(member(member(record, "kinesis"), "sequenceNumber"))
            for record in payload["Records"]
        )
        failed = [number for number in numbers if number in back]
        failures = {"batchItemFailures": [{"itemIdentifier": number} for number in failed[:1]]}
        if not _has_window(payload):
            return failures
        state = payload.get("state")
        return {"state": state if isinstance(state, dict) else {}, **failures}


def _has_window(payload: Any) -> bool:
    """Whether the mapping of a payload has a tumbling window."""
    return isinstance(member(payload, "window"), dict)
