"""``layout = "cloudtrail"``: log files that readers of CloudTrail's buckets find and read."""

from __future__ import annotations

import gzip
import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aws import Reader, point_at, unique
from tests.support.entries import ODD
from tests.support.events import Context, envelope, sqs, sqs_record
from tests.support.receiver import Receiver, Status
from trailforward import Config, ConfigError, Forwarder
from trailforward.aws.objects import Objects
from trailforward.config.lint import lint
from trailforward.errors import Cause, TransientError
from trailforward.sinks._cloudtrail_layout import Names, Place
from trailforward.sinks.base import Entry
from trailforward.sinks.s3 import S3Settings, S3Sink
from trailforward.sources.base import ObjectReader
from trailforward.sources.s3 import S3Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: The names that readers accept: 12 digits, a Region, the time, and 16 letters and digits. Readers of public
#: tools (Tailpipe, traildash, flowlog parsers …) use such expressions.
KEY = re.compile(
    r"trail/AWSLogs/(?:(?P<org>o-[a-z0-9]+)/)?(?P<account>[0-9]{12})/(?P<folder>CloudTrail[A-Za-z-]*)"
    r"/(?P<region>[a-z0-9-]+)/(?P<day>[0-9]{4}/[0-9]{2}/[0-9]{2})"
    r"/(?P=account)_(?P=folder)_(?P=region)_(?P<time>[0-9]{8}T[0-9]{4}Z)_(?P<unique>[A-Za-z0-9]{16})\.json\.gz"
)


def sink(bucket: str = "lake", region: str = "eu-west-1", **more: Any) -> S3Sink:
    """A sink that writes log files to a bucket."""
    to = f"s3://{bucket}/trail?region={region}"
    return S3Sink(S3Settings(to=to, layout="cloudtrail", format="record", **more))


def record(number: int = 0, **changes: Any) -> Entry:
    """A record with these changes; None removes a member."""
    members = {
        "eventVersion": "1.11",
        "eventID": f"id-{number}",
        "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333",
        **changes,
    }
    kept = {name: value for name, value in members.items() if value is not None}
    return Entry(json.dumps(kept).encode(), "key", fields={"account": "111122223333"})


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver instead of S3 that follows a script."""
    with Receiver(then=Status(headers={"ETag": '"e"'})) as receiver:
        point_at(f"http://127.0.0.1:{receiver.port}", monkeypatch)
        yield receiver


@pytest.fixture
def bucket(local_aws: Reader) -> str:
    """A bucket in moto."""
    name = unique("lake")
    place: Any = {"LocationConstraint": local_aws.region}
    local_aws("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
    return name


def keys(local_aws: Reader, bucket: str) -> list[str]:
    """The keys of all objects."""
    return [one["Key"] for one in local_aws("s3").list_objects_v2(Bucket=bucket).get("Contents", ())]


def place(key: str) -> tuple[str, ...]:
    """Organization, account, folder, and Region in a key; checks that its two times agree."""
    found = KEY.fullmatch(key)
    assert found is not None, key
    assert found["day"].replace("/", "") == found["time"][:8]
    return tuple(found[name] or "" for name in ("org", "account", "folder", "region"))


def test_a_reader_of_log_files_gets_the_unchanged_records(local_aws: Reader, bucket: str) -> None:
    """Our own source reads the object by its S3 notification, and gets the bytes of each record."""
    head = b'{"eventVersion":"1.11","eventID":"x","awsRegion":"eu-west-1","requestParameters":'
    sent = [head + data + b"}" for data in ODD[:5]]
    batch = [Entry(data, "key", fields={"account": "111122223333"}) for data in sent]
    assert sink(bucket, local_aws.region).send(batch) == []
    (key,) = keys(local_aws, bucket)
    named = {"bucket": {"name": bucket}, "object": {"key": key, "size": 1}}
    notification = {"eventSource": "aws:s3", "awsRegion": local_aws.region, "eventName": "ObjectCreated:Put"}
    payload = {"Records": [{**notification, "eventVersion": "2.1", "s3": named}]}
    objects = Objects()
    assert [message.detail for message in S3Source().messages(payload, ObjectReader(objects))] == sent
    objects.close()


def test_each_record_is_where_cloudtrail_puts_it(local_aws: Reader, bucket: str) -> None:
    """One object for each account, Region, and kind of event, in the folder of CloudTrail."""
    batch = [
        record(1),
        record(2, eventCategory="Data"),
        record(3, recipientAccountId="123456789012", eventCategory="Management"),
        record(4, awsRegion="us-gov-west-1"),
        record(5, eventCategory="Insight", recipientAccountId=None),
        record(6, eventCategory="NetworkActivity"),
        record(
            7,
            eventCategory="Aggregated",
            eventID=None,
            eventId="a",
            recipientAccountId=None,
            accountId="123456789012",
        ),
        record(8, eventCategory=["?"]),
    ]
    made = sink(bucket, local_aws.region, organization="o-exampleorgid")
    assert made.send(batch) == []
    assert sorted(place(key) for key in keys(local_aws, bucket)) == [
        ("o-exampleorgid", "111122223333", "CloudTrail", "eu-west-1"),
        ("o-exampleorgid", "111122223333", "CloudTrail", "us-gov-west-1"),
        ("o-exampleorgid", "111122223333", "CloudTrail-Insight", "eu-west-1"),
        ("o-exampleorgid", "111122223333", "CloudTrail-NetworkActivity", "eu-west-1"),
        ("o-exampleorgid", "123456789012", "CloudTrail", "eu-west-1"),
        ("o-exampleorgid", "123456789012", "CloudTrail-Aggregated", "eu-west-1"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"not JSON",
        b"\xff",
        b"[]",
        b'{"schemaVersion":"2.0","accountId":"111122223333","region":"eu-west-1","id":"x"}',
        b'{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-west-1"}',
        b'{"eventVersion":"1.11","eventID":"x","awsRegion":"../x","recipientAccountId":"111122223333"}',
        b'{"eventVersion":"1.11","eventID":"x","awsRegion":"eu-west-1","recipientAccountId":"1/2"}',
        b'{"eventVersion":"1.11","eventID":"x"}',
    ],
)
def test_other_events_are_refused_alone(receiver: Receiver, data: bytes) -> None:
    """What is not a record, or would lead to another folder, is rejected; the records are written."""
    batch = [Entry(data, "key", fields={"account": "111122223333"}), record(1)]
    (rejection,) = sink().send(batch)
    assert (rejection.index, rejection.code, rejection.cause) == (0, "not_a_record", Cause.CONTENT)
    assert rejection.transient is False
    assert gzip.decompress(receiver.bodies[0]) == b'{"Records":[' + batch[1].data + b"]}"


def test_a_finding_becomes_a_dead_letter(receiver: Receiver, tmp_path: Path) -> None:
    """An event without a CloudTrail record is in the dead-letter queue, and its neighbor in the bucket."""
    dead = tmp_path / "dead"
    config = Config.from_toml(
        f'dead_letter = "file:{dead}"\n[sinks.lake]\nto = "s3://lake/trail?region=eu-west-1"\n'
        'layout = "cloudtrail"\n'
    )
    assert config.sinks["lake"].format == "record"
    finding = envelope(1).replace(b'"eventVersion"', b'"schemaVersion"')
    forwarder = Forwarder(config)
    payload = sqs(sqs_record(finding, "0"), sqs_record(envelope(2), "1"))
    response, outcome = forwarder.process(payload, Context())
    forwarder.close()
    assert response == {"batchItemFailures": []}
    verdicts = outcome.verdicts["lake"]
    assert [(verdict.fate.value, verdict.code) for _, verdict in sorted(verdicts.items())] == [
        ("dead_lettered", "not_a_record"),
        ("delivered", ""),
    ]


def test_a_retried_batch_keeps_its_key(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry in the next minute writes to the same key, so the object is never stored twice."""
    receiver.script(Status(503), Status(412, {}, b"<Error><Code>PreconditionFailed</Code></Error>"))
    made = sink()
    now, later = time.gmtime(1_777_886_100), time.gmtime(1_777_886_100 + 90_000)
    monkeypatch.setattr(time, "gmtime", lambda *_: now)
    with pytest.raises(TransientError):
        made.send([record(1)])
    now = later
    assert made.send([record(1)]) == []
    first, again = (request.path for request in receiver.requests)
    assert first == again
    assert "/2026/05/04/111122223333_CloudTrail_eu-west-1_20260504T0915Z_" in first
    assert made.send([record(2)]) == []
    assert "/2026/05/05/111122223333_CloudTrail_eu-west-1_20260505T1015Z_" in receiver.requests[2].path


def test_the_sink_remembers_a_bounded_number_of_names() -> None:
    """Memory does not grow with the number of batches."""
    names = Names("AWSLogs/")
    for number in range(300):
        names.key(Place("111122223333", "CloudTrail", "eu-west-1"), b"%d" % number)
    assert len(names._known) == 256


def test_sizes_include_what_is_between_records() -> None:
    """The text of a log file is never longer than the limit on a batch."""
    made = sink()
    batch = [record(number) for number in range(3)]
    text = b'{"Records":[' + b",".join(entry.data for entry in batch) + b"]}"
    assert len(text) <= sum(map(made.size, batch)) + made.limits.batch_overhead <= len(text) + 1


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ('layout = "cloudtrail"\nformat = "raw"', 'use format = "record"'),
        ('layout = "athena"', "layout"),
        ('organization = "o-exampleorgid"', 'set layout = "cloudtrail"'),
        ('layout = "cloudtrail"\norganization = "../x"', "organization"),
    ],
)
def test_settings_that_do_not_fit_are_errors(lines: str, fault: str) -> None:
    """Other formats, unknown layouts, and an organization without the layout are refused with the fix."""
    with pytest.raises(ConfigError, match=fault):
        Config.from_toml(f'[sinks.lake]\nto = "s3://lake?region=eu-west-1"\n{lines}\n')


def test_a_bucket_that_the_function_reads_is_a_lint() -> None:
    """A bucket in bucket_owners holds log files that the function reads, so its own come back."""
    text = '[sinks.lake]\nto = "s3://lake?region=eu-west-1"\nlayout = "cloudtrail"\n'
    owners = '[bucket_owners]\nlake = "111122223333"\n'
    assert [one.code for one in lint(Config.from_toml(owners + text))] == ["own-bucket"]
    assert lint(Config.from_toml(text)) == []
