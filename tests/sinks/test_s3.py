"""The S3 sink writes partitioned NDJSON objects, each batch once."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aws import Reader, point_at, unique
from tests.support.entries import ODD
from tests.support.receiver import Receiver, Status
from trailforward import Config, ConfigError
from trailforward.errors import Cause, PermanentError, TransientError
from trailforward.sinks.base import Entry
from trailforward.sinks.s3 import S3Settings, S3Sink

if TYPE_CHECKING:
    from collections.abc import Iterator

TIME = "2026-05-04T09:15:00Z"
#: S3 responds with the entity tag of the object.
STORED = Status(headers={"ETag": '"e"'})
HOUR = "account=111122223333/region=eu-west-1/date=2026-05-04/hour=09"


def sink(bucket: str = "lake", region: str = "eu-west-1", prefix: str = "/trail") -> S3Sink:
    """A sink that writes to a bucket."""
    return S3Sink(S3Settings(to=f"s3://{bucket}{prefix}?region={region}"))


def entry(data: bytes, time: str = TIME, account: str = "111122223333", region: str = "eu-west-1") -> Entry:
    """An entry from this account and Region."""
    return Entry(data, "key", time=time, fields={"account": account, "region": region})


def bucket(aws: Reader) -> str:
    """Creates a bucket and returns its name."""
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
    """A receiver instead of S3 that follows a script."""
    with Receiver(then=STORED) as receiver:
        point_at(f"http://127.0.0.1:{receiver.port}", monkeypatch)
        yield receiver


def error(status: int, code: str) -> Status:
    """An error in S3's format."""
    body = f"<Error><Code>{code}</Code><Message>by script</Message></Error>"
    return Status(status, {"Content-Type": "application/xml"}, body.encode())


def test_an_object_contains_one_line_per_event(local_aws: Reader) -> None:
    """A batch becomes one gzip-compressed NDJSON object under account, Region, date, and hour."""
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
    """A batch that is sent again has the same key, and an existing object counts as delivered."""
    name = bucket(local_aws)
    for _ in range(2):
        assert sink(name, local_aws.region).send([entry(b"{}")]) == []
    assert len(objects(local_aws, name)) == 1


def test_each_account_region_and_hour_has_its_own_object(local_aws: Reader) -> None:
    """A query for one account, Region, and hour reads no other events."""
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


def test_an_event_with_line_breaks_is_one_line(receiver: Receiver) -> None:
    """CR and LF between tokens are removed; everything else stays."""
    assert sink().send([entry(b'{\r\n "a": 1\n}'), entry(b"{}")]) == []
    assert gzip.decompress(receiver.bodies[0]) == b'{ "a": 1}\n{}\n'
    assert receiver.requests[0].headers["If-None-Match"] == "*"


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "SlowDown"), (500, "InternalError"), (400, "RequestTimeout"), (409, "ConditionalRequestConflict")],
)
def test_throttling_and_conflicts_are_transient(receiver: Receiver, status: int, code: str) -> None:
    """Throttling, server errors, and conflicts are transient."""
    receiver.script(error(status, code))
    with pytest.raises(TransientError):
        sink().send([entry(b"{}")])


@pytest.mark.parametrize(
    ("status", "code"), [(404, "NoSuchBucket"), (403, "AccessDenied"), (400, "EntityTooLarge")]
)
def test_other_errors_are_permanent(receiver: Receiver, status: int, code: str) -> None:
    """A missing bucket or permission is a permanent error with S3's code."""
    receiver.script(error(status, code))
    with pytest.raises(PermanentError) as caught:
        sink().send([entry(b"{}")])
    assert caught.value.code == code


def test_an_existing_object_counts_as_delivered(receiver: Receiver) -> None:
    """Status 412 means that the same bytes are already stored."""
    receiver.script(error(412, "PreconditionFailed"))
    assert sink().send([entry(b"{}")]) == []


def test_success_of_another_server_is_not_success(receiver: Receiver) -> None:
    """A response 200 without the entity tag that S3 always sends, such as a captive portal's, is retried."""
    receiver.script(Status(200, {"Content-Type": "text/html"}, b"<html>Welcome</html>"))
    with pytest.raises(TransientError) as caught:
        sink().send([entry(b"{}")])
    assert caught.value.code == "unparseable_response"
    assert sink().send([entry(b"{}")]) == []


def test_a_failed_object_does_not_affect_the_others(receiver: Receiver) -> None:
    """Only the entries of objects that failed are rejected, as permanent or transient."""
    receiver.script(error(403, "AccessDenied"), STORED, error(503, "SlowDown"))
    batch = [entry(b"1"), entry(b"2", account="123456789012"), entry(b"3", account="5"), entry(b"4")]
    rejections = [(each.index, each.code, each.transient) for each in sink().send(batch)]
    assert rejections == [(0, "AccessDenied", False), (3, "AccessDenied", False), (2, "SlowDown", True)]


def test_a_bucket_that_accepted_an_object_gets_all_the_others(receiver: Receiver) -> None:
    """Once an object was accepted, refused ones do not keep the rest of the batch from being sent."""
    receiver.script(STORED, *[error(403, "AccessDenied")] * 9)
    batch = [entry(b"1", account=str(number)) for number in range(111122223333, 111122223341)]
    assert len(sink().send(batch)) == 7
    assert len(receiver.requests) == 8


def test_a_bucket_that_refuses_everything_gets_three_calls(receiver: Receiver) -> None:
    """After three objects were refused and none accepted, the rest of the batch returns without a call."""
    receiver.script(*[error(403, "AccessDenied")] * 9)
    batch = [entry(b"1", account=str(number)) for number in range(111122223333, 111122223342)]
    rejections = sink().send(batch)
    assert len(receiver.requests) == 3
    assert [each.index for each in rejections] == list(range(9))
    assert {(each.code, each.transient, each.cause) for each in rejections} == {
        ("AccessDenied", False, Cause.DESTINATION)
    }


@pytest.mark.parametrize(
    ("region", "arn"),
    [
        ("eu-west-1", "arn:aws:s3:::lake"),
        ("cn-north-1", "arn:aws-cn:s3:::lake"),
        ("us-gov-west-1", "arn:aws-us-gov:s3:::lake"),
    ],
)
def test_the_buckets_arn_has_the_regions_partition(region: str, arn: str) -> None:
    """The sink has the bucket's ARN in every partition, so that the self-guard recognizes its events."""
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
def test_invalid_destinations_are_rejected(to: str, fault: str) -> None:
    """A bucket without its Region, or an invalid prefix, is a configuration error with a fix."""
    with pytest.raises(ConfigError, match=fault) as caught:
        Config.to(to)
    assert "s3://BUCKET/PREFIX?region=REGION" in str(caught.value)


def test_formats_must_be_json() -> None:
    """A format that is not JSON is an error, because objects are NDJSON."""
    with pytest.raises(ConfigError, match="NDJSON"):
        Config.to("s3://lake?region=eu-west-1", format="text")


def test_a_destination_without_a_name_is_named_after_its_bucket() -> None:
    """A destination without a table is named after its bucket, so that metrics have readable names."""
    assert list(Config.to("s3://lake/a/b?region=eu-west-1").sinks) == ["s3-lake"]
