"""``google-chat``: an alert as a card for an incoming webhook of Google Chat.

Texts of cards are a small part of HTML, so that escaped text cannot contain links or mentions.

Sources: https://developers.google.com/workspace/chat/api/reference/rest/v1/cards and
https://developers.google.com/workspace/chat/format-messages
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.formats._alert import ForPeople, fit, to_json

if TYPE_CHECKING:
    from trailforward.formats._alert import Alert, Detection
    from trailforward.formats._digest import Digest
    from trailforward.message import Message

#: Bytes of a message, which includes its card
#: (https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages/create).
MAX_BYTES = 32_000
#: Google Chat ignores the widgets of a card after the first 100.
MAX_WIDGETS = 100

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
#: Plain text has no escapes, so these are replaced by similar characters.
_PLAIN = str.maketrans({"<": "\u2039", ">": "\u203a"})


class GoogleChat(ForPeople):
    """The detections, a headline, details, and buttons for the console and the runbooks."""

    name: ClassVar = "google-chat"
    content_type: ClassVar = "application/json; charset=UTF-8"
    digest_bytes: ClassVar = MAX_BYTES

    def data(self, message: Message) -> bytes:
        """The message in UTF-8, at most 32,000 bytes.

        Raises:
            EventError: the message is not an event.
        """
        return fit(message, _value, MAX_BYTES)

    def digest(self, found: Digest) -> bytes:
        """Several alerts in UTF-8: one paragraph each, with a link to the console."""
        texts = [f"<b>{found.title}</b>"]
        for one in found.lines:
            link = f' <a href="{_escaped(one.link)}">Open in the AWS console</a>' if one.link else ""
            texts.append(_escaped(one.text) + link)
        return to_json(_card(found.title, [{"widgets": [*map(_paragraph, [*texts, *found.ends])]}]))


def _value(found: Alert) -> dict[str, Any]:
    sections = [{"widgets": _detection(one)} for one in found.detections]
    if found.more:
        sections.append({"widgets": [_paragraph(f"and {found.more} more detections")]})
    lines = [f"<b>{name}:</b> {_escaped(value)}" for name, value in found.details]
    widgets = [_paragraph(f"<b>{_escaped(found.headline)}</b>"), *map(_paragraph, lines)]
    if found.link:
        widgets.append(_button("Open in the AWS console", found.link))
    sections.append({"widgets": widgets})
    return _card(found.summary.translate(_PLAIN), sections)


def _card(fallback: str, sections: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "fallbackText": fallback,
        "cardsV2": [{"cardId": "alert", "card": {"sections": sections}}],
    }


def _detection(one: Detection) -> list[dict[str, Any]]:
    texts = [f"<b>{_escaped(one.heading)}</b>", _escaped(one.description), _escaped(one.about)]
    widgets = [_paragraph(text) for text in texts if text]
    return [*widgets, _button("Runbook", one.runbook)] if one.runbook else widgets


def _paragraph(text: str) -> dict[str, Any]:
    return {"textParagraph": {"text": text}}


def _button(text: str, url: str) -> dict[str, Any]:
    return {"buttonList": {"buttons": [{"text": text, "onClick": {"openLink": {"url": url}}}]}}


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)
