"""Alerts show the detections, stay within the limits of their destination, and forge nothing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.alerts import CHANGED, OPENED, alert
from tests.support.events import envelope
from trailforward import Config, EventError, Forwarder, Message, Origin
from trailforward.formats import amazon_q, google_chat, load, pagerduty, slack, teams
from trailforward.formats.redaction import Redaction
from trailforward.matched import SEVERITIES, Matched
from trailforward.testing import samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PEOPLE = ["text", "slack", "teams", "google-chat", "amazon-q", "pagerduty"]
CHATS = [name for name in PEOPLE if name != "text"]
LINK = "https://eu-west-1.console.aws.amazon.com/cloudtrailv2/home?region=eu-west-1#/events?EventId="


def value(name: str, message: Message) -> Any:
    """The JSON that a format makes."""
    return json.loads(load(name).data(message))


def made(**detail: Any) -> bytes:
    """An event with any text in its record."""
    event = json.loads(envelope())
    event["detail"] |= detail
    return json.dumps(event).encode()


def strings(part: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, (dict, list)):
        for one in part.values() if isinstance(part, dict) else part:
            yield from strings(one)


def within_limits(name: str, message: Message) -> Any:
    """Checks the limits that the destination documents; returns the JSON."""
    data = load(name).data(message)
    found = json.loads(data)
    match name:
        case "slack":
            texts = [block["text"]["text"] for block in found["blocks"]]
            assert 0 < len(texts) <= 50
            assert all(0 < len(text) <= 3_000 for text in texts)
            assert sum(map(len, texts)) < 13_200
            assert 0 < len(found["text"]) <= 3_000
        case "teams":
            assert len(data) <= teams.MAX_BYTES
            assert len(found["attachments"][0]["content"].get("actions", [])) <= 6
        case "google-chat":
            assert len(data) <= google_chat.MAX_BYTES
            sections = found["cardsV2"][0]["card"]["sections"]
            assert 0 < sum(len(section["widgets"]) for section in sections) <= google_chat.MAX_WIDGETS
        case "amazon-q":
            assert 0 < len(found["content"]["title"]) <= amazon_q.MAX_TITLE
            assert 0 < len(found["content"]["description"]) <= amazon_q.MAX_DESCRIPTION
            assert len(data) <= 262_144
        case "pagerduty":
            assert len(data) <= pagerduty.MAX_BYTES
            assert 0 < len(found["payload"]["summary"]) <= pagerduty.MAX_SUMMARY
            assert 0 < len(found["dedup_key"]) <= pagerduty.MAX_DEDUP_KEY
            assert found["payload"]["severity"] in {"info", "warning", "error", "critical"}
            assert found["payload"]["source"]
    return found


@pytest.mark.parametrize("name", PEOPLE)
def test_the_detections_come_first_and_the_most_severe_before_the_others(name: str) -> None:
    """Title, severity, description, runbook, author, techniques, and the console link are in every alert."""
    text = load(name).data(alert()).decode()
    for part in (
        OPENED.title,
        OPENED.description,
        OPENED.runbook,
        "by Rosa Diaz",
        "T1562.007",
        CHANGED.title,
    ):
        assert part in text
    assert text.index(OPENED.title) < text.index(CHANGED.title)
    assert LINK + "2c63888f-28f0-4481-be6d-dce7a7ace732" in text
    assert "high" in text.lower()


def test_a_subject_begins_with_the_severity() -> None:
    """A subject names the most severe detection's severity, and is still one that SNS accepts."""
    for severity in SEVERITIES:
        matched = [Matched("x", severity)]
        subject = load("text").subject(alert(envelope(eventName="x" * 200), matched))
        assert subject.startswith(f"[{severity.upper()}] ")
        assert " in eu-west-1 (111122223333)" in subject
        assert len(subject) <= 99


@pytest.mark.parametrize("name", CHATS)
@pytest.mark.parametrize("sample", samples.names())
def test_every_kind_of_event_is_within_the_limits(name: str, sample: str) -> None:
    """Every sample makes an alert within the limits, with and without detections."""
    within_limits(name, alert(samples.load(sample), ()))
    within_limits(name, alert(samples.load(sample)))


def filled(name: str, limit: int) -> tuple[Message, Message]:
    """An alert that is exactly as large as a limit, and one that is a byte larger."""

    def message(many: int, last: int) -> Message:
        rest = [Matched(f"d{n}", title=f"t{n}", description="é" * many) for n in range(4)]
        return alert(envelope(), [*rest, Matched("d4", title="t4", description="x" * last)])

    base = len(load(name).data(message(1, 1)))
    many, last = divmod(limit - base - 2_000, 8)
    return message(many + 1, last + 2_001), message(many + 1, last + 2_002)


@pytest.mark.parametrize(
    ("name", "limit"), [("teams", teams.MAX_BYTES), ("google-chat", google_chat.MAX_BYTES)]
)
def test_an_alert_at_the_limit_is_complete_and_a_larger_one_is_shortened(name: str, limit: int) -> None:
    """At the limit nothing is missing; one byte more, and long texts end with an ellipsis."""
    at, beyond = filled(name, limit)
    assert len(load(name).data(at)) == limit
    assert "…" not in load(name).data(at).decode()
    assert "…" in json.dumps(within_limits(name, beyond), ensure_ascii=False)


def test_slacks_sections_at_the_limit() -> None:
    """A section has at most 3,000 characters; a longer description ends with an ellipsis."""

    def section(length: int) -> str:
        found = within_limits("slack", alert(envelope(), [Matched("n", title="t", description="x" * length)]))
        return str(found["blocks"][0]["text"]["text"])

    length = slack.MAX_SECTION - len(section(1)) + 1
    assert len(section(length)) == slack.MAX_SECTION
    assert "…" not in section(length)
    assert len(section(length + 1)) == slack.MAX_SECTION
    assert "…" in section(length + 1)


def test_slack_leaves_detections_out_before_a_message_is_too_large() -> None:
    """Slack refuses large messages, so the message says how many detections it leaves out."""
    many = [Matched(f"d{n}", title="t", description="x" * 2_900) for n in range(9)]
    found = within_limits("slack", alert(None, many))
    counts = [re.fullmatch("and ([0-9]+) more detections", text) for text in strings(found["blocks"])]
    (left_out,) = (int(match[1]) for match in counts if match)
    assert left_out + sum("x" * 2_900 in text for text in strings(found["blocks"])) == 9


def test_amazon_qs_title_and_description_at_the_limit() -> None:
    """A title has at most 250 characters, and a description 8,000."""

    def content(title: int, description: int) -> Any:
        matched = [Matched("n", title="t" * title, description="x" * description)]
        return within_limits("amazon-q", alert(envelope(), [*matched, *matched, *matched]))["content"]

    assert content(250, 1)["title"] == "t" * 250
    assert content(251, 1)["title"] == "t" * 249 + "…"
    three = 8_000 - len(content(1, 2_000)["description"])
    assert three > 0
    each, rest = divmod(three, 3)
    assert len(content(1, 2_000 + each)["description"]) == 8_000 - rest
    assert "…" not in content(1, 2_000 + each)["description"]
    assert content(1, 2_000 + each + 1)["description"].endswith("…")


def test_pagerdutys_summary_and_dedup_key_at_the_limit() -> None:
    """A summary has at most 1,024 characters; the dedup key is the event ID, at most 255 characters."""

    def summary(length: int) -> str:
        return str(
            within_limits("pagerduty", alert(None, [Matched("n", title="t" * length)]))["payload"]["summary"]
        )

    length = 1_024 - len(summary(1)) + 1
    assert len(summary(length)) == 1_024
    assert not summary(length).endswith("…")
    assert len(summary(length + 1)) == 1_024
    assert summary(length + 1).endswith("…")
    for size in (255, 256):
        assert value("pagerduty", alert(envelope(eventID="e" * size)))["dedup_key"] == "e" * 255


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        ("", "warning"),
        ("informational", "info"),
        ("low", "info"),
        ("medium", "warning"),
        ("high", "error"),
        ("critical", "critical"),
    ],
)
def test_pagerdutys_severities(severity: str, expected: str) -> None:
    """Each severity has one of PagerDuty's four; an event without one is a warning."""
    assert value("pagerduty", alert(None, [Matched("n", severity)]))["payload"]["severity"] == expected


def test_pagerduty_gets_links() -> None:
    """The links of an incident are the console and the runbook."""
    found = value("pagerduty", alert())
    assert [one["href"] for one in found["links"]] == [
        LINK + "2c63888f-28f0-4481-be6d-dce7a7ace732",
        OPENED.runbook,
    ]
    assert found["event_action"] == "trigger"
    assert "routing_key" not in found


#: Markup of every destination, which an attacker can write into the user agent.
MARKUP = (
    "<!channel> <users/all> <at>all</at> [x](https://evil.example.com) <https://evil.example.com|x> @channel"
)


@pytest.mark.parametrize("name", CHATS)
@given(more=st.text(max_size=200))
def test_nobody_can_forge_mentions_or_links(name: str, more: str) -> None:
    """Whatever an event contains, it adds neither mentions nor links to an alert."""
    raw = made(userAgent=MARKUP + more, errorMessage=more + MARKUP, sourceIPAddress=more)
    found = within_limits(name, alert(raw))
    match name:
        case "slack":
            for block in found["blocks"]:
                assert block["text"]["verbatim"] is True
                links = re.findall("<[^>]*>", block["text"]["text"])
                assert all(link.startswith((f"<{LINK}", f"<{OPENED.runbook}")) for link in links)
        case "teams":
            content = found["attachments"][0]["content"]
            assert {block["type"] for block in content["body"]} == {"RichTextBlock"}
            assert {run["type"] for block in content["body"] for run in block["inlines"]} == {"TextRun"}
            assert all(
                set(run) <= {"type", "text", "weight", "size", "color", "isSubtle"}
                for block in content["body"]
                for run in block["inlines"]
            )
            assert [one["url"].split("EventId")[0] for one in content["actions"]] == [
                LINK.split("EventId", maxsplit=1)[0],
                OPENED.runbook,
            ]
            assert set(content["msteams"]) == {"width"}  # mentions would be in ``entities``
        case "google-chat":
            assert "<" not in found["fallbackText"]
            texts = [text for text in strings(found["cardsV2"]) if "://" not in text or "<" in text]
            assert {tag for text in texts for tag in re.findall("<[^>]*>", text)} <= {"<b>", "</b>"}
        case "amazon-q":
            for text in (found["content"]["title"], found["content"]["description"]):
                assert not re.search(r"[<>]|\]\(|://|@\w", text)
            assert found["content"]["nextSteps"] == [
                f"Open in the AWS console: {LINK}00000000-0000-4000-8000-000000000000",
                f"Runbook: {OPENED.runbook}",
            ]


@pytest.mark.parametrize("name", CHATS)
@given(text=st.text(max_size=300), times=st.integers(1, 400), count=st.integers(0, 8))
def test_any_text_stays_within_the_limits(name: str, text: str, times: int, count: int) -> None:
    """Arbitrary text in the event and in the detections never makes an alert too large or invalid."""
    long = text * times
    matched = [
        Matched(long or "n", "high", long, long, "https://e.example.com/" + long, long, (long,) * 12)
    ] * count
    raw = made(
        eventName=long,
        userAgent=long,
        errorMessage=long,
        requestParameters={"id": long},
        resources=[{"ARN": long}] * 12,
    )
    within_limits(name, alert(raw, matched))


@pytest.mark.parametrize(
    ("region", "console"),
    [
        ("eu-west-1", "https://eu-west-1.console.aws.amazon.com/"),
        ("us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com/"),
        ("cn-north-1", "https://cn-north-1.console.amazonaws.cn/"),
        ("us-iso-east-1", ""),
        ("evil.example.com/", ""),
        (5, ""),
        ("", ""),
    ],
)
def test_the_console_of_each_partition(region: Any, console: str) -> None:
    """The link leads to the console of the event's partition; without a known one there is no link."""
    links = [one["href"] for one in value("pagerduty", alert(envelope(awsRegion=region), ()))["links"]]
    event = "00000000-0000-4000-8000-000000000000"
    expected = f"{console}cloudtrailv2/home?region={region}#/events?EventId={event}"
    assert links == ([expected] if console else [])


@pytest.mark.parametrize(
    "detail",
    [
        {"eventCategory": "Data"},
        {"eventCategory": "NetworkActivity"},
        {"eventCategory": "Insight"},
        {"eventID": "x y"},
        {"eventID": None},
    ],
)
def test_no_link_to_what_the_console_does_not_show(detail: dict[str, Any]) -> None:
    """CloudTrail's Event history has management events only, so other events have no link."""
    assert value("pagerduty", alert(envelope(**detail), ()))["links"] == []


@pytest.mark.parametrize(
    "runbook", ["javascript:alert(1)", "https://e.example.com/|x>", "wiki", "https://e/" + "x" * 1_000]
)
def test_a_runbook_that_is_not_a_safe_link_is_left_out(runbook: str) -> None:
    """Only an http(s) address without markup becomes a link."""
    for name in PEOPLE:
        data = load(name).data(alert(None, [Matched("n", runbook=runbook)])).decode()
        assert "Runbook" not in data


def test_findings_link_to_their_console() -> None:
    """A GuardDuty finding links to GuardDuty, and has its own severity if no detection has one."""
    found = value("pagerduty", alert(samples.load("guardduty-finding"), ()))
    assert found["payload"]["severity"] == "error"
    assert found["links"][0]["href"] == (
        "https://us-west-1.console.aws.amazon.com/guardduty/home?region=us-west-1"
        "#/findings?search=id%3D6458cf72945c2cc8e1668559b165d29e"
    )


def test_findings_of_other_products_do_not_link_to_guardduty() -> None:
    """A finding of Security Hub has no link, even if its ID looks like one of GuardDuty's."""
    event = {
        "source": "aws.securityhub",
        "detail-type": "Security Hub Findings - Imported",
        "account": "111122223333",
        "region": "eu-west-1",
        "time": "2026-05-04T09:15:00Z",
        "detail": {"findings": [{"Id": "6458cf72945c2cc8e1668559b165d29e", "Title": "Bucket is public"}]},
    }
    found = value("pagerduty", alert(json.dumps(event).encode(), ()))
    assert found["links"] == []
    assert "Bucket is public" in found["payload"]["summary"]


def test_redaction_keeps_the_detections() -> None:
    """An alert whose event is redacted still names its detections."""
    redacted = Redaction(["detail.userIdentity"])(alert())
    assert "REDACTED" in redacted.raw.decode()
    assert OPENED.title in load("text").data(redacted).decode()


@pytest.mark.parametrize("name", CHATS)
def test_bytes_that_are_not_an_event(name: str) -> None:
    """Bytes that are not an event raise an error."""
    with pytest.raises(EventError):
        load(name).data(Message(b"no json", Origin("test")))
    assert load(name).json
    if name != "amazon-q":
        assert load(name).subject(alert()) == load("text").subject(alert())


def test_routes_reach_the_alert(tmp_path: Path) -> None:
    """A route's severity, title, description, runbook, author, and tags are in the alert of its sink."""
    path = tmp_path / "alerts.ndjson"
    forwarder = Forwarder(
        Config.from_toml(f"""
[sinks.chat]
to = "file:{path}"
format = "slack"

[[routes]]
name = "stops"
severity = "high"
title = "Instance stopped"
description = "Nobody stops instances here."
runbook = "https://wiki.example.com/stops"
author = "Rosa Diaz"
tags = ["attack.t1489"]
pattern = {{ detail = {{ eventName = ["StopInstances"] }} }}
sinks = ["chat"]
""")
    )
    try:
        forwarder.forward([Message(envelope(), Origin("test"))])
    finally:
        forwarder.close()
    block = json.loads(path.read_bytes())["blocks"][0]["text"]["text"]
    assert block == (
        "*HIGH: Instance stopped*\nNobody stops instances here.\n"
        "<https://wiki.example.com/stops|Runbook>\nstops, by Rosa Diaz, T1489"
    )
