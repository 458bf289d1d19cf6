"""The SQS sink sends exact bytes as a destination, a dead-letter queue, and a retry queue."""

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
NOT_ALLOWED = [
    to_bytes("\ufffe"),
    to_bytes('{"a":"\uffff"}'),
    b"\x00",
    b"\x1b[0m",
    b"\xff",
    b"\xed\xa0\x80",
    b"",
]


def sink(to: str = ARN, **settings: object) -> SqsSink:
    """A sink with these settings."""
    return SqsSink(SqsSettings(to=to, **settings))  # type: ignore[arg-type]


def test_bodies_are_the_events_bytes(local_aws: Reader) -> None:
    """Consumers of the queue receive exactly the events' bytes."""
    arn = local_aws.queue()
    assert sink(arn).send(odd()) == []
    assert sorted(message["Body"].encode() for message in local_aws.messages(arn)) == sorted(ODD)


def test_the_queue_url_is_built_from_the_arn(stub: StubAws) -> None:
    """The queue's URL is built from the ARN, without a GetQueueUrl call."""
    sink().send([Entry(b"x", "key")])
    assert stub.stored(PLACE)[0].resource == f"{stub.url}/111122223333/cloudsec"
    assert stub.calls == {PLACE: 1}


def test_a_standard_queue_gets_no_fifo_ids(stub: StubAws) -> None:
    """A standard queue gets no group IDs, which would turn on fair queues."""
    sink().send([Entry(b"x", "key", group="111122223333")])
    assert (stub.stored(PLACE)[0].group, stub.stored(PLACE)[0].key) == ("", "")


def test_a_fifo_queue_keeps_the_order_of_an_account(local_aws: Reader) -> None:
    """The message group is the account, and the entries of a batch stay in order."""
    arn = local_aws.queue(fifo=True)
    assert sink(arn).send(odd(group="111122223333")) == []
    messages = local_aws.messages(arn)
    assert [message["Body"].encode() for message in messages] == ODD
    assert {message["Attributes"]["MessageGroupId"] for message in messages} == {"111122223333"}


def test_a_fifo_queue_drops_only_identical_messages(local_aws: Reader) -> None:
    """Identical bytes are deduplicated; other bytes with the same event ID are not."""
    arn = local_aws.queue(fifo=True)
    made = sink(arn)
    for data in (b"first", b"first", b"second"):
        assert made.send([Entry(data, "one-event-id")]) == []
    assert [message["Body"] for message in local_aws.messages(arn)] == ["first", "second"]


@pytest.mark.parametrize("group", ["", "bücher", "a b", "x" * 129, "\ud800"])
def test_groups_that_fifo_queues_do_not_allow_become_digests(stub: StubAws, group: str) -> None:
    """An account that is not a valid group ID becomes a digest."""
    sink(FIFO).send([Entry(b"1", "key", group=group), Entry(b"2", "key", group=group)])
    first, second = stub.stored(PLACE)
    assert first.group == second.group
    assert first.group.isascii()
    assert 1 <= len(first.group) <= 128


@pytest.mark.parametrize("data", NOT_ALLOWED, ids=repr)
def test_an_event_that_sqs_does_not_allow_is_rejected_alone(stub: StubAws, data: bytes) -> None:
    """An event with characters that SQS does not allow is rejected before the call; the others are sent."""
    rejections = sink().send([Entry(b"1", "a"), Entry(data, "b"), Entry(b"3", "c")])
    assert [(found.index, found.code, found.transient) for found in rejections] == [
        (1, "InvalidMessageContents", False)
    ]
    assert stub.taken(PLACE) == [b"1", b"3"]


def test_a_batch_without_sendable_entries_makes_no_call(stub: StubAws) -> None:
    """If every entry is rejected before the call, no call is made."""
    assert [found.index for found in sink().send([Entry(data, "k") for data in NOT_ALLOWED])] == list(
        range(7)
    )
    assert stub.calls == {}


def test_rejections_have_the_indexes_of_the_batch(stub: StubAws) -> None:
    """Rejections have the indexes of the batch, even if some entries were not sent."""
    stub.script(PLACE, Partial(at(1), Refusal("InternalError")))
    rejections = sink().send([Entry(b"\xff", "a"), Entry(b"2", "b"), Entry(b"3", "c")])
    assert {(found.index, found.transient) for found in rejections} == {(0, False), (2, True)}
    assert stub.taken(PLACE) == [b"2"]


def test_a_different_md5_in_the_response_is_transient(stub: StubAws) -> None:
    """If the MD5 in the response is not that of the event, the event is sent again."""
    stub.script(PLACE, Take({"MD5OfMessageBody": "d41d8cd98f00b204e9800998ecf8427e"}))
    rejections = sink().send(odd())
    assert {(found.code, found.transient) for found in rejections} == {("md5_mismatch", True)}
    assert len(rejections) == len(ODD)
    stub.script(PLACE, Take({"MD5OfMessageBody": None}))
    assert sink().send(odd()) == []


def test_redelivered_messages_have_their_attributes(local_aws: Reader) -> None:
    """Body and attributes of a dead letter arrive unchanged, without empty attributes."""
    arn = local_aws.queue()
    info = {
        redelivery.SINKS: "siem",
        redelivery.CODE: "http_400",
        redelivery.REASON: "",
        redelivery.ATTEMPTS: "1",
    }
    stored = redelivery.to_sqs(b"\xff\x00", info, LIMITS.max_entry_bytes)
    assert stored is not None
    data, attributes = stored
    assert sink(arn).send([Entry(data, "key", attributes=attributes)]) == []
    (message,) = local_aws.messages(arn)
    read = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert read == {name: value for name, value in attributes.items() if value}
    assert redelivery.decode_body(message["Body"], read) == b"\xff\x00"


def test_body_and_attributes_count() -> None:
    """Names, types, and values of attributes count in UTF-8."""
    assert sink().size(Entry("bücher".encode(), "no", fields={"not": "sent"})) == 7
    assert sink().size(Entry(b"x", "key", attributes={"ab": "ü", "empty": ""})) == 1 + 2 + len("String") + 2


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_the_limit_of_a_message_is_exact(local_aws: Reader, beyond: int) -> None:
    """A message of exactly 1 MiB fits; one byte more does not."""
    made, entry = sink(local_aws.queue()), Entry(b"x" * (LIMITS.max_entry_bytes + beyond), "key")
    fits = made.size(entry) <= made.limits.max_entry_bytes
    assert fits is (beyond <= 0)
    if fits:
        assert made.send([entry]) == []


def test_limits_are_the_documented_ones_and_can_be_set() -> None:
    """A queue with a lower limit needs only a setting."""
    assert (LIMITS.max_entries, LIMITS.max_entry_bytes, LIMITS.max_batch_bytes) == (10, 1 << 20, 1 << 20)
    assert sink(limits=LimitSettings(max_entry_bytes=262_144)).limits.max_entry_bytes == 262_144
