"""``record``: exactly the bytes of ``detail``, cut out and not re-serialised."""

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
        """The bytes between ``"detail":`` and what follows.

        Raises:
            EventError: the message is no event.
        """
        return message.detail

    def subject(self, message: Message) -> str:  # noqa: ARG002
        """None: the bytes speak to machines."""
        return ""
