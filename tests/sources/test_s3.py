"""CloudTrail log files in S3: records keep their bytes, and unreadable files get a fate."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aws import unique
from tests.support.events import FIFO, Context, envelope, sqs, sqs_record
from tests.support.payloads import (
    KEY,
    kinesis_record,
    log_file,
    notification,
    object_created,
    record,
    s3_record,
    sns_record,
)
from trailforward import Config, Fate, Forwarder, PayloadError, TransientError, parse, redelivery
from trailforward.aws import objects, session
from trailforward.aws.objects import Objects
from trailforward.errors import EventError, MissingExtraError, UnreadError
from trailforward.outcome import Totals
from trailforward.sources import detect
from trailforward.sources.base import ObjectReader
from trailforward.testing import FlakySink, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.support.aws import Reader
    from trailforward import Message
    from trailforward.aws.objects import S3Object

SIBLINGS = ["CloudTrail-Insight", "CloudTrail-NetworkActivity", "CloudTrail-Aggregated"]


def put(aws: Reader, data: bytes, key: str = KEY) -> str:
    """A new bucket with one object."""
    bucket = unique("trail")
    place = {"LocationConstraint": aws.region}
    aws("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    aws("s3").put_object(Bucket=bucket, Key=key, Body=data)
    return bucket


def ways(bucket: str, key: str = KEY) -> dict[str, Any]:
    """Every payload that can name an object."""
    s3 = {"Records": [s3_record(bucket, key)]}
    trail = {"s3Bucket": bucket, "s3ObjectKey": [key]}
    created = object_created(bucket, key)
    made = {"s3": s3, "trail": trail, "created": created}
    for name, body in list(made.items()):
        text = json.dumps(body)
        made[f"{name} in sns"] = {"Records": [sns_record(text)]}
        made[f"{name} in sqs"] = sqs(sqs_record(text, "m-1"))
        made[f"{name} in sns in sqs"] = sqs(sqs_record(json.dumps(notification(text)), "m-1"))
        made[f"{name} in kinesis"] = {"Records": [kinesis_record(text.encode(), "1")]}
    return made


def given(data: bytes, size: int = 50) -> Callable[[S3Object], Iterator[bytes]]:
    """S3 in which every object has these bytes."""

    def fetch(s3_object: S3Object) -> Iterator[bytes]:
        yield from (data[at : at + size] for at in range(0, len(data), size))

    return fetch


def messages(payload: Any, fetch: Callable[[S3Object], Iterator[bytes]] | None = None) -> list[Message]:
    """The messages of a payload."""
    return list(detect(payload).messages(payload, ObjectReader(fetch)))


def codes(made: Sequence[Message]) -> list[str]:
    """The error code of each message; empty for events."""
    found = []
    for message in made:
        try:
            _ = message.event
        except EventError as error:
            found.append(error.code)
        else:
            found.append("")
    return found


@pytest.mark.parametrize("way", ways(""))
def test_every_kind_of_notification(way: str, local_aws: Reader) -> None:
    """Every kind of notification brings the records in envelopes, with their origin and their exact bytes."""
    odd = record(2).replace(b"rosa", "\u2028 \\u003d 😀".encode())
    bucket = put(local_aws, log_file(record(1), odd))
    payload = ways(bucket)[way]
    made = messages(payload)
    assert [message.detail for message in made] == [record(1), odd]
    assert [message.origin.ref for message in made] == [f"s3://{bucket}/{KEY}#{number}" for number in (0, 1)]
    assert json.loads(made[1].raw)["trailforward"] == {"origin": f"s3://{bucket}/{KEY}#1"}
    assert made[0].origin.source == detect(payload).name
    assert [event.detail.event_name for event in parse(payload)] == ["StopInstances"] * 2


@pytest.mark.parametrize(
    "key", ["a b/ü+&%.json.gz", "plain.json", KEY.replace(".json.gz", "_backfill.json.gz")]
)
def test_keys_of_all_kinds(key: str, local_aws: Reader) -> None:
    """Objects are found although S3 notifications URL-encode their keys."""
    bucket = put(local_aws, log_file(record(1), packed=key.endswith("gz")), key)
    for way in ("s3", "trail", "s3 in sns in sqs"):
        assert [message.detail for message in messages(ways(bucket, key)[way])] == [record(1)]


@pytest.mark.parametrize("sibling", SIBLINGS)
def test_other_kinds_of_log_files(sibling: str) -> None:
    """Files of Insights, network activity, and aggregated events are log files, too."""
    key = KEY.replace("/CloudTrail/", f"/{sibling}/")
    for way in ("s3", "created"):
        made = messages(ways("b", key)[way], given(log_file(record(1))))
        assert [message.detail for message in made] == [record(1)]


DIGEST = KEY.replace("CloudTrail/", "CloudTrail-Digest/")
NOTHING: list[tuple[Any, bytes, str]] = [
    (ways("b", DIGEST)["s3"], b"", "digest_file"),
    (ways("b", DIGEST)["created"], b"", "digest_file"),
    (ways("b", "moved.json.gz")["s3"], gzip.compress(b'{"digestS3Object":"x"}'), "digest_file"),
    (ways("b")["s3"], log_file(), "no_records"),
    (ways("b", "AWSLogs/111122223333/Config/x.json.gz")["s3"], b"", "other_service"),
    (ways("b", "AWSLogs/")["s3"], b"", "folder"),
    ({"Records": [s3_record("b", event="ObjectRemoved:Delete")]}, b"", "not_created"),
    ({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}, b"", "s3_test_event"),
]


@pytest.mark.parametrize(("payload", "data", "code"), NOTHING, ids=[code for *_, code in NOTHING])
def test_payloads_without_events(payload: Any, data: bytes, code: str, local_aws: Reader) -> None:
    """Digest files, test events, and the like are filtered; they are neither dead-lettered nor returned."""
    for wrapped in (payload, sqs(sqs_record(json.dumps(payload), "m"))):
        assert codes(messages(wrapped, given(data))) == [code]
        assert list(parse(wrapped, fetch=given(data))) == []
    queued = sqs(sqs_record(envelope(1), "a"), sqs_record(json.dumps(payload), "b"))
    forwarder, sink = forwarding(given(data))
    response, outcome = forwarder.process(queued)
    assert response == {"batchItemFailures": []}
    assert outcome.totals("a") == Totals(received=2, delivered=1, filtered=1)
    assert outcome.verdicts["a"][1].code == code
    assert sink.data == [envelope(1)]


BAD: list[tuple[bytes, list[str]]] = [
    (b"", ["not_json"]),
    (b"no json", ["not_json"]),
    (b"{}", ["no_records"]),
    (b'{"configurationItems":[]}', ["no_records"]),
    (log_file(record(1))[:-9], ["", "bad_gzip"]),
    (b"\x1f\x8bx" * 9, ["bad_gzip"]),
    (b'{"Records":[' + record(1) + b",", ["not_json"]),
    (b'{"Records":[' + record(1) + b",3,{}," + record(2) + b"]}", ["", "not_an_object", "unknown_shape", ""]),
    (gzip.compress(b"\xff"), ["not_utf8"]),
]


@pytest.mark.parametrize(("data", "expected"), BAD, ids=range(len(BAD)))
def test_damaged_files(data: bytes, expected: list[str]) -> None:
    """A damaged file yields the records before the damage, and then a message with an error."""
    made = messages(ways("b")["s3 in sqs"], given(data))
    if expected == ["not_json"] and b"Records" in data:
        expected = ["", *expected]  # the record before the end
    assert codes(made) == expected
    for message, code in zip(made, expected, strict=True):
        if code.startswith(("bad_", "not_json", "no_")):
            assert json.loads(message.raw) == ways("b")["s3"]
            assert message.origin.skip == len(made) - 1


@pytest.mark.parametrize(
    "payload",
    [
        {"s3Bucket": "b", "s3ObjectKey": [3]},
        {"s3Bucket": None, "s3ObjectKey": "k"},
        {"s3Bucket": "b", "s3ObjectKey": []},
        {"s3Bucket": "b", "s3ObjectKey": None},
        {"Records": [{"eventSource": "aws:s3"}]},
        {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": 3, "object": []}}]},
    ],
    ids=range(6),
)
def test_notifications_without_an_object(payload: Any) -> None:
    """A notification that does not name an object becomes a message with an error."""
    for wrapped in (payload, sqs(sqs_record(json.dumps(payload), "m"))):
        assert codes(messages(wrapped)) == ["bad_notification"]


def test_other_objects_of_eventbridge_are_events() -> None:
    """An event about an object that is not a log file is an ordinary event."""
    event = object_created("b", "photos/cat.json.gz")
    (direct,) = messages(event)
    (queued,) = messages(sqs(sqs_record(json.dumps(event), "m")))
    assert json.loads(direct.raw) == json.loads(queued.raw) == event
    assert codes([direct, queued]) == ["", ""]
    assert [parsed.source for parsed in parse(event)] == ["aws.s3"]


@pytest.mark.parametrize(
    ("bucket", "key", "code"), [(True, "gone.json.gz", "NoSuchKey"), (False, KEY, "NoSuchBucket")]
)
def test_missing_objects(bucket: bool, key: str, code: str, local_aws: Reader) -> None:  # noqa: FBT001
    """An object that does not exist is a permanent failure, with S3's error code."""
    name = put(local_aws, b"") if bucket else unique("nowhere")
    (message,) = messages(ways(name, key)["s3"])
    assert codes([message]) == [code]
    with pytest.raises(EventError) as caught:
        _ = message.event
    assert not isinstance(caught.value, UnreadError)


@pytest.mark.parametrize(
    ("status", "code", "transient"),
    [
        (404, "NoSuchKey", False),
        (404, "NoSuchVersion", False),
        (404, "NoSuchBucket", False),
        (400, "InvalidBucketName", False),
        (403, "InvalidObjectState", False),
        (405, "MethodNotAllowed", False),
        (403, "AccessDenied", True),
        (403, "InvalidAccessKeyId", True),
        (400, "KMS.DisabledException", True),
        (400, "KMS.KMSInvalidStateException", True),
        (400, "ExpiredToken", True),
        (400, "RequestTimeout", True),
        (429, "Odd", True),
        (503, "SlowDown", True),
        (500, "InternalError", True),
        (301, "PermanentRedirect", True),
        (0, None, True),
    ],
)
def test_which_errors_are_transient(status: int, code: str | None, transient: bool) -> None:  # noqa: FBT001
    """Only an object that does not exist or can never be read is given up; a permission can be granted."""
    from botocore.exceptions import ClientError

    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = objects._event_error(ClientError(response, "GetObject"))
    assert isinstance(error, UnreadError) == transient
    assert error.code == (code or "Unknown")


def test_s3_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, local_aws: Reader) -> None:
    """If S3 cannot be reached, the failure is transient."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    (message,) = messages(ways("b")["s3"])
    with pytest.raises(UnreadError, match="Could not connect"):
        _ = message.event


def test_invalid_bucket_names(local_aws: Reader) -> None:
    """A bucket name that botocore rejects makes the notification invalid."""
    assert codes(messages(ways("no bucket!")["s3"])) == ["bad_notification"]


def test_without_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    """If botocore is not installed, the error contains the command that installs it."""
    monkeypatch.setattr(session, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'trailforward\[aws\]'"):
        list(parse(ways("b")["s3"]))


def test_a_version_and_a_region(local_aws: Reader) -> None:
    """The object is read in the version and the Region that the notification names."""
    bucket = put(local_aws, b"")
    local_aws("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = local_aws("s3").put_object(Bucket=bucket, Key=KEY, Body=log_file(record(1)))["VersionId"]
    local_aws("s3").put_object(Bucket=bucket, Key=KEY, Body=log_file(record(2)))
    notified = s3_record(bucket)
    notified["s3"]["object"]["versionId"] = first
    created = object_created(bucket)
    created["detail"]["object"]["version-id"] = first
    for payload in ({"Records": [notified]}, created):
        assert [message.detail for message in messages(payload)] == [record(1)]


def forwarding(fetch: Any, *script: Any, head: str = "") -> tuple[Forwarder, FlakySink]:
    """A forwarder with one sink, which reads objects with ``fetch``."""
    sink = FlakySink(script)
    text = f'{head}\nretry = {{ max_attempts = 1 }}\n[sinks.a]\nto = "stdout:"\n'
    made = Forwarder(Config.from_toml(text), made={"a": sink})
    fetch.close = lambda: None
    made._objects = fetch
    return made, sink


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of ten messages."""
    monkeypatch.setattr("trailforward.pipeline.batching._MESSAGES", 10)


RECORDS = [record(number) for number in range(35)]


@pytest.mark.usefixtures("small_batches")
def test_a_file_is_forwarded_in_batches() -> None:
    """A file of any size is forwarded in batches; the ledger has the sums of all, and keeps no message."""
    forwarder, sink = forwarding(given(log_file(*RECORDS)))
    response, outcome = forwarder.process(ways("b")["s3 in sqs"])
    assert response == {"batchItemFailures": []}
    assert outcome.totals("a") == Totals(received=35, delivered=35)
    assert (outcome.breaks, outcome.messages) == ([], [])
    assert [entry.data.partition(b'"detail":')[2][:-1] for entry in sink.taken] == RECORDS
    assert [len(call) for call in sink.calls] == [10, 10, 10, 5]
    assert outcome.accounts["a"].bytes == sum(map(len, sink.data))
    forwarder.close()


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("way", ["s3", "s3 in sqs", "s3 in sns", "s3 in kinesis"])
def test_one_failed_record_returns_the_file(way: str) -> None:
    """Without a retry queue, one failed record returns the whole message, although others were delivered."""
    forwarder, sink = forwarding(given(log_file(*RECORDS)), None, refuse(3, 4))
    payload = ways("b")[way]
    if way in {"s3", "s3 in sns"}:
        with pytest.raises(PayloadError, match="Throttled"):
            forwarder.process(payload)
    else:
        response, outcome = forwarder.process(payload)
        assert response == {"batchItemFailures": [{"itemIdentifier": "1" if "kinesis" in way else "m-1"}]}
        assert outcome.totals("a") == Totals(received=35, delivered=33, returned=2)
        assert outcome.breaks == []
        assert len(outcome.messages) == 1
    assert len(sink.taken) == 33


@pytest.mark.usefixtures("small_batches")
def test_with_a_retry_queue_only_failed_records_return(local_aws: Reader) -> None:
    """With a retry queue, only the failed records are delivered again, not the whole file."""
    queue = local_aws.queue()
    head = f'retry_queue = "{queue}"'
    forwarder, sink = forwarding(given(log_file(*RECORDS)), None, refuse(3, 4), head=head)
    response, outcome = forwarder.process(ways("b")["s3 in sqs"])
    assert response == {"batchItemFailures": []}
    assert outcome.totals("a") == Totals(received=35, delivered=33, returned=2)
    again = [
        sqs_record(found["Body"], "r", attributes=attributes_of(found)) for found in local_aws.messages(queue)
    ]
    response, outcome = forwarder.process(sqs(*again))
    assert outcome.totals("a") == Totals(received=2, delivered=2)
    assert sorted(entry.data.partition(b'"detail":')[2][:-1] for entry in sink.taken) == sorted(RECORDS)


def attributes_of(found: dict[str, Any]) -> dict[str, str]:
    """The attributes of a received message."""
    return {name: value["StringValue"] for name, value in found["MessageAttributes"].items()}


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("begun", [True, False])
def test_reading_stops_while_the_destination_is_down(begun: bool, local_aws: Reader) -> None:  # noqa: FBT001
    """Reading stops while the destination is down; the file returns, or its rest if part was delivered."""
    queue = local_aws.queue()
    down = [TransientError("down")]
    script = [None, *down] if begun else down
    forwarder, sink = forwarding(given(log_file(*RECORDS)), *script, head=f'retry_queue = "{queue}"')
    response, outcome = forwarder.process(ways("b")["s3 in sqs"])
    found = local_aws.messages(queue)
    if not begun:
        assert response == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
        # Ten records were refused; an eleventh had been read.
        assert len(sink.calls) == 2
        assert (outcome.totals("a").delivered, outcome.breaks) == (1, [])
        assert found == []
        return
    assert response == {"batchItemFailures": []}
    # Ten records were delivered, ten refused, one more read; the rest is one message.
    assert len(sink.calls) == 3
    assert [redelivery.SKIP in attributes_of(one) for one in found].count(True) == 1
    again = [sqs_record(one["Body"], "r", attributes=attributes_of(one)) for one in found]
    while again:
        response, outcome = forwarder.process(sqs(*again))
        again = []
        assert response == {"batchItemFailures": []}
    taken = [entry.data.partition(b'"detail":')[2][:-1] for entry in sink.taken]
    assert sorted(taken) == sorted(RECORDS)
    assert len(found) < 15


@pytest.mark.usefixtures("small_batches")
def test_a_deadline_in_the_middle_of_a_file(local_aws: Reader) -> None:
    """At the deadline, the unread rest of a file becomes one message that brings exactly the rest."""
    queue = local_aws.queue()
    head = f'retry_queue = "{queue}"\ndeadline_margin_seconds = 60'
    whole = log_file(*RECORDS, packed=False)
    slow: list[ObjectReader] = []

    def fetch(s3_object: S3Object) -> Iterator[bytes]:
        yield whole[: len(whole) // 2]
        for reader in slow:
            reader._until = 0.0
        yield whole[len(whole) // 2 :]

    forwarder, sink = forwarding(fetch, head=head)
    real = forwarder._forward

    def spied(messages: Any, times: Any, reader: ObjectReader) -> Any:
        slow.append(reader)
        return real(messages, times, reader)

    forwarder._forward = spied  # type: ignore[method-assign, assignment]
    response, outcome = forwarder.process(ways("b")["s3 in sqs"], Context(200))
    assert response == {"batchItemFailures": []}
    assert outcome.totals("a").returned == 1
    done = len(sink.taken)
    assert 10 < done < 20
    (found,) = local_aws.messages(queue)
    assert attributes_of(found)[redelivery.SKIP] == str(done)
    assert attributes_of(found)[redelivery.CODE] == "deadline"
    assert json.loads(found["Body"]) == ways("b")["s3"]
    slow.clear()
    forwarder._forward = real  # type: ignore[method-assign]
    payload = sqs(sqs_record(found["Body"], "r", attributes=attributes_of(found)))
    response, outcome = forwarder.process(payload, Context(200))
    assert response == {"batchItemFailures": []}
    assert [entry.data.partition(b'"detail":')[2][:-1] for entry in sink.taken] == RECORDS


def test_s3_fails_in_the_middle_of_a_file(local_aws: Reader) -> None:
    """If S3 fails in the middle, the records read so far are delivered, and reading continues there later."""
    queue = local_aws.queue()
    whole = log_file(*RECORDS, packed=False)
    faults: list[Exception] = [UnreadError("SlowDown", "x"), RuntimeError("a bug")]

    def fetch(s3_object: S3Object) -> Iterator[bytes]:
        if not faults:
            yield whole
            return
        yield whole[: len(whole) - 4_000 * len(faults)]
        raise faults.pop()

    forwarder, sink = forwarding(fetch, head=f'retry_queue = "{queue}"')
    payload = ways("b")["s3 in sqs"]
    for code in ("RuntimeError", "SlowDown"):
        assert forwarder.handle(payload) == {"batchItemFailures": []}
        (found,) = local_aws.messages(queue)
        assert (attributes_of(found)[redelivery.CODE], attributes_of(found)[redelivery.SKIP]) == (
            code,
            str(len(sink.taken)),
        )
        payload = sqs(sqs_record(found["Body"], "r", attributes=attributes_of(found)))
    assert forwarder.handle(payload) == {"batchItemFailures": []}
    assert [entry.data.partition(b'"detail":')[2][:-1] for entry in sink.taken] == RECORDS


def test_an_unreadable_object_becomes_a_dead_letter(tmp_path: Path, local_aws: Reader) -> None:
    """An unreadable object becomes a dead letter that names only this object; the others are delivered."""
    dead = tmp_path / "dead"
    bucket = put(local_aws, log_file(record(1)))
    sink = FlakySink()
    text = f'dead_letter = "file:{dead}"\n[sinks.a]\nto = "stdout:"\n'
    forwarder = Forwarder(Config.from_toml(text), made={"a": sink})
    body = {"Records": [s3_record(bucket, "gone.json.gz"), s3_record(bucket)]}
    response, outcome = forwarder.process(
        sqs(sqs_record(json.dumps(body), "m"), sqs_record(envelope(2), "n"))
    )
    forwarder.close()
    assert response == {"batchItemFailures": []}
    assert outcome.totals("a") == Totals(received=3, delivered=2, dead_lettered=1)
    assert outcome.verdicts["a"][0].fate is Fate.DEAD_LETTERED
    dead_letter = json.loads(dead.read_text())
    assert dead_letter[redelivery.CODE] == "NoSuchKey"
    assert json.loads(dead_letter["body"]) == {"Records": [s3_record(bucket, "gone.json.gz")]}


def test_clients_are_closed(local_aws: Reader) -> None:
    """Each Region has one client, and a closed reader can be used again."""
    bucket = put(local_aws, b"data")
    from trailforward.aws.objects import S3Object

    objects = Objects()
    s3_object = S3Object(bucket, KEY, local_aws.region)
    assert [b"".join(objects(s3_object)), b"".join(objects(s3_object))] == [b"data", b"data"]
    objects.close()
    assert b"".join(objects(s3_object)) == b"data"
    assert b"".join(objects(s3_object._replace(region=""))) == b"data"
    objects.close()


def test_objects_in_a_fifo_queue_do_not_block_their_group() -> None:
    """FIFO order applies to the messages of a queue, not to the records of the objects that they name."""
    body = json.dumps({"Records": [s3_record("b")]})
    payload = sqs(
        sqs_record(body, "m-1", arn=FIFO, group="g"), sqs_record(envelope(9), "m-2", arn=FIFO, group="g")
    )
    forwarder, sink = forwarding(given(log_file(*RECORDS)), refuse(0))
    assert forwarder.handle(payload) == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert len(sink.taken) == 35


def test_two_destinations_and_one_is_down(local_aws: Reader) -> None:
    """A healthy destination gets a file once; the retry queue keeps the records for the other one."""
    queue = local_aws.queue()
    healthy, down = FlakySink(), FlakySink([TransientError("down")])
    text = (
        f'retry_queue = "{queue}"\nretry = {{ max_attempts = 1 }}\n'
        '[sinks.a]\nto = "stdout:"\n[sinks.b]\nto = "stdout:"\n'
    )
    forwarder = Forwarder(Config.from_toml(text), made={"a": healthy, "b": down})
    bucket = put(local_aws, log_file(*RECORDS[:5]))
    response, outcome = forwarder.process(ways(bucket)["s3 in sqs"])
    assert response == {"batchItemFailures": []}
    assert outcome.totals("b") == Totals(received=5, returned=5)
    again = [sqs_record(one["Body"], "r", attributes=attributes_of(one)) for one in local_aws.messages(queue)]
    forwarder.handle(sqs(*again))
    assert (len(healthy.taken), len(down.taken)) == (5, 5)
    assert sorted(healthy.data) == sorted(down.data)
    forwarder.close()


def test_a_late_invocation_reads_no_object() -> None:
    """If there is no time left to read, the notification is returned unchanged."""
    forwarder, sink = forwarding(given(log_file(*RECORDS)))
    payload = sqs(sqs_record(json.dumps(ways("b")["s3"]), "m-1"))
    response, outcome = forwarder.process(payload, Context(0))
    assert response == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert outcome.verdicts["a"][0].code == "deadline"
    assert sink.calls == []
