"""The contract of a format: message → the bytes, subject and attributes that a sink gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from trailforward.message import Message


class Format(Protocol):
    """Turns a message into bytes.

    Attributes:
        name: as written in ``format = "…"``.
        json: whether the bytes are one JSON value (fit for a JSON array).
        content_type: of one such value on its own.
    """

    name: ClassVar[str]
    json: ClassVar[bool]
    content_type: ClassVar[str]

    def data(self, message: Message) -> bytes:
        """The bytes.

        Raises:
            EventError: this message has no such form.
        """
        ...

    def subject(self, message: Message) -> str:
        """A line for people, at most 99 characters without line breaks; empty if this format has none."""
        ...
