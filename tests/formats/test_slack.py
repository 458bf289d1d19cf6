"""The slack format produces Slack messages."""

from __future__ import annotations

import json

import pytest

from tests.support.events import envelope
from trailforward import EventError, Message, Origin
from trailforward.formats import load
from trailforward.testing import samples

FORM = load("slack")


@pytest.mark.parametrize("name", samples.names())
def test_every_event_is_a_message_within_slacks_limits(name: str) -> None:
    """The message has a headline, details, and a link, each a section of at most 3,000 characters."""
    message = Message(samples.load(name), Origin("test"))
    value = json.loads(FORM.data(message))
    headline = load("text").data(message).decode().split("\n")[0]
    escaped = headline.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert value["text"] == ("HIGH: " if name == "guardduty-finding" else "") + escaped
    assert value["blocks"][0]["text"]["text"] == f"*{escaped}*"
    assert 1 <= len(value["blocks"]) <= 3
    assert all(block["text"]["verbatim"] is True for block in value["blocks"])
    assert all(0 < len(block["text"]["text"]) <= 3_000 for block in value["blocks"])
    assert FORM.subject(message) == load("text").subject(message)


def test_nobody_can_forge_mentions_or_links() -> None:
    """Text in an event cannot mention the channel or add links, however long it is."""
    raw = envelope(
        1, userAgent="<!channel> & <https://evil.example.com|click>", requestParameters={"x": "<" * 5_000}
    )
    text = FORM.data(Message(raw, Origin("test"))).decode()
    link = "https://eu-west-1.console.aws.amazon.com/cloudtrailv2/home?region=eu-west-1#/events?EventId="
    own = f"<{link}00000000-0000-4000-8000-000000000001|Open in the AWS console>"
    assert own in text
    text = text.replace(own, "")
    assert "<" not in text
    assert ">" not in text
    assert "&lt;!channel&gt; &amp;" in text
    blocks = json.loads(text)["blocks"]
    # Slack itself makes links of addresses and mentions of names in text that is not verbatim.
    assert all(block["text"]["verbatim"] is True for block in blocks)
    assert len(blocks[1]["text"]["text"]) <= 3_000
    assert blocks[1]["text"]["text"].endswith("…")


def test_bytes_that_are_not_an_event() -> None:
    """Bytes that are not an event raise an error."""
    with pytest.raises(EventError):
        FORM.data(Message(b"no json", Origin("test")))
