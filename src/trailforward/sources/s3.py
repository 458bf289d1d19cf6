"""S3 or CloudTrail tells the function of a trail file: its records are read as they are forwarded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.jsontext import encode
from trailforward.message import Message, Origin
from trailforward.sources._notifications import notifications, test_notification
from trailforward.sources._raise import UNIT, raise_returned
from trailforward.sources._unwrap import pointed
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.outcome import Outcome


class S3Source:
    """A notification of S3, also the one that tests it, or CloudTrail's own."""

    name: ClassVar = "s3"

    def recognizes(self, payload: Any) -> bool:
        """``Records`` whose first has ``eventSource`` ``aws:s3``; or ``s3Bucket`` and ``s3ObjectKey``."""
        return notifications(payload) is not None or test_notification(payload) is not None

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> Iterator[Message]:
        """The records of every object that is named, in order."""
        origin = Origin(self.name, unit=UNIT)
        if (error := test_notification(payload)) is not None:
            yield Message(encode(payload), origin, error=error)
        else:
            yield from pointed(payload, notifications(payload) or [], origin, reader or ObjectReader())

    def response(self, outcome: Outcome, payload: Any) -> None:  # noqa: ARG002
        """None; Lambda repeats an asynchronous invocation that raises.

        Raises:
            PayloadError: some records must be tried again.
        """
        raise_returned(outcome)
