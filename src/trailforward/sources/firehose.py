"""Firehose data transformation: each record's data is an event, with its exact bytes, or log events.

The stream keeps its own destination: trailforward forwards a copy and leaves the records unchanged. A record
that was delivered, filtered, dead-lettered, or put in the retry queue is marked ``Ok``. Any other record
is marked ``ProcessingFailed``: Firehose never delivers it to the function again, but writes it to
``processing-failed/`` in the stream's bucket. Transient failures therefore go to the retry queue first, if
there is one.
Source: https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.errors import EventError
from trailforward.jsontext import encode
from trailforward.message import Message, Origin
from trailforward.sources._lenient import member, text_or_empty
from trailforward.sources._unwrap import messages_in, unbase64
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.outcome import Outcome


class FirehoseSource:
    """A batch of records of one Firehose stream."""

    name: ClassVar = "firehose"

    def recognizes(self, payload: Any) -> bool:
        """The payload has ``records`` (lowercase) and ``deliveryStreamArn``, or records with ``recordId``."""
        records = member(payload, "records")
        if not isinstance(records, list):
            return False
        return "deliveryStreamArn" in payload or "recordId" in (next(iter(records), None) or ())

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> Iterator[Message]:
        """The messages of all records. A bad record becomes a message with an error."""
        reader = reader or ObjectReader()
        for record in payload["records"]:
            ident = text_or_empty(member(record, "recordId"))
            origin = Origin(
                self.name,
                ident,
                text_or_empty(payload.get("deliveryStreamArn")),
                seen=member(record, "approximateArrivalTimestamp"),
                item=ident,
                keeps=False,
            )
            try:
                data = unbase64(member(record, "data"))
            except EventError as error:
                yield Message(encode(record), origin, error=error)
            else:
                yield from messages_in(data, origin, reader)

    def response(self, outcome: Outcome, payload: Any) -> dict[str, list[dict[str, str]]]:
        """Every record once, in order, with its data. The response is never longer than the payload."""
        failed = {outcome.messages[index].origin.item for index in outcome.returned}
        return {"records": [_result(record, failed) for record in payload["records"]]}


def _result(record: Any, failed: set[str]) -> dict[str, str]:
    ident = text_or_empty(member(record, "recordId"))
    result = "ProcessingFailed" if ident in failed else "Ok"
    return {"recordId": ident, "result": result, "data": text_or_empty(member(record, "data"))}
