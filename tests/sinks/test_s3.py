"""S3."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aws import Reader, point_at, unique
from tests.support.entries import ODD
from tests.support.receiver import Receiver, Status
from trailforward import Config, ConfigError
from trailforward.errors import PermanentError, TransientError
from trailforward.sinks.base import Entry
from trailforward.sinks.s3 import S3Settings, S3Sink

if TYPE_CHECKING:
    from collections.abc import Iterator

TIME = "2026-05-04T09:15:00Z"
HOUR = "account=111122223333/region=eu-west-1/date=2026-05-04/hour=09"


def sink(bucket: str = "lake", region: str = "eu-west-1", prefix: str = "/trail") -> S3Sink:
    """A sink that writes to a bucket."""
    return S3Sink(S3Settings(to=f"s3://{bucket}{prefix}?region={region}"))


def entry(data: bytes, time: str = TIME, account: str = "111122223333", region: str = "eu-west-1") -> Entry:
    """An entry of an account and a Region."""
    return Entry(data, "key", time=time, fields={"account": account, "region": region})


def bucket(aws: Reader) -> str:
    """A new bucket."""
    name = unique("lake")
    place: Any = {"LocationConstraint": aws.region}
    aws("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
    return name


def objects(aws: Reader, name: str) -> dict[str, bytes]:
    """Key → content, decompressed."""
    client = aws("s3")
    keys = [item["Key"] for item in client.list_objects_v2(Bucket=name).get("Contents", ())]
    return {key: gzip.decompress(client.get_object(Bucket=name, Key=key)["Body"].read()) for key in keys}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """An S3 that answers by script."""
    with Receiver() as receiver:
        point_at(f"http://127.0.0.1:{receiver.port}", monkeypatch)
        yield receiver


def error(status: int, code: str) -> Status:
    """An error as S3 spells it."""
    body = f"<Error><Code>{code}</Code><Message>by script</Message></Error>"
    return Status(status, {"Content-Type": "application/xml"}, body.encode())


def test_an_object_holds_the_exact_bytes_a_line_each(local_aws: Reader) -> None:
    """One gzip object of NDJSON per batch, under account, Region, date and hour."""
    name = bucket(local_aws)
    lines = [data for data in ODD if b"\n" not in data]
    made = sink(name, local_aws.region)
    assert made.send([entry(data) for data in lines]) == []
    ((key, content),) = objects(local_aws, name).items()
    assert key.startswith(f"trail/{HOUR}/")
    assert key.endswith(".ndjson.gz")
    assert content == b"".join(line + b"\n" for line in lines)
    made.close()


def test_a_repetition_is_stored_once(local_aws: Reader) -> None:
    """After an answer that was lost the same batch makes the same key, and what is there counts as taken."""
    name = bucket(local_aws)
    for _ in range(2):
        assert sink(name, local_aws.region).send([entry(b"{}")]) == []
    assert len(objects(local_aws, name)) == 1


def test_accounts_regions_and_hours_have_objects_of_their_own(local_aws: Reader) -> None:
    """A query for one account, Region and hour reads nothing else."""
    name = bucket(local_aws)
    batch = [
        entry(b"1"),
        entry(b"2", account="123456789012"),
        entry(b"3", region="us-east-1"),
        entry(b"4", time="2026-05-04T12:00:00+02:00"),
        entry(b"5"),
        entry(b"6", time="", account="../x", region="a/b"),
        entry(b"7", time="0001-01-01T00:00:00+23:00"),
    ]
    assert sink(name, local_aws.region, "").send(batch) == []
    found = {key.rpartition("/")[0]: content for key, content in objects(local_aws, name).items()}
    assert found == {
        HOUR: b"1\n5\n",
        HOUR.replace("111122223333", "123456789012"): b"2\n",
        HOUR.replace("eu-west-1", "us-east-1"): b"3\n",
        HOUR.replace("hour=09", "hour=10"): b"4\n",
        "account=unknown/region=unknown/date=unknown/hour=unknown": b"6\n",
        "account=111122223333/region=eu-west-1/date=unknown/hour=unknown": b"7\n",
    }


def test_an_event_with_line_breaks_is_refused_alone(receiver: Receiver) -> None:
    """NDJSON cannot hold it unchanged; the others are stored."""
    (refusal,) = sink().send([entry(b"{\n}"), entry(b"{}")])
    assert (refusal.index, refusal.code, refusal.transient) == (0, "line_break", False)
    assert gzip.decompress(receiver.bodies[0]) == b"{}\n"
    assert receiver.requests[0].headers["If-None-Match"] == "*"


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "SlowDown"), (500, "InternalError"), (400, "RequestTimeout"), (409, "ConditionalRequestConflict")],
)
def test_passing_refusals_may_succeed_later(receiver: Receiver, status: int, code: str) -> None:
    """Throttling and conflicts are worth another try."""
    receiver.script(error(status, code))
    with pytest.raises(TransientError):
        sink().send([entry(b"{}")])


@pytest.mark.parametrize(
    ("status", "code"), [(404, "NoSuchBucket"), (403, "AccessDenied"), (400, "EntityTooLarge")]
)
def test_refusals_for_good_are_told(receiver: Receiver, status: int, code: str) -> None:
    """A missing bucket or permission is no reason to try again."""
    receiver.script(error(status, code))
    with pytest.raises(PermanentError) as caught:
        sink().send([entry(b"{}")])
    assert caught.value.code == code


def test_an_object_that_exists_counts_as_taken(receiver: Receiver) -> None:
    """412 means that these very bytes are there."""
    receiver.script(error(412, "PreconditionFailed"))
    assert sink().send([entry(b"{}")]) == []


def test_one_refused_object_costs_no_other(receiver: Receiver) -> None:
    """Only the entries of the object that was refused are told, for good or for now."""
    receiver.script(error(403, "AccessDenied"), Status(), error(503, "SlowDown"))
    batch = [entry(b"1"), entry(b"2", account="123456789012"), entry(b"3", account="5"), entry(b"4")]
    told = [(each.index, each.code, each.transient) for each in sink().send(batch)]
    assert told == [(0, "AccessDenied", False), (3, "AccessDenied", False), (2, "SlowDown", True)]


@pytest.mark.parametrize(
    ("region", "arn"),
    [
        ("eu-west-1", "arn:aws:s3:::lake"),
        ("cn-north-1", "arn:aws-cn:s3:::lake"),
        ("us-gov-west-1", "arn:aws-us-gov:s3:::lake"),
    ],
)
def test_the_bucket_is_known_to_the_guard(region: str, arn: str) -> None:
    """What a trail records of our own bucket is recognised, in every partition."""
    made = sink(region=region)
    assert made.arn == arn
    assert made.size(entry(b"{}")) == 3


@pytest.mark.parametrize(
    ("to", "fault"),
    [
        ("arn:aws:s3:::lake/prefix", "does not contain its Region"),
        ("s3://lake/prefix", "the bucket's Region is missing"),
        ("s3://Lake?region=eu-west-1", "malformed"),
        ("s3://lake/a b?region=eu-west-1", "malformed"),
        ("s3://lake?region=euwest1", "malformed"),
        ("s3://lake/a/../b?region=eu-west-1", "the prefix contains"),
    ],
)
def test_a_destination_that_cannot_be_meant_is_refused(to: str, fault: str) -> None:
    """A bucket without its Region, or a malformed prefix, shows when it is configured, with the fix."""
    with pytest.raises(ConfigError, match=fault) as caught:
        Config.to(to)
    assert "s3://BUCKET/PREFIX?region=REGION" in str(caught.value)


def test_objects_are_json() -> None:
    """A format that is no JSON fits no NDJSON."""
    with pytest.raises(ConfigError, match="NDJSON"):
        Config.to("s3://lake?region=eu-west-1", format="text")


def test_a_destination_alone_is_named_after_its_bucket() -> None:
    """TRAILFORWARD_TO gives readable names in metrics."""
    assert list(Config.to("s3://lake/a/b?region=eu-west-1").sinks) == ["s3-lake"]
