"""CloudWatch Logs subscription: each log event's ``message`` is a record or event, with its exact bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.errors import EventError
from trailforward.jsontext import encode
from trailforward.message import Message, Origin
from trailforward.sources._lenient import member
from trailforward.sources._raise import UNIT, raise_returned
from trailforward.sources._unwrap import refused_at_once, unbase64
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.outcome import Outcome


class CloudWatchLogsSource:
    """A batch of log events of one log stream."""

    name: ClassVar = "cloudwatch_logs"

    def recognizes(self, payload: Any) -> bool:
        """The payload has ``awslogs.data``."""
        return member(member(payload, "awslogs"), "data") is not None

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> Iterator[Message]:
        """One message per log event."""
        origin = Origin(self.name, unit=UNIT, keeps=False)
        try:
            data = unbase64(payload["awslogs"]["data"])
        except EventError as error:
            yield Message(encode(payload), origin, error=error)
        else:
            from trailforward.sources import _log_events

            found = _log_events.read(data, origin, reader or ObjectReader())
            yield from refused_at_once(data, origin, found)

    def response(self, outcome: Outcome, payload: Any) -> None:  # noqa: ARG002
        """None. Lambda retries an asynchronous invocation that raises.

        Raises:
            PayloadError: some log events must be delivered again.
        """
        raise_returned(outcome)
