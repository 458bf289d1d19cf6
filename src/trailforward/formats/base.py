"""The contract of a format: it converts a message to the bytes and the subject that a sink gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from trailforward.message import Message


class Format(Protocol):
    """Converts a message to bytes.

    Attributes:
        name: as written in ``format = "…"``.
        json: whether the bytes are one JSON value, which can be an element of a JSON array.
        content_type: media type of a single message.

    A format whose messages alert people sets the class attribute ``for_people`` to True; see
    :func:`trailforward.formats.is_for_people`.
    """

    name: ClassVar[str]
    json: ClassVar[bool]
    content_type: ClassVar[str]

    def data(self, message: Message) -> bytes:
        """The bytes for a sink.

        Raises:
            EventError: the message cannot be converted.
        """
        ...

    def subject(self, message: Message) -> str:  # noqa: ARG002
        """A subject of at most 99 characters without line breaks; empty, as here, if the format has none."""
        return ""
