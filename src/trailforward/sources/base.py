"""The contract of a source: Lambda payload → messages, and outcome → the response that Lambda expects."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trailforward.aws.objects import S3Object
    from trailforward.message import Message
    from trailforward.outcome import Outcome


class Source(Protocol):
    """Handles one shape of Lambda payload.

    Attributes:
        name: used in origins and dead letters.
    """

    name: ClassVar[str]

    def recognizes(self, payload: Any) -> bool:
        """Whether a payload has this shape. Never raises, whatever the JSON value."""
        ...

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> Iterable[Message]:
        """The messages of a payload, in order. Data that is not an event becomes a message with an error.

        If the messages may not fit in memory, this is an iterator, which is read while they are forwarded.

        Args:
            payload: as Lambda passed it.
            reader: reads the objects that the payload names; by default botocore does, without a time limit.
        """
        ...

    def response(self, outcome: Outcome, payload: Any) -> Any:
        """The response that makes Lambda deliver exactly the messages in ``outcome.returned`` again.

        Args:
            outcome: of this payload's messages; ``origin.item`` identifies a record that contained several.
            payload: as Lambda passed it.

        Raises:
            PayloadError: messages must be delivered again, and raising is how this source asks for it.
        """
        ...


class ObjectReader:
    """Reads the objects that payloads name, until a deadline.

    Args:
        fetch: yields an object's bytes in blocks of any size. It raises ``EventError`` if the object can
            never be read, and ``UnreadError`` if it may be readable later. By default botocore reads it.
        until: the deadline, on ``time.monotonic``; reading stops after it.
    """

    def __init__(
        self, fetch: Callable[[S3Object], Iterable[bytes]] | None = None, *, until: float = math.inf
    ) -> None:
        self._fetch = fetch
        self._until = until
        self._stopped = False

    def fetch(self, s3_object: S3Object) -> Iterable[bytes]:
        """Returns an iterable of the object's bytes, in blocks."""
        if self._fetch is None:
            from trailforward.aws.objects import Objects

            self._fetch = Objects()
        return self._fetch(s3_object)

    def stop(self) -> None:
        """Stops reading, because the records read so far cannot be delivered."""
        self._stopped = True

    @property
    def stop_reason(self) -> tuple[str, str] | None:
        """Why reading must stop, as an error code and a sentence; None if it may continue."""
        if self._stopped:
            return "not_read", "reading stopped, because no destination accepts anything"
        if time.monotonic() >= self._until:
            return "deadline", "not read before the deadline"
        return None
