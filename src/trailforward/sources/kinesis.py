"""A Kinesis stream's event source mapping: each record's data is an event, with its bytes; or log events.

The mapping should have ``ReportBatchItemFailures`` on; without it Lambda ignores the answer and goes on, and
what was to come back is lost.
Source: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.errors import EventError
from trailforward.jsontext import encode
from trailforward.message import Message, Origin
from trailforward.sources._lenient import first_record, part, text
from trailforward.sources._unwrap import unbase64, unwrap
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.outcome import Outcome

#: Lambda goes back to the first failed record, and brings again whatever follows.
_UNIT = "batch"


class KinesisSource:
    """A batch from one shard."""

    name: ClassVar = "kinesis"

    def recognizes(self, payload: Any) -> bool:
        """``Records`` whose first has ``eventSource`` ``aws:kinesis``."""
        return bool(part(first_record(payload), "eventSource") == "aws:kinesis")

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> Iterator[Message]:
        """The messages in every record, bad ones included."""
        reader = reader or ObjectReader()
        for record in payload["Records"]:
            about = part(record, "kinesis")
            number = text(part(about, "sequenceNumber"))
            arrived = part(about, "approximateArrivalTimestamp")
            origin = Origin(
                self.name,
                number,
                text(part(record, "eventSourceARN")),
                seen=arrived * 1000 if isinstance(arrived, (int, float)) else "",
                item=number,
                unit=_UNIT,
            )
            try:
                data = unbase64(part(about, "data"))
            except EventError as error:
                yield Message(encode(record), origin, error=error)
            else:
                yield from unwrap(data, origin, reader)

    def response(self, outcome: Outcome, payload: Any) -> dict[str, list[dict[str, str]]]:
        """``batchItemFailures`` with the lowest sequence number to hand back; an empty list if there is none.

        A record without one is named by an empty one, by which Lambda takes the whole batch back.
        """
        back = {outcome.messages[index].origin.item for index in outcome.returned}
        numbers = (text(part(part(record, "kinesis"), "sequenceNumber")) for record in payload["Records"])
        failed = [number for number in numbers if number in back]
        return {"batchItemFailures": [{"itemIdentifier": number} for number in failed[:1]]}
