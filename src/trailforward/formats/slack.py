"""``slack``: the notification of ``text`` as a Slack message."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from trailforward.formats.text import Text

if TYPE_CHECKING:
    from trailforward.message import Message

#: Of a section's text (https://docs.slack.dev/reference/block-kit/blocks/section-block).
_SECTION = 3_000


class Slack:
    """``{"text": …, "blocks": […]}``: the headline in bold, the details below. Not the event's bytes."""

    name: ClassVar = "slack"
    json: ClassVar = True
    content_type: ClassVar = "application/json"

    def __init__(self) -> None:
        self._text = Text()

    def data(self, message: Message) -> bytes:
        """The message in UTF-8.

        Raises:
            EventError: the message is no event.
        """
        headline, _, details = self._text.data(message).decode().partition("\n\n")
        blocks = [f"*{_escaped(headline, _SECTION - 2)}*", _escaped(details.strip("\n"), _SECTION)]
        value = {
            "text": _escaped(headline, _SECTION),
            "blocks": [
                {"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in blocks if text
            ],
        }
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

    def subject(self, message: Message) -> str:
        """As that of ``text``."""
        return self._text.subject(message)


def _escaped(text: str, most: int) -> str:
    """Without meaning for Slack: mentions and links cannot be forged. At most so many characters."""
    parts = []
    room = most - 1
    for character in text:
        part = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(character, character)
        room -= len(part)
        if room < 0:
            parts.append("…")
            break
        parts.append(part)
    return "".join(parts)
