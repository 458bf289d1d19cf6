"""SQS, as a destination and for dead letters and retries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.entries import ODD, odd
from tests.support.stub_aws import Partial, Refusal, StubAws, Take, at
from trailforward import redelivery
from trailforward.jsontext import to_bytes
from trailforward.sinks.base import Entry
from trailforward.sinks.settings import LimitSettings
from trailforward.sinks.sqs import LIMITS, SqsSettings, SqsSink

if TYPE_CHECKING:
    from tests.support.aws import Reader

ARN = "arn:aws:sqs:us-west-2:111122223333:cloudsec"
FIFO = ARN + ".fifo"
PLACE = "sqs:us-west-2"
REFUSED = [to_bytes("\ufffe"), to_bytes('{"a":"\uffff"}'), b"\x00", b"\x1b[0m", b"\xff", b"\xed\xa0\x80", b""]


def sink(to: str = ARN, **settings: object) -> SqsSink:
    """A sink with these settings."""
    return SqsSink(SqsSettings(to=to, **settings))  # type: ignore[arg-type]


def test_bodies_are_the_events_bytes(local_aws: Reader) -> None:
    """Consumers of the queue receive exactly the bytes that were handed in."""
    arn = local_aws.queue()
    assert sink(arn).send(odd()) == []
    assert sorted(message["Body"].encode() for message in local_aws.messages(arn)) == sorted(ODD)


def test_the_url_is_made_of_the_arn(stub: StubAws) -> None:
    """Account and name come from the ARN, without asking for the queue's URL."""
    sink().send([Entry(b"x", "key")])
    assert stub.stored(PLACE)[0].resource == f"{stub.url}/111122223333/cloudsec"
    assert stub.calls == {PLACE: 1}


def test_a_standard_queue_gets_no_fifo_ids(stub: StubAws) -> None:
    """Group ids on a standard queue would switch on fair queues behind the owner's back."""
    sink().send([Entry(b"x", "key", group="111122223333")])
    assert (stub.stored(PLACE)[0].group, stub.stored(PLACE)[0].key) == ("", "")


def test_a_fifo_queue_keeps_the_order_of_an_account(local_aws: Reader) -> None:
    """The account is the message group, and the entries of a batch stay in order."""
    arn = local_aws.queue(fifo=True)
    assert sink(arn).send(odd(group="111122223333")) == []
    messages = local_aws.messages(arn)
    assert [message["Body"].encode() for message in messages] == ODD
    assert {message["Attributes"]["MessageGroupId"] for message in messages} == {"111122223333"}


def test_a_fifo_queue_drops_a_repetition_and_nothing_else(local_aws: Reader) -> None:
    """The same bytes again are deduplicated; other bytes with the same event id are another message."""
    arn = local_aws.queue(fifo=True)
    made = sink(arn)
    for data in (b"first", b"first", b"second"):
        assert made.send([Entry(data, "one-event-id")]) == []
    assert [message["Body"] for message in local_aws.messages(arn)] == ["first", "second"]


@pytest.mark.parametrize("group", ["", "bücher", "a b", "x" * 129, "\ud800"])
def test_groups_that_fifo_queues_do_not_allow_become_digests(stub: StubAws, group: str) -> None:
    """An event from an odd account still has a group, always the same one."""
    sink(FIFO).send([Entry(b"1", "key", group=group), Entry(b"2", "key", group=group)])
    first, second = stub.stored(PLACE)
    assert first.group == second.group
    assert first.group.isascii()
    assert 1 <= len(first.group) <= 128


@pytest.mark.parametrize("data", REFUSED, ids=repr)
def test_what_sqs_cannot_hold_is_refused_alone(stub: StubAws, data: bytes) -> None:
    """An event with characters that the service refuses is refused before the call, and spoils no other."""
    refused = sink().send([Entry(b"1", "a"), Entry(data, "b"), Entry(b"3", "c")])
    assert [(found.index, found.code, found.transient) for found in refused] == [
        (1, "InvalidMessageContents", False)
    ]
    assert stub.taken(PLACE) == [b"1", b"3"]


def test_a_batch_of_nothing_sendable_makes_no_call(stub: StubAws) -> None:
    """Where every entry is refused beforehand, nobody is asked."""
    assert [found.index for found in sink().send([Entry(data, "k") for data in REFUSED])] == list(range(7))
    assert stub.calls == {}


def test_refusals_keep_their_places_after_some_were_held_back(stub: StubAws) -> None:
    """Places are those of the batch, whatever the queue was sent of it."""
    stub.script(PLACE, Partial(at(1), Refusal("InternalError")))
    refused = sink().send([Entry(b"\xff", "a"), Entry(b"2", "b"), Entry(b"3", "c")])
    assert {(found.index, found.transient) for found in refused} == {(0, False), (2, True)}
    assert stub.taken(PLACE) == [b"2"]


def test_another_digest_in_the_answer_means_that_other_bytes_arrived(stub: StubAws) -> None:
    """The queue's own MD5 must be that of the event, or the event is sent again."""
    stub.script(PLACE, Take({"MD5OfMessageBody": "d41d8cd98f00b204e9800998ecf8427e"}))
    refused = sink().send(odd())
    assert {(found.code, found.transient) for found in refused} == {("md5_mismatch", True)}
    assert len(refused) == len(ODD)
    stub.script(PLACE, Take({"MD5OfMessageBody": None}))
    assert sink().send(odd()) == []


def test_handed_back_messages_carry_their_note(local_aws: Reader) -> None:
    """Body and attributes of a dead letter come back as they were written; empty attributes are left out."""
    arn = local_aws.queue()
    note = {
        redelivery.SINKS: "siem",
        redelivery.CODE: "http_400",
        redelivery.REASON: "",
        redelivery.ATTEMPTS: "1",
    }
    data, attributes = redelivery.to_sqs(b"\xff\x00", note)
    assert sink(arn).send([Entry(data, "key", attributes=attributes)]) == []
    (message,) = local_aws.messages(arn)
    read = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert read == {name: value for name, value in attributes.items() if value}
    assert redelivery.decode_body(message["Body"], read) == b"\xff\x00"


def test_body_and_attributes_count() -> None:
    """Names, types and values of attributes weigh on the limit, in UTF-8."""
    assert sink().size(Entry("bücher".encode(), "no", fields={"not": "sent"})) == 7
    assert sink().size(Entry(b"x", "key", attributes={"ab": "ü", "empty": ""})) == 1 + 2 + len("String") + 2


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_the_limit_of_a_message_is_met_to_the_byte(local_aws: Reader, beyond: int) -> None:
    """A message of exactly 1 MiB is sent, and the service agrees about one byte more."""
    made, entry = sink(local_aws.queue()), Entry(b"x" * (LIMITS.max_entry_bytes + beyond), "key")
    fits = made.size(entry) <= made.limits.max_entry_bytes
    assert fits is (beyond <= 0)
    if fits:
        assert made.send([entry]) == []


def test_limits_are_todays_and_can_be_set() -> None:
    """An older queue that takes less is a setting."""
    assert (LIMITS.max_entries, LIMITS.max_entry_bytes, LIMITS.max_batch_bytes) == (10, 1 << 20, 1 << 20)
    assert sink(limits=LimitSettings(max_entry_bytes=262_144)).limits.max_entry_bytes == 262_144
