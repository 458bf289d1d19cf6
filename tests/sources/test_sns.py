"""SNS notifications, direct or in a queue: exact bytes, and bad messages do not affect others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.events import QUEUE, envelope, sqs, sqs_record
from tests.support.payloads import TOPIC, notification, sns_record
from tests.test_jsontext import fault
from trailforward import redelivery
from trailforward.sources import detect

ODD = '{ "detail" : {"n":1.10, "same":"\\u003d", "text":"\u2028 \u0085 😀 \\ud800"} }'


@pytest.mark.parametrize("body", [ODD, envelope().decode(), "no json", "\ud800"])
@pytest.mark.parametrize("way", ["direct", "wrapped", "raw", "twice", "alone"])
def test_a_message_has_the_published_bytes(body: str, way: str) -> None:
    """A message has the published bytes, whether SNS invokes the function or a queue is in between."""
    wrapped = json.dumps(notification(body))
    payload: dict[str, Any] = {
        "direct": {"Records": [sns_record(body)]},
        "wrapped": sqs(sqs_record(wrapped, "m-1")),
        "raw": sqs(sqs_record(body, "m-1")),
        "twice": sqs(sqs_record(json.dumps(notification(wrapped)), "m-1")),
        "alone": notification(body),
    }[way]
    (message,) = detect(payload).messages(payload)
    assert message.raw == body.encode("utf-8", "surrogatepass")
    direct = way in {"direct", "alone"}
    assert (message.origin.source, message.origin.ref) == (("sns", "n-1") if direct else ("sqs", "m-1"))
    assert message.origin.arn == (TOPIC if direct else QUEUE)
    assert message.origin.first_seen.startswith("2026-05-04T09:15:0")


@pytest.mark.parametrize("bad", [None, 3, {}, {"Sns": 3}, {"Sns": {}}, {"Sns": {"Message": {}}}])
def test_a_bad_record_does_not_hide_the_others(bad: Any) -> None:
    """A record without a text becomes a message with an error."""
    payload = {"Records": [sns_record(envelope(1).decode()), bad, sns_record(envelope(2).decode())]}
    first, odd, last = detect(payload).messages(payload)
    assert (first.raw, last.raw) == (envelope(1), envelope(2))
    error = fault(lambda: odd.event)
    assert error is not None
    assert error.code == "bad_sns_record"


def test_an_event_that_looks_like_a_notification() -> None:
    """An event that mentions a topic is an event."""
    body = envelope(1, requestParameters={"TopicArn": TOPIC, "Message": "x", "Type": "Notification"})
    payload = sqs(sqs_record(body, "m"))
    (message,) = detect(payload).messages(payload)
    assert message.raw == body
    assert message.record["eventName"] == "StopInstances"


def test_a_redelivered_message_in_a_notification() -> None:
    """The attributes of a redelivered message apply to the event in it."""
    record = sqs_record(json.dumps(notification("{}")), "m", attributes={redelivery.SINKS: "siem"})
    (message,) = detect(sqs(record)).messages(sqs(record))
    assert message.origin.owed == frozenset({"siem"})
