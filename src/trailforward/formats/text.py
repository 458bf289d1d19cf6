"""``text``: a readable notification."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from trailforward.formats import _notification

if TYPE_CHECKING:
    from trailforward.message import Message


class Text:
    """A headline and details, one per line. Not the bytes of the event; use ``raw`` for machines."""

    name: ClassVar = "text"
    json: ClassVar = False
    content_type: ClassVar = "text/plain; charset=utf-8"

    def data(self, message: Message) -> bytes:
        """The notification in UTF-8.

        Raises:
            EventError: the message is not an event.
        """
        event, record = _notification.read(message)
        details = (f"{name}: {value}" for name, value in _notification.details(event, record))
        text = "\n".join([_notification.headline(event, record), "", *details, ""])
        return text.encode("utf-8", "replace")

    def subject(self, message: Message) -> str:
        """Action, actor, Region, and failure, in fewer than 100 ASCII characters."""
        return _notification.subject(*_notification.read(message))
