"""The Kinesis sink sends exact bytes with the configured partition key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.entries import ODD, odd
from trailforward import Config, Forwarder, Message, Origin
from trailforward.sinks.base import Entry
from trailforward.sinks.kinesis import LIMITS, KinesisSettings, KinesisSink
from trailforward.sinks.settings import LimitSettings

if TYPE_CHECKING:
    from tests.support.aws import Reader
    from tests.support.stub_aws import StubAws

ARN = "arn:aws:kinesis:us-west-2:111122223333:stream/cloudsec"
PLACE = "kinesis:us-west-2"


def sink(to: str = ARN, **settings: Any) -> KinesisSink:
    """A sink with these settings."""
    return KinesisSink(KinesisSettings(to=to, **settings))


def test_records_are_the_events_bytes(local_aws: Reader) -> None:
    """Consumers of the stream read exactly the events' bytes."""
    arn = local_aws.stream()
    assert sink(arn).send(odd()) == []
    assert sorted(record["Data"] for record in local_aws.records(arn)) == sorted(ODD)


def test_a_full_batch_is_sent_in_one_call(local_aws: Reader) -> None:
    """500 records are sent in one call, which is the service's limit."""
    arn = local_aws.stream()
    assert sink(arn).send([Entry(b"%d" % number, f"{number}") for number in range(LIMITS.max_entries)]) == []
    assert len(local_aws.records(arn)) == 500


def test_the_stream_is_named_by_its_arn(stub: StubAws) -> None:
    """The call contains the stream's ARN, so the stream can be in another account."""
    sink().send(odd())
    assert {item.resource for item in stub.stored(PLACE)} == {ARN}


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("eventID", "the-id"), ("recipientAccountId", "111122223333"), ("awsRegion", "eu-west-1")],
)
def test_the_partition_key_is_configurable(stub: StubAws, setting: str, expected: str) -> None:
    """The partition key is the event's ID, account, or Region."""
    fields = {"account": "111122223333", "region": "eu-west-1"}
    sink(partition_key=setting).send([Entry(b"x", "the-id", fields=fields)])
    assert stub.stored(PLACE)[0].key == expected


def test_an_event_without_the_chosen_field_uses_its_id(stub: StubAws) -> None:
    """A partition key is never empty."""
    sink(partition_key="awsRegion").send([Entry(b"x", "the-id")])
    assert stub.stored(PLACE)[0].key == "the-id"


@pytest.mark.parametrize("key", ["k" * 256, "schlüssel", "日本", "𝄞" * 256, "a b\tc", "{}"])
def test_keys_are_sent_unchanged(local_aws: Reader, key: str) -> None:
    """Any text of up to 256 characters is a valid key, and counts in UTF-8."""
    made, arn = sink(), local_aws.stream()
    entry = Entry(b"x", key)
    assert made.size(entry) == 1 + len(key.encode())
    assert sink(arn).send([entry]) == []
    assert [record["PartitionKey"] for record in local_aws.records(arn)] == [key]


def test_keys_beyond_256_characters_become_their_digest(stub: StubAws) -> None:
    """A long ID becomes a digest, so that long IDs have different keys."""
    first, second = Entry(b"x", "k" * 257), Entry(b"x", "k" * 257 + "2")
    assert sink().send([first, second]) == []
    keys = [item.key for item in stub.stored(PLACE)]
    assert len(set(keys)) == 2
    assert [len(key) for key in keys] == [64, 64]
    assert sink().size(first) == 1 + 64


def test_data_and_key_count_up_to_the_limit(stub: StubAws) -> None:
    """A record of exactly the limit, including the key, is sent; a larger one does not block its batch."""
    config = Config.from_toml(f'[sinks.s]\nto = "{ARN}"\n[sinks.s.limits]\nmax_entry_bytes = 400\n')
    messages = [Message(padded(size - len(ID)), Origin("test", str(size))) for size in (399, 400, 401)]
    outcome = Forwarder(config).forward(messages)
    assert [outcome.verdicts["s"][index].code for index in range(3)] == ["", "", "too_large"]
    assert outcome.verdicts["s"][2].reason == "401 bytes, over the limit of 400 bytes"
    assert stub.taken(PLACE) == [message.raw for message in messages[:2]]


def test_limits_are_the_documented_ones_and_can_be_set() -> None:
    """A stream that allows larger records needs only a setting."""
    assert (LIMITS.max_entries, LIMITS.max_entry_bytes, LIMITS.max_batch_bytes) == (500, 1 << 20, 10 << 20)
    limits = sink(limits=LimitSettings(max_entry_bytes=10_485_760)).limits
    assert (limits.max_entries, limits.max_entry_bytes, limits.max_batch_bytes) == (500, 10 << 20, 10 << 20)


ID = "00000000-0000-4000-8000-000000000001"


def padded(size: int) -> bytes:
    """An event of this many bytes."""
    head = f'{{"detail-type":"x","detail":{{"eventID":"{ID}","pad":"'.encode()
    return head + b"x" * (size - len(head) - 3) + b'"}}'
