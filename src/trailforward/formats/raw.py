"""``raw``: exactly the bytes that arrived, without whitespace around the event."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from trailforward.message import BLANKS

if TYPE_CHECKING:
    from trailforward.message import Message


class Raw:
    """The envelope as EventBridge wrote it, or the record if it arrived without an envelope."""

    name: ClassVar = "raw"
    json: ClassVar = True
    content_type: ClassVar = "application/json"

    def data(self, message: Message) -> bytes:
        """The bytes of the event."""
        return message.raw.strip(BLANKS)  # not `body`: this runs for every event

    def subject(self, message: Message) -> str:  # noqa: ARG002
        """Always empty: the format is for machines."""
        return ""
