"""Trail files in S3, whatever points to them: records with their bytes, a fate for what cannot be read."""

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
    notification,
    object_created,
    record,
    s3_record,
    sns_record,
    trail_file,
)
from trailforward import Config, Fate, Forwarder, PayloadError, TransientError, parse, redelivery
from trailforward.aws import objects, session
from trailforward.aws.objects import Objects
from trailforward.errors import EventError, MissingExtraError, UnreadError
from trailforward.outcome import Totals
from trailforward.sources import ObjectReader, detect
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
    """Every way in which an object may be pointed to."""
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
    """An S3 in which every object has these bytes."""

    def fetch(pointer: S3Object) -> Iterator[bytes]:
        yield from (data[at : at + size] for at in range(0, len(data), size))

    return fetch


def messages(payload: Any, fetch: Callable[[S3Object], Iterator[bytes]] | None = None) -> list[Message]:
    """The messages of a payload."""
    return list(detect(payload).messages(payload, ObjectReader(fetch)))


def codes(made: Sequence[Message]) -> list[str]:
    """Why each message is no event; empty where it is one."""
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
def test_every_way_to_a_trail_file(way: str, local_aws: Reader) -> None:
    """Whatever points to a trail file, its records come in their envelopes, marked, with their own bytes."""
    odd = record(2).replace(b"rosa", "\u2028 \\u003d 😀".encode())
    bucket = put(local_aws, trail_file(record(1), odd))
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
    """Notifications spell keys as forms do; the object is found all the same."""
    bucket = put(local_aws, trail_file(record(1), packed=key.endswith("gz")), key)
    for way in ("s3", "trail", "s3 in sns in sqs"):
        assert [message.detail for message in messages(ways(bucket, key)[way])] == [record(1)]


@pytest.mark.parametrize("sibling", SIBLINGS)
def test_siblings_of_trail_files(sibling: str) -> None:
    """Files of Insights, network activity and aggregated events are trail files."""
    key = KEY.replace("/CloudTrail/", f"/{sibling}/")
    for way in ("s3", "created"):
        made = messages(ways("b", key)[way], given(trail_file(record(1))))
        assert [message.detail for message in made] == [record(1)]


DIGEST = KEY.replace("CloudTrail/", "CloudTrail-Digest/")
NOTHING: list[tuple[Any, bytes, str]] = [
    (ways("b", DIGEST)["s3"], b"", "digest_file"),
    (ways("b", DIGEST)["created"], b"", "digest_file"),
    (ways("b", "moved.json.gz")["s3"], gzip.compress(b'{"digestS3Object":"x"}'), "digest_file"),
    (ways("b")["s3"], trail_file(), "no_records"),
    (ways("b", "AWSLogs/111122223333/Config/x.json.gz")["s3"], b"", "other_service"),
    (ways("b", "AWSLogs/")["s3"], b"", "folder"),
    ({"Records": [s3_record("b", event="ObjectRemoved:Delete")]}, b"", "not_created"),
    ({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}, b"", "s3_test_event"),
]


@pytest.mark.parametrize(("payload", "data", "code"), NOTHING, ids=[code for *_, code in NOTHING])
def test_what_is_nothing_to_forward(payload: Any, data: bytes, code: str, local_aws: Reader) -> None:
    """Digest files, test notifications and the like are filtered: never dead letters, never sent back."""
    for wrapped in (payload, sqs(sqs_record(json.dumps(payload), "m"))):
        assert codes(messages(wrapped, given(data))) == [code]
        assert list(parse(wrapped, fetch=given(data))) == []
    queued = sqs(sqs_record(envelope(1), "a"), sqs_record(json.dumps(payload), "b"))
    forwarder, sink = forwarding(given(data))
    answer, outcome = forwarder.process(queued)
    assert answer == {"batchItemFailures": []}
    assert outcome.totals("a") == Totals(received=2, delivered=1, filtered=1)
    assert outcome.verdicts["a"][1].code == code
    assert sink.data == [envelope(1)]


BAD: list[tuple[bytes, list[str]]] = [
    (b"", ["not_json"]),
    (b"no json", ["not_json"]),
    (b"{}", ["no_records"]),
    (b'{"configurationItems":[]}', ["no_records"]),
    (trail_file(record(1))[:-9], ["", "bad_gzip"]),
    (b"\x1f\x8bx" * 9, ["bad_gzip"]),
    (b'{"Records":[' + record(1) + b",", ["not_json"]),
    (b'{"Records":[' + record(1) + b",3,{}," + record(2) + b"]}", ["", "not_an_object", "unknown_shape", ""]),
    (gzip.compress(b"\xff"), ["not_utf8"]),
]


@pytest.mark.parametrize(("data", "expected"), BAD, ids=range(len(BAD)))
def test_files_that_are_none(data: bytes, expected: list[str]) -> None:
    """A damaged file is a message that says so, after the records before the damage."""
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
def test_notifications_that_name_no_object(payload: Any) -> None:
    """A notification that names nothing is a message that says so."""
    for wrapped in (payload, sqs(sqs_record(json.dumps(payload), "m"))):
        assert codes(messages(wrapped)) == ["bad_notification"]


def test_other_objects_of_eventbridge_are_events() -> None:
    """An event about an object that is no trail file is an event like any other."""
    event = object_created("b", "photos/cat.json.gz")
    (direct,) = messages(event)
    (queued,) = messages(sqs(sqs_record(json.dumps(event), "m")))
    assert json.loads(direct.raw) == json.loads(queued.raw) == event
    assert codes([direct, queued]) == ["", ""]
    assert [parsed.source for parsed in parse(event)] == ["aws.s3"]


@pytest.mark.parametrize(
    ("bucket", "key", "code"), [(True, "gone.json.gz", "NoSuchKey"), (False, KEY, "NoSuchBucket")]
)
def test_objects_that_are_not_there(bucket: bool, key: str, code: str, local_aws: Reader) -> None:  # noqa: FBT001
    """What S3 refuses for good can never be read, and says why in S3's own words."""
    name = put(local_aws, b"") if bucket else unique("nowhere")
    (message,) = messages(ways(name, key)["s3"])
    assert codes([message]) == [code]
    with pytest.raises(EventError) as caught:
        _ = message.event
    assert not isinstance(caught.value, UnreadError)


@pytest.mark.parametrize(
    ("status", "code", "passing"),
    [
        (403, "AccessDenied", False),
        (404, "NoSuchKey", False),
        (400, "InvalidBucketName", False),
        (400, "ExpiredToken", True),
        (400, "RequestTimeout", True),
        (429, "Odd", True),
        (503, "SlowDown", True),
        (500, "InternalError", True),
        (301, "PermanentRedirect", True),
        (0, None, True),
    ],
)
def test_which_refusals_pass(status: int, code: str | None, passing: bool) -> None:  # noqa: FBT001
    """Throttling, server errors and stale credentials pass; other refusals of S3 are for good."""
    from botocore.exceptions import ClientError

    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = objects._event_error(ClientError(answer, "GetObject"))
    assert isinstance(error, UnreadError) == passing
    assert error.code == (code or "Unknown")


def test_no_answer_from_s3(monkeypatch: pytest.MonkeyPatch, local_aws: Reader) -> None:
    """Where nothing answers, the object may be read later."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    (message,) = messages(ways("b")["s3"])
    with pytest.raises(UnreadError, match="Could not connect"):
        _ = message.event


def test_names_that_s3_cannot_have(local_aws: Reader) -> None:
    """A bucket's name that botocore refuses never becomes a call."""
    assert codes(messages(ways("no bucket!")["s3"])) == ["bad_notification"]


def test_without_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where botocore is not installed, the error has the command to type."""
    monkeypatch.setattr(session, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'trailforward\[aws\]'"):
        list(parse(ways("b")["s3"]))


def test_a_version_and_a_region(local_aws: Reader) -> None:
    """The object is read in the version and the Region that the notification names."""
    bucket = put(local_aws, b"")
    local_aws("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = local_aws("s3").put_object(Bucket=bucket, Key=KEY, Body=trail_file(record(1)))["VersionId"]
    local_aws("s3").put_object(Bucket=bucket, Key=KEY, Body=trail_file(record(2)))
    noticed = s3_record(bucket)
    noticed["s3"]["object"]["versionId"] = first
    created = object_created(bucket)
    created["detail"]["object"]["version-id"] = first
    for payload in ({"Records": [noticed]}, created):
        assert [message.detail for message in messages(payload)] == [record(1)]


def forwarding(fetch: Any, *script: Any, head: str = "") -> tuple[Forwarder, FlakySink]:
    """A forwarder to one sink, that reads objects in a way of ours."""
    sink = FlakySink(script)
    text = f'{head}\nretry = {{ max_attempts = 1 }}\n[sinks.a]\nto = "stdout:"\n'
    made = Forwarder(Config.from_toml(text), made={"a": sink})
    fetch.close = lambda: None
    made._objects = fetch
    return made, sink


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of ten messages."""
    monkeypatch.setattr("trailforward.pipeline.forwarder._BATCH_MESSAGES", 10)


RECORDS = [record(number) for number in range(35)]


@pytest.mark.usefixtures("small_batches")
def test_a_file_is_forwarded_in_batches() -> None:
    """A file of any size is forwarded bit by bit; the ledger has the sums of all, and holds no message."""
    forwarder, sink = forwarding(given(trail_file(*RECORDS)))
    answer, outcome = forwarder.process(ways("b")["s3 in sqs"])
    assert answer == {"batchItemFailures": []}
    assert outcome.totals("a") == Totals(received=35, delivered=35)
    assert (outcome.breaks, outcome.messages) == ([], [])
    assert [entry.data.partition(b'"detail":')[2][:-1] for entry in sink.taken] == RECORDS
    assert [len(call) for call in sink.calls] == [10, 10, 10, 5]
    assert outcome.accounts["a"].bytes == sum(map(len, sink.data))
    forwarder.close()


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("way", ["s3", "s3 in sqs", "s3 in sns", "s3 in kinesis"])
def test_one_record_refused_for_now_brings_the_file_back(way: str) -> None:
    """Without a retry queue, the whole item goes back for one record; the others were delivered."""
    forwarder, sink = forwarding(given(trail_file(*RECORDS)), None, refuse(3, 4))
    payload = ways("b")[way]
    if way in {"s3", "s3 in sns"}:
        with pytest.raises(PayloadError, match="Throttled"):
            forwarder.process(payload)
    else:
        answer, outcome = forwarder.process(payload)
        assert answer == {"batchItemFailures": [{"itemIdentifier": "1" if "kinesis" in way else "m-1"}]}
        assert outcome.totals("a") == Totals(received=35, delivered=33, returned=2)
        assert outcome.breaks == []
        assert len(outcome.messages) == 1
    assert len(sink.taken) == 33


@pytest.mark.usefixtures("small_batches")
def test_with_a_retry_queue_only_what_is_owed_comes_again(local_aws: Reader) -> None:
    """With a retry queue, records that were refused for now wait there, and the file does not come again."""
    queue = local_aws.queue()
    head = f'retry_queue = "{queue}"'
    forwarder, sink = forwarding(given(trail_file(*RECORDS)), None, refuse(3, 4), head=head)
    answer, outcome = forwarder.process(ways("b")["s3 in sqs"])
    assert answer == {"batchItemFailures": []}
    assert outcome.totals("a") == Totals(received=35, delivered=33, returned=2)
    again = [sqs_record(found["Body"], "r", attributes=told(found)) for found in local_aws.messages(queue)]
    answer, outcome = forwarder.process(sqs(*again))
    assert outcome.totals("a") == Totals(received=2, delivered=2)
    assert sorted(entry.data.partition(b'"detail":')[2][:-1] for entry in sink.taken) == sorted(RECORDS)


def told(found: dict[str, Any]) -> dict[str, str]:
    """A received message's attributes."""
    return {name: value["StringValue"] for name, value in found["MessageAttributes"].items()}


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("begun", [True, False])
def test_where_nothing_is_taken_reading_stops(begun: bool, local_aws: Reader) -> None:  # noqa: FBT001
    """While the destination is down no more is read: the file goes back, or, once it was begun, its rest."""
    queue = local_aws.queue()
    down = [TransientError("down")]
    script = [None, *down] if begun else down
    forwarder, sink = forwarding(given(trail_file(*RECORDS)), *script, head=f'retry_queue = "{queue}"')
    answer, outcome = forwarder.process(ways("b")["s3 in sqs"])
    found = local_aws.messages(queue)
    if not begun:
        assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
        # Ten were refused; an eleventh had been read.
        assert len(sink.calls) == 2
        assert (outcome.totals("a").delivered, outcome.breaks) == (1, [])
        assert found == []
        return
    assert answer == {"batchItemFailures": []}
    # Ten went in, ten were refused, the next had been read; the rest is one message that says where to go on.
    assert len(sink.calls) == 3
    assert [redelivery.SKIP in told(one) for one in found].count(True) == 1
    again = [sqs_record(one["Body"], "r", attributes=told(one)) for one in found]
    while again:
        answer, outcome = forwarder.process(sqs(*again))
        again = []
        assert answer == {"batchItemFailures": []}
    taken = [entry.data.partition(b'"detail":')[2][:-1] for entry in sink.taken]
    assert sorted(taken) == sorted(RECORDS)
    assert len(found) < 15


@pytest.mark.usefixtures("small_batches")
def test_a_deadline_in_the_middle_of_a_file(local_aws: Reader) -> None:
    """When time is up, what is left of a file becomes one message that brings the rest, and only the rest."""
    queue = local_aws.queue()
    head = f'retry_queue = "{queue}"\ndeadline_margin_seconds = 60'
    whole = trail_file(*RECORDS, packed=False)
    slow: list[ObjectReader] = []

    def fetch(pointer: S3Object) -> Iterator[bytes]:
        yield whole[: len(whole) // 2]
        for reader in slow:
            reader._until = 0.0
        yield whole[len(whole) // 2 :]

    forwarder, sink = forwarding(fetch, head=head)
    real = forwarder._forward

    def spied(messages: Any, times: Any, reader: ObjectReader) -> Any:
        slow.append(reader)
        return real(messages, times, reader)

    forwarder._forward = spied  # type: ignore[method-assign]
    answer, outcome = forwarder.process(ways("b")["s3 in sqs"], Context(200))
    assert answer == {"batchItemFailures": []}
    assert outcome.totals("a").returned == 1
    done = len(sink.taken)
    assert 10 < done < 20
    (found,) = local_aws.messages(queue)
    assert told(found)[redelivery.SKIP] == str(done)
    assert told(found)[redelivery.CODE] == "deadline"
    assert json.loads(found["Body"]) == ways("b")["s3"]
    slow.clear()
    forwarder._forward = real  # type: ignore[method-assign]
    payload = sqs(sqs_record(found["Body"], "r", attributes=told(found)))
    answer, outcome = forwarder.process(payload, Context(200))
    assert answer == {"batchItemFailures": []}
    assert [entry.data.partition(b'"detail":')[2][:-1] for entry in sink.taken] == RECORDS


def test_s3_breaks_off_in_the_middle(local_aws: Reader) -> None:
    """Where S3 stops answering, what was read is delivered; the rest comes again from where it stopped."""
    queue = local_aws.queue()
    whole = trail_file(*RECORDS, packed=False)
    faults: list[Exception] = [UnreadError("SlowDown", "x"), RuntimeError("a bug")]

    def fetch(pointer: S3Object) -> Iterator[bytes]:
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
        assert (told(found)[redelivery.CODE], told(found)[redelivery.SKIP]) == (code, str(len(sink.taken)))
        payload = sqs(sqs_record(found["Body"], "r", attributes=told(found)))
    assert forwarder.handle(payload) == {"batchItemFailures": []}
    assert [entry.data.partition(b'"detail":')[2][:-1] for entry in sink.taken] == RECORDS


def test_an_object_that_is_refused_becomes_a_dead_letter(tmp_path: Path, local_aws: Reader) -> None:
    """What can never be read is a dead letter that points to that object alone; the others are delivered."""
    dead = tmp_path / "dead"
    bucket = put(local_aws, trail_file(record(1)))
    sink = FlakySink()
    text = f'dead_letter = "file:{dead}"\n[sinks.a]\nto = "stdout:"\n'
    forwarder = Forwarder(Config.from_toml(text), made={"a": sink})
    body = {"Records": [s3_record(bucket, "gone.json.gz"), s3_record(bucket)]}
    answer, outcome = forwarder.process(sqs(sqs_record(json.dumps(body), "m"), sqs_record(envelope(2), "n")))
    forwarder.close()
    assert answer == {"batchItemFailures": []}
    assert outcome.totals("a") == Totals(received=3, delivered=2, dead_lettered=1)
    assert outcome.verdicts["a"][0].fate is Fate.DEAD_LETTERED
    letter = json.loads(dead.read_text())
    assert letter[redelivery.CODE] == "NoSuchKey"
    assert json.loads(letter["body"]) == {"Records": [s3_record(bucket, "gone.json.gz")]}


def test_clients_are_closed(local_aws: Reader) -> None:
    """Connections are kept for a Region, and given up in the end."""
    bucket = put(local_aws, b"data")
    from trailforward.aws.objects import S3Object

    objects = Objects()
    pointer = S3Object(bucket, KEY, local_aws.region)
    assert [b"".join(objects(pointer)), b"".join(objects(pointer))] == [b"data", b"data"]
    objects.close()
    assert b"".join(objects(pointer)) == b"data"
    assert b"".join(objects(pointer._replace(region=""))) == b"data"
    objects.close()


def test_objects_in_a_fifo_queue_do_not_block_their_group() -> None:
    """Order binds the messages of a FIFO queue, not the records of objects that they point to."""
    body = json.dumps({"Records": [s3_record("b")]})
    payload = sqs(
        sqs_record(body, "m-1", arn=FIFO, group="g"), sqs_record(envelope(9), "m-2", arn=FIFO, group="g")
    )
    forwarder, sink = forwarding(given(trail_file(*RECORDS)), refuse(0))
    assert forwarder.handle(payload) == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert len(sink.taken) == 35


def test_two_destinations_of_which_one_is_down(local_aws: Reader) -> None:
    """A healthy destination gets a file once; what the other is owed waits for it in the retry queue."""
    queue = local_aws.queue()
    healthy, down = FlakySink(), FlakySink([TransientError("down")])
    text = (
        f'retry_queue = "{queue}"\nretry = {{ max_attempts = 1 }}\n'
        '[sinks.a]\nto = "stdout:"\n[sinks.b]\nto = "stdout:"\n'
    )
    forwarder = Forwarder(Config.from_toml(text), made={"a": healthy, "b": down})
    bucket = put(local_aws, trail_file(*RECORDS[:5]))
    answer, outcome = forwarder.process(ways(bucket)["s3 in sqs"])
    assert answer == {"batchItemFailures": []}
    assert outcome.totals("b") == Totals(received=5, returned=5)
    again = [sqs_record(one["Body"], "r", attributes=told(one)) for one in local_aws.messages(queue)]
    forwarder.handle(sqs(*again))
    assert (len(healthy.taken), len(down.taken)) == (5, 5)
    assert sorted(healthy.data) == sorted(down.data)
    forwarder.close()


def test_a_late_invocation_reads_no_object() -> None:
    """Where there is no time left to read, the notification goes back as it came."""
    forwarder, sink = forwarding(given(trail_file(*RECORDS)))
    payload = sqs(sqs_record(json.dumps(ways("b")["s3"]), "m-1"))
    answer, outcome = forwarder.process(payload, Context(0))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert outcome.verdicts["a"][0].code == "deadline"
    assert sink.calls == []
