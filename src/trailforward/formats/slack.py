"""``slack``: the notification of ``text`` as a Slack message."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from trailforward.formats import _notification

if TYPE_CHECKING:
    from trailforward.message import Message

#: Maximum characters of a section's text (https://docs.slack.dev/reference/block-kit/blocks/section-block).
_MAX_SECTION = 3_000


class Slack:
    """A bold headline and details: ``{"text": …, "blocks": […]}``. Not the bytes of the event."""

    name: ClassVar = "slack"
    json: ClassVar = True
    content_type: ClassVar = "application/json"

    def data(self, message: Message) -> bytes:
        """The Slack message in UTF-8.

        Raises:
            EventError: the message is not an event.
        """
        event, record = _notification.read(message)
        headline = _readable(_notification.headline(event, record))
        details = "\n".join(f"{name}: {value}" for name, value in _notification.details(event, record))
        blocks = [f"*{_escaped(headline, _MAX_SECTION - 2)}*", _escaped(_readable(details), _MAX_SECTION)]
        value = {
            "text": _escaped(headline, _MAX_SECTION),
            "blocks": [
                # Otherwise Slack makes links of addresses, and mentions of @channel and #channel.
                {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
                for text in blocks
                if text
            ],
        }
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

    def subject(self, message: Message) -> str:
        """The same as for ``text``."""
        return _notification.subject(*_notification.read(message))


def _readable(text: str) -> str:
    """The text without lone surrogates, which UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()


def _escaped(text: str, max_characters: int) -> str:
    """Escapes text so that it cannot contain Slack mentions or links, and shortens it."""
    parts = []
    room = max_characters - 1
    for character in text:
        part = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(character, character)
        room -= len(part)
        if room < 0:
            parts.append("…")
            break
        parts.append(part)
    return "".join(parts)
