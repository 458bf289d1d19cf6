"""``slack``: an alert as a Slack message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.formats._alert import Detection, ForPeople, alert, escaped, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.formats._alert import Alert
    from trailforward.formats._digest import Digest
    from trailforward.message import Message

#: Most characters of a section's text (https://docs.slack.dev/reference/block-kit/blocks/section-block).
MAX_SECTION = 3_000
#: Slack refuses messages of about 13,200 characters in all (https://github.com/slackapi/bolt-js/issues/2509).
MAX_BLOCKS = 12_000

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class Slack(ForPeople):
    """The detections, a headline, details, and links: ``{"text": …, "blocks": […]}``."""

    name: ClassVar = "slack"
    digest_bytes: ClassVar = MAX_BLOCKS

    def data(self, message: Message) -> bytes:
        """The Slack message in UTF-8.

        Raises:
            EventError: the message is not an event.
        """
        return to_json(_value(alert(message)))

    def digest(self, found: Digest) -> bytes:
        """Several alerts in UTF-8: one section each, at most 22 of Slack's 50 blocks."""
        texts = [f"*{found.title}*"]
        for one in found.lines:
            link = f"\n<{_escape(one.link)}|Open in the AWS console>" if one.link else ""
            texts.append(escaped(one.text, _ESCAPES, MAX_SECTION - len(link)) + link)
        return to_json({"text": found.title, "blocks": _sections([*texts, "\n".join(found.ends)])})


def _value(found: Alert) -> dict[str, Any]:
    headline = escaped(found.headline, _ESCAPES, MAX_SECTION - 2)
    details = "\n".join(f"{name}: {value}" for name, value in found.details)
    ends = [f"*{headline}*", escaped(details, _ESCAPES, MAX_SECTION)]
    if found.link:
        ends.append(f"<{_escape(found.link)}|Open in the AWS console>")
    room = MAX_BLOCKS - sum(map(len, ends))
    texts: list[str] = []
    left_out = found.more
    for detection in found.detections:
        text = _detection(detection)
        if len(text) > room:
            left_out += 1
            continue
        room -= len(text)
        texts.append(text)
    if left_out:
        texts.append(f"and {left_out} more detections")
    return {
        "text": escaped(found.summary, _ESCAPES, MAX_SECTION),
        "blocks": _sections([*texts, *ends]),
    }


def _sections(texts: Iterable[str]) -> list[dict[str, Any]]:
    # ``verbatim`` keeps Slack from turning addresses and names into links and mentions.
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
        for text in texts
        if text
    ]


def _detection(detection: Detection) -> str:
    """One detection as a section, at most 3,000 characters long."""
    lines = [f"*{escaped(detection.heading, _ESCAPES, 315)}*"]
    if detection.runbook:
        lines.append(f"<{_escape(detection.runbook)}|Runbook>")
    if detection.about:
        lines.append(escaped(detection.about, _ESCAPES, 500))
    if detection.description:
        room = MAX_SECTION - sum(map(len, lines)) - len(lines)
        lines.insert(1, escaped(detection.description, _ESCAPES, room))
    return "\n".join(lines)


def _escape(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text)
