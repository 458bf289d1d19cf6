"""A CloudTrail record without an envelope, or the contents of a log file: ``{"Records": [record, …]}``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.errors import EventError
from trailforward.jsontext import encode
from trailforward.message import Message, Origin, as_envelope, is_record
from trailforward.sources._limits import refuse_floods
from trailforward.sources._raise import UNIT, raise_returned

if TYPE_CHECKING:
    from trailforward.outcome import Outcome
    from trailforward.sources.base import ObjectReader


class RecordsSource:
    """Records without envelopes, passed by a test or by the caller's own code."""

    name: ClassVar = "records"

    def recognizes(self, payload: Any) -> bool:
        """The payload is a record, or the first of ``Records`` is one."""
        if is_record(payload):
            return True
        records = payload.get("Records") if isinstance(payload, dict) else None
        return isinstance(records, list) and bool(records) and is_record(records[0])

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> list[Message]:  # noqa: ARG002
        """One message per record."""
        records = [payload] if is_record(payload) else payload["Records"]
        made = (
            _message(record, Origin(self.name, str(index), unit=UNIT, keeps=False))
            for index, record in enumerate(records)
        )
        try:
            return list(refuse_floods(made))
        except EventError as error:
            return [Message(encode(payload), Origin(self.name, unit=UNIT, keeps=False), error=error)]

    def response(self, outcome: Outcome, payload: Any) -> None:  # noqa: ARG002
        """None. If one record must be delivered again, the whole payload must.

        Raises:
            PayloadError: some records must be delivered again.
        """
        raise_returned(outcome)


def _message(record: Any, origin: Origin) -> Message:
    raw = encode(record)
    try:
        # The record is parsed already. Encoding it and decoding it again would gain nothing.
        return Message(raw, origin, event=as_envelope(record))
    except EventError as error:
        return Message(raw, origin, error=error)
