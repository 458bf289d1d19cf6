"""The SNS sink sends exact bytes with attributes for subscription filters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.entries import FIELDS, ODD, odd
from tests.support.events import envelope
from trailforward import Config, Forwarder, Message, Origin
from trailforward.sinks.base import Entry
from trailforward.sinks.settings import LimitSettings
from trailforward.sinks.sns import LIMITS, SnsSettings, SnsSink

if TYPE_CHECKING:
    from tests.support.aws import Reader
    from tests.support.stub_aws import StubAws

ARN = "arn:aws:sns:us-west-2:111122223333:alerts"
PLACE = "sns:us-west-2"


def sink(to: str = ARN, **settings: Any) -> SnsSink:
    """A sink with these settings."""
    return SnsSink(SnsSettings(to=to, **settings))


def test_messages_are_the_events_bytes(local_aws: Reader) -> None:
    """A queue that is subscribed with raw delivery receives exactly the events' bytes."""
    topic, queue = local_aws.topic(), local_aws.queue()
    local_aws.subscribe(topic, queue, RawMessageDelivery="true")
    assert sink(topic).send(odd(fields=FIELDS)) == []
    messages = local_aws.messages(queue)
    assert sorted(message["Body"].encode() for message in messages) == sorted(ODD)
    # With more than ten attributes SNS would discard the message.
    assert messages[0]["MessageAttributes"] == {
        name: {"DataType": "String", "StringValue": value} for name, value in FIELDS.items()
    }


def test_subscription_filters_see_the_attributes(local_aws: Reader) -> None:
    """Subscription filters can use event name, Region, and ``readOnly``."""
    topic, wanted, all_of_it = local_aws.topic(), local_aws.queue(), local_aws.queue()
    policy = {"eventName": ["StopLogging"], "readOnly": ["false"], "region": [{"prefix": "eu-"}]}
    local_aws.subscribe(topic, wanted, RawMessageDelivery="true", FilterPolicy=json.dumps(policy))
    local_aws.subscribe(topic, all_of_it, RawMessageDelivery="true")
    events = [
        envelope(1, readOnly=False),
        envelope(2, readOnly=False, eventName="StopLogging"),
        envelope(3, readOnly=True, eventName="StopLogging"),
    ]
    forwarder = Forwarder(Config.to(topic))
    outcome = forwarder.forward([Message(event, Origin("test")) for event in events])
    assert outcome.breaks == []
    assert [message["Body"].encode() for message in local_aws.messages(wanted)] == [events[1]]
    assert sorted(message["Body"].encode() for message in local_aws.messages(all_of_it)) == events
    forwarder.close()


def test_attributes_can_be_disabled(stub: StubAws) -> None:
    """Without attributes only the message is sent, and only the message counts."""
    entry = Entry(b"x", "key", fields=FIELDS)
    made = sink(attributes=False)
    made.send([entry])
    assert stub.stored(PLACE)[0].attributes == {}
    assert made.size(entry) == 1


def test_notifications_have_a_subject_and_text_for_people(local_aws: Reader) -> None:
    """With the text format notifications have a subject that complies with SNS's rules."""
    topic, queue = local_aws.topic(), local_aws.queue()
    local_aws.subscribe(topic, queue)
    event = envelope(1, eventName="Stop\n日本" + "x" * 200)
    forwarder = Forwarder(Config.to(topic, format="text"))
    assert forwarder.forward([Message(event, Origin("test"))]).breaks == []
    (message,) = local_aws.messages(queue)
    notification = json.loads(message["Body"])
    subject = notification["Subject"]
    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) < 100
    assert notification["Message"].startswith("rosa: ec2:Stop")
    forwarder.close()


def test_only_formats_for_people_have_a_subject(stub: StubAws) -> None:
    """A message has a subject only if the format provides one."""
    sink().send([Entry(b"1", "key"), Entry(b"2", "key", subject="Somebody stopped logging")])
    assert [item.subject for item in stub.stored(PLACE)] == ["", "Somebody stopped logging"]


def test_the_topic_is_named_by_its_arn(stub: StubAws) -> None:
    """The call contains the topic's ARN, so the topic can be in another account."""
    sink().send(odd())
    assert {item.resource for item in stub.stored(PLACE)} == {ARN}
    assert [item.data for item in stub.stored(PLACE)] == ODD


def test_a_fifo_topic_keeps_the_order_of_an_account(local_aws: Reader) -> None:
    """A FIFO queue subscribed to a FIFO topic receives the events of an account in order."""
    topic, queue = local_aws.topic(fifo=True), local_aws.queue(fifo=True)
    local_aws.subscribe(topic, queue, RawMessageDelivery="true")
    assert sink(topic).send(odd(group="111122223333")) == []
    messages = local_aws.messages(queue)
    assert [message["Body"].encode() for message in messages] == ODD
    assert {message["Attributes"]["MessageGroupId"] for message in messages} == {"111122223333"}


def test_a_fifo_topic_deduplicates_by_bytes(stub: StubAws) -> None:
    """The deduplication ID depends on the bytes only, not on the event's ID."""
    sink(ARN + ".fifo").send([Entry(b"1", "id"), Entry(b"2", "id"), Entry(b"1", "other")])
    first, second, third = (item.key for item in stub.stored(PLACE))
    assert first == third != second


def test_an_event_that_sqs_does_not_allow_is_rejected_alone(stub: StubAws) -> None:
    """An event that a subscribed queue cannot receive is rejected, so that it becomes a dead letter."""
    rejections = sink().send([Entry(b"1", "a"), Entry("\ufffe".encode(), "b"), Entry(b"", "c")])
    assert [(found.index, found.transient) for found in rejections] == [(1, False), (2, False)]
    assert stub.taken(PLACE) == [b"1"]
    assert len(sink().send([Entry(b"\xff", "a")])) == 1
    assert stub.calls == {PLACE: 1}


def test_body_and_attributes_count() -> None:
    """Names, types, and values of attributes count in UTF-8; trailforward's own attributes are not sent."""
    entry = Entry("bücher".encode(), "no", fields={"ab": "ü", "none": ""}, attributes={"not": "sent"})
    assert sink().size(entry) == 7 + 2 + len("String") + 2


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_the_limit_of_a_message_is_exact(local_aws: Reader, beyond: int) -> None:
    """A message of exactly 256 KiB including attributes fits; one byte more does not."""
    made = sink(local_aws.topic())
    attributes = made.size(Entry(b"", "key", fields=FIELDS))
    entry = Entry(b"x" * (LIMITS.max_entry_bytes - attributes + beyond), "key", fields=FIELDS)
    fits = made.size(entry) <= made.limits.max_entry_bytes
    assert fits is (beyond <= 0)
    if fits:
        assert made.send([entry]) == []


def test_limits_are_the_documented_ones_and_can_be_set() -> None:
    """A topic with a higher limit needs only a setting."""
    assert (LIMITS.max_entries, LIMITS.max_entry_bytes, LIMITS.max_batch_bytes) == (10, 262_144, 262_144)
    limits = sink(limits=LimitSettings(max_entry_bytes=1 << 20, max_batch_bytes=1 << 20)).limits
    assert (limits.max_entries, limits.max_entry_bytes, limits.max_batch_bytes) == (10, 1 << 20, 1 << 20)
