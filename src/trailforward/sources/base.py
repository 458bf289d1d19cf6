"""The contract of a source: a Lambda payload → messages, and an outcome → the answer Lambda expects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from trailforward.message import Message
    from trailforward.outcome import Outcome


class Source(Protocol):
    """One shape of payload.

    Attributes:
        name: used in origins and dead letters.
    """

    name: ClassVar[str]

    def recognises(self, payload: Any) -> bool:
        """Whether a payload has this shape. Survives any JSON value."""
        ...

    def messages(self, payload: Any) -> list[Message]:
        """The messages of a payload, in order. What is no event becomes a message that says so."""
        ...

    def answer(self, outcome: Outcome) -> Any:
        """What the invocation must answer so that Lambda hands back exactly ``outcome.returned``.

        Raises:
            PayloadError: where raising is how this source takes messages back.
        """
        ...
