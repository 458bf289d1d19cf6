"""S3 or CloudTrail notification about log files, whose records are read while they are forwarded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.jsontext import encode
from trailforward.message import Message, Origin
from trailforward.sources._notifications import parse_notifications, s3_test_event
from trailforward.sources._raise import UNIT, raise_returned
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.outcome import Outcome


class S3Source:
    """An S3 event notification, S3's test event, or a CloudTrail notification."""

    name: ClassVar = "s3"

    def recognizes(self, payload: Any) -> bool:
        """``Records`` starts with ``eventSource`` ``aws:s3``; or ``s3Bucket`` and ``s3ObjectKey`` exist."""
        return parse_notifications(payload) is not None or s3_test_event(payload) is not None

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> Iterator[Message]:
        """The records of every object that the payload names, in order."""
        origin = Origin(self.name, unit=UNIT, keeps=False)
        if (error := s3_test_event(payload)) is not None:
            yield Message(encode(payload), origin, error=error)
        else:
            from trailforward.sources._containers import read_objects

            found = parse_notifications(payload) or []
            yield from read_objects(encode(payload), found, origin, reader or ObjectReader())

    def response(self, outcome: Outcome, payload: Any) -> None:  # noqa: ARG002
        """None. Lambda retries an asynchronous invocation that raises.

        Raises:
            PayloadError: some records must be delivered again.
        """
        raise_returned(outcome)
