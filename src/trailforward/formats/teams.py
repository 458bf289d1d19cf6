"""``teams``: an alert as an Adaptive Card in a message for a Workflows webhook of Microsoft Teams.

The texts are in ``TextRun`` elements, which show Markdown and mentions as plain text.

Sources: https://adaptivecards.io/schemas/1.4.0/adaptive-card.json,
https://learn.microsoft.com/en-us/connectors/teams/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.formats._alert import ForPeople, fit, to_json

if TYPE_CHECKING:
    from trailforward.formats._alert import Alert, Detection
    from trailforward.formats._digest import Digest
    from trailforward.message import Message

#: Bytes of a message. Teams documents 28 KB for a message with its own additions; users saw refusals from
#: 21 KB.
MAX_BYTES = 20_000
#: Teams shows at most six actions of a card.
_MAX_ACTIONS = 6

_COLORS = {"critical": "attention", "high": "attention", "medium": "warning", "low": "accent"}


class Teams(ForPeople):
    """The detections, a headline, details, and buttons for the console and the runbooks."""

    name: ClassVar = "teams"
    digest_bytes: ClassVar = MAX_BYTES

    def data(self, message: Message) -> bytes:
        """The message in UTF-8, at most 20,000 bytes.

        Raises:
            EventError: the message is not an event.
        """
        return fit(message, _value, MAX_BYTES)

    def digest(self, found: Digest) -> bytes:
        """Several alerts in UTF-8: one block each, which links to the console."""
        body = [_block(_run(found.title, weight="bolder", size="large"))]
        for one in found.lines:
            run = _run(one.text, color=_COLORS.get(one.severity, "default"))
            # Without a title, because the run itself is what one clicks.
            link = {"selectAction": {"type": "Action.OpenUrl", "url": one.link}} if one.link else {}
            body.append(_block(run | link))
        body += [_block(_run(text, isSubtle=True)) for text in found.ends]
        return to_json(_card(found.title, body, []))


def _value(found: Alert) -> dict[str, Any]:
    body = [block for one in found.detections for block in _detection(one)]
    if found.more:
        body.append(_block(_run(f"and {found.more} more detections")))
    body.append(_block(_run(found.headline, weight="bolder"), separator=bool(body)))
    body += [_block(_run(f"{name}: ", isSubtle=True), _run(value)) for name, value in found.details]
    actions = [_open("AWS console", found.link)] if found.link else []
    actions += [_open(f"Runbook: {one.title[:40]}", one.runbook) for one in found.detections if one.runbook]
    return _card(found.headline, body, actions)


def _card(fallback: str, body: list[dict[str, Any]], actions: list[dict[str, Any]]) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": fallback,
        "body": body,
        "msteams": {"width": "Full"},
    }
    if actions:
        card["actions"] = actions[:_MAX_ACTIONS]
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def _detection(one: Detection) -> list[dict[str, Any]]:
    color = _COLORS.get(one.severity, "default")
    blocks = [_block(_run(one.heading, weight="bolder", size="large", color=color))]
    if one.description:
        blocks.append(_block(_run(one.description)))
    if one.about:
        blocks.append(_block(_run(one.about, isSubtle=True)))
    return blocks


def _block(*runs: dict[str, Any], separator: bool = False) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "RichTextBlock", "inlines": list(runs)}
    return {**block, "separator": True} if separator else block


def _run(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **style}


def _open(title: str, url: str) -> dict[str, Any]:
    return {"type": "Action.OpenUrl", "title": title, "url": url}
