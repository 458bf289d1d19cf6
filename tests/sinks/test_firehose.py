"""The Firehose sink sends exact bytes with a delimiter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.entries import ODD, odd
from trailforward.sinks.base import Entry
from trailforward.sinks.firehose import LIMITS, FirehoseSettings, FirehoseSink
from trailforward.sinks.settings import LimitSettings

if TYPE_CHECKING:
    from tests.support.aws import Reader
    from tests.support.stub_aws import StubAws

ARN = "arn:aws:firehose:us-west-2:111122223333:deliverystream/archive"
PLACE = "firehose:us-west-2"


def sink(to: str = ARN, **settings: Any) -> FirehoseSink:
    """A sink with these settings."""
    return FirehoseSink(FirehoseSettings(to=to, **settings))


@pytest.mark.parametrize("delimiter", ["\n", "", "\r\n"])
def test_records_arrive_in_s3_unchanged_and_delimited(local_aws: Reader, delimiter: str) -> None:
    """The S3 object contains the events on one line each, with the delimiter after each, if any."""
    arn, bucket = local_aws.delivery_stream()
    assert sink(arn, delimiter=delimiter).send(odd()) == []
    assert b"".join(local_aws.objects(bucket)) == b"".join(
        data.translate(None, b"\r\n") + delimiter.encode() for data in ODD
    )


def test_a_line_break_is_the_default_delimiter(stub: StubAws) -> None:
    """Without a setting each record ends with a line break, because Firehose concatenates records."""
    sink().send([Entry(b"{}", "key")])
    assert stub.taken(PLACE) == [b"{}\n"]
    assert stub.stored(PLACE)[0].resource == "archive"


def test_the_delimiter_counts(stub: StubAws) -> None:
    """The delimiter counts toward the limit of a record."""
    entry = Entry(b"x" * 100, "a key that does not count")
    assert sink().size(entry) == 101
    assert sink(delimiter="").size(entry) == 100
    assert sink(delimiter="\u2028").size(entry) == 103


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_the_limit_of_a_record_is_exact(beyond: int) -> None:
    """A record of 1,000 KiB including the delimiter fits; one byte more does not."""
    made = sink()
    entry = Entry(b"x" * (LIMITS.max_entry_bytes - 1 + beyond), "key")
    assert (made.size(entry) <= made.limits.max_entry_bytes) is (beyond <= 0)


def test_limits_are_the_documented_ones_and_can_be_set() -> None:
    """The default is the smaller of the two documented limits of a call."""
    assert (LIMITS.max_entries, LIMITS.max_entry_bytes, LIMITS.max_batch_bytes) == (500, 1_024_000, 4_000_000)
    assert (
        sink(limits=LimitSettings(max_batch_bytes=4_194_304, max_entries=100)).limits.max_batch_bytes
        == 4_194_304
    )
