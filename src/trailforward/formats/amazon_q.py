"""``amazon-q``: an alert as a custom notification of Amazon Q Developer in chat applications.

Publish it to an SNS topic of a channel's configuration. It appears in Slack or Microsoft Teams, without a
secret. The platform shows its own Markdown, and the format does not know which platform it is: it replaces
the characters of mentions and links instead of escaping them.

Source: https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.formats._alert import alert, shortened, to_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.formats._alert import Alert, Detection
    from trailforward.message import Message

#: Most characters.
MAX_TITLE = 250
MAX_DESCRIPTION = 8_000

#: An invisible character (word joiner) that ends a URL scheme, a mention, or a Markdown link.
_JOINER = "\u2060"
#: ``<!channel>``, ``<https://…|text>``, ``[text](https://…)``, ``@channel``, ``https://…``
_REPLACED = (
    ("<", "\u2039"),
    (">", "\u203a"),
    ("](", f"]{_JOINER}("),
    ("@", f"@{_JOINER}"),
    ("://", f":{_JOINER}//"),
)


class AmazonQ:
    """``{"version": "1.0", "source": "custom", …}``: title, description, next steps, and keywords."""

    name: ClassVar = "amazon-q"
    json: ClassVar = True
    content_type: ClassVar = "application/json"
    for_people: ClassVar = True

    def data(self, message: Message) -> bytes:
        """The notification in UTF-8.

        Raises:
            EventError: the message is not an event.
        """
        return to_json(_value(alert(message)))

    def subject(self, message: Message) -> str:  # noqa: ARG002
        """Always empty: Amazon Q shows the title."""
        return ""


def _value(found: Alert) -> dict[str, Any]:
    title = found.label + (found.title or found.headline)
    lines = [line for one in found.detections for line in _detection(one)]
    lines += [f"and {found.more} more detections"] if found.more else []
    lines += [found.headline, *(f"{name}: {value}" for name, value in found.details)]
    content: dict[str, Any] = {
        "textType": "client-markdown",
        "title": shortened(_plain(title), MAX_TITLE),
        "description": shortened("\n".join(map(_plain, lines)), MAX_DESCRIPTION),
    }
    if steps := list(_steps(found)):
        content["nextSteps"] = steps
    return {
        "version": "1.0",
        "source": "custom",
        "id": found.key,
        "content": content,
        "metadata": {"threadId": found.key, "summary": content["title"], "eventType": "trailforward-alert"},
    }


def _detection(one: Detection) -> Iterator[str]:
    yield one.heading
    yield from filter(None, (one.description, one.about))


def _steps(found: Alert) -> Iterator[str]:
    """The links, which are the only ones that may be clicked."""
    if found.link:
        yield f"Open in the AWS console: {found.link}"
    for one in found.detections:
        if one.runbook:
            yield f"Runbook: {one.runbook}"


def _plain(text: str) -> str:
    for characters, replacement in _REPLACED:
        text = text.replace(characters, replacement)
    return text
