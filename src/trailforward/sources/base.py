"""The contract of a source: a Lambda payload → messages, and an outcome → the answer Lambda expects."""

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
    """One shape of payload.

    Attributes:
        name: used in origins and dead letters.
    """

    name: ClassVar[str]

    def recognizes(self, payload: Any) -> bool:
        """Whether a payload has this shape. Survives any JSON value."""
        ...

    def messages(self, payload: Any, reader: ObjectReader | None = None) -> Iterable[Message]:
        """The messages of a payload, in order. What is no event becomes a message that says so.

        An iterator where they may be too many for memory: it is read as it is forwarded.

        Args:
            payload: as Lambda gave it.
            reader: how to read what the payload only points to; by botocore, without limit, by default.
        """
        ...

    def response(self, outcome: Outcome, payload: Any) -> Any:
        """What the invocation must answer so that Lambda hands back exactly ``outcome.returned``.

        Args:
            outcome: of this payload's messages; ``origin.item`` names what carried several of them.
            payload: as Lambda gave it.

        Raises:
            PayloadError: where raising is how this source takes messages back.
        """
        ...


class ObjectReader:
    """How to read what payloads point to, and how long.

    Args:
        fetch: yields an object's bytes in blocks of any size; raises ``EventError`` for what can never be
            read, ``UnreadError`` for what may be later. botocore by default.
        until: on ``time.monotonic``; no object is read on after it.
    """

    def __init__(
        self, fetch: Callable[[S3Object], Iterable[bytes]] | None = None, *, until: float = math.inf
    ) -> None:
        self._fetch = fetch
        self._until = until
        self._stopped = False

    def fetch(self, pointer: S3Object) -> Iterable[bytes]:
        """The bytes of an object."""
        if self._fetch is None:
            from trailforward.aws.objects import Objects

            self._fetch = Objects()
        return self._fetch(pointer)

    def stop(self) -> None:
        """Ends reader: what has been read cannot be delivered."""
        self._stopped = True

    @property
    def over(self) -> tuple[str, str] | None:
        """Why nothing more is read, as code and sentence; None while there is time."""
        if self._stopped:
            return "not_read", "not read on, because no destination takes anything"
        if time.monotonic() >= self._until:
            return "deadline", "not read before the time was up"
        return None
