"""``record``: exactly the bytes of ``detail``, without parsing and dumping."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from trailforward.message import Message


class Record:
    """The CloudTrail record without its envelope."""

    name: ClassVar = "record"
    json: ClassVar = True
    content_type: ClassVar = "application/json"

    def data(self, message: Message) -> bytes:
        """The bytes of the value of ``detail``.

        Raises:
            EventError: the message is not an event.
        """
        return message.detail

    def subject(self, message: Message) -> str:  # noqa: ARG002
        """Always empty: the format is for machines."""
        return ""
