"""A Firehose stream's transformation: each record's data is an event, with its bytes; or log events.

The stream keeps its own destination. trailforward takes a copy and changes nothing: what it has dealt with
is ``Ok``, with the data as they came, also where it was filtered. What is safe nowhere is
``ProcessingFailed``: Firehose brings nothing again, but keeps such records under ``processing-failed/`` in
the stream's bucket. So leftovers go to the retry queue first, where there is one.
Source: https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.errors import EventError
from trailforward.jsontext import encode
from trailforward.message import Message, Origin
from trailforward.sources._lenient import part, text
from trailforward.sources._unwrap import unbase64, unwrap
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.outcome import Outcome


class FirehoseSource:
    """A batch of a delivery stream."""

    name: ClassVar = "firehose"

    def recognizes(self, payload: Any) -> bool:
        """``records`` (small r) and ``deliveryStreamArn``."""
        return isinstance(part(payload, "records"), list) and "deliveryStreamArn" in payload

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> Iterator[Message]:
        """The messages in every record, bad ones included."""
        reader = reader or ObjectReader()
        for record in payload["records"]:
            ident = text(part(record, "recordId"))
            origin = Origin(
                self.name,
                ident,
                text(payload["deliveryStreamArn"]),
                seen=part(record, "approximateArrivalTimestamp"),
                item=ident,
                redelivered=False,
            )
            try:
                data = unbase64(part(record, "data"))
            except EventError as error:
                yield Message(encode(record), origin, error=error)
            else:
                yield from unwrap(data, origin, reader)

    def response(self, outcome: Outcome, payload: Any) -> dict[str, list[dict[str, str]]]:
        """Every record once, in order, with its own data: the answer is never longer than what came."""
        failed = {outcome.messages[index].origin.item for index in outcome.returned}
        return {"records": [_answered(record, failed) for record in payload["records"]]}


def _answered(record: Any, failed: set[str]) -> dict[str, str]:
    ident = text(part(record, "recordId"))
    result = "ProcessingFailed" if ident in failed else "Ok"
    return {"recordId": ident, "result": result, "data": text(part(record, "data"))}
