"""Dead letters always fit into the queue, so no record of a stream blocks its shard."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aws import unique
from tests.support.events import QUEUE, Context, envelope, sqs, sqs_record
from tests.support.payloads import STREAM, kinesis_record
from trailforward import redelivery
from trailforward.config import Config
from trailforward.errors import Cause, ConfigError, PermanentError
from trailforward.outcome import Fate
from trailforward.pipeline.forwarder import Forwarder
from trailforward.pipeline.telemetry import PlainTelemetry
from trailforward.sinks.base import Limits, Rejection
from trailforward.testing import FlakySink, MemorySink, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.aws import Reader
    from trailforward.sinks.base import Entry

REGION = "ap-southeast-2"
RANDOM = hashlib.shake_256(b"").digest(800_000)


def forwarder(copy: Path, queue: str) -> Forwarder:
    """Forwards to a file, with a dead-letter queue."""
    return Forwarder(Config.from_toml(f'dead_letter = "{queue}"\n[sinks.copy]\nto = "file:{copy}"\n'))


def redriven(message: dict[str, Any]) -> dict[str, Any]:
    """The payload of a dead letter that is moved to a source queue."""
    attributes = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    return sqs(sqs_record(message["Body"].encode(), "m-1", attributes=attributes))


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00\xff", RANDOM[:780_000], b'{"a":"' + b"x" * 1_048_576 + b'"}', bytes(10 * 1024 * 1024)],
    ids=["empty", "binary", "780 KB", "1 MiB", "10 MiB"],
)
def test_every_record_is_stored_completely(local_aws: Reader, tmp_path: Path, data: bytes) -> None:
    """A dead letter of any bytes that fit is redriven with the same bytes, and its shard goes on."""
    queue = local_aws.queue()
    pipeline = forwarder(tmp_path / "copy", queue)
    payload = {"Records": [kinesis_record(data, "1"), kinesis_record(envelope(2), "2")]}
    response, outcome = pipeline.process(payload, Context())
    assert response == {"batchItemFailures": []}
    assert outcome.totals("copy").dead_lettered == outcome.totals("copy").delivered == 1
    (message,) = local_aws.messages(queue)
    again = pipeline.process(redriven(message), Context())[1]
    assert again.messages[0].raw == data
    pipeline.close()


def test_what_does_not_fit_is_a_pointer(local_aws: Reader, tmp_path: Path) -> None:
    """The pointer has size, hash, reason, stream, shard, and sequence number; a redrive shows them."""
    queue = local_aws.queue()
    pipeline = forwarder(tmp_path / "copy", queue)
    payload = {"Records": [kinesis_record(RANDOM, "1"), kinesis_record(envelope(2), "2")]}
    response, outcome = pipeline.process(payload, Context())
    assert response == {"batchItemFailures": []}
    (message,) = local_aws.messages(queue)
    pointer = json.loads(message["Body"])["trailforward-pointer"]
    assert pointer["sha256"] == outcome.messages[0].digest
    assert pointer["bytes"] == 800_000
    assert pointer["code"] == "not_utf8"
    assert (pointer["arn"], pointer["shard"], pointer["item"]) == (STREAM, "shardId-000000000000", "1")
    assert pointer["ref"] == "1"
    assert "copy" not in pointer
    again = pipeline.process(redriven(message), Context())[1]
    verdict = again.verdicts["copy"][0]
    assert (verdict.fate, verdict.code) == (Fate.DEAD_LETTERED, "pointer")
    assert "shard shardId-000000000000, item 1" in verdict.reason
    (second,) = local_aws.messages(queue)
    assert second["Body"] == message["Body"]
    pipeline.close()


@pytest.mark.parametrize("client", ["direct", "botocore"])
def test_what_does_not_fit_is_copied_to_the_bucket(local_aws: Reader, tmp_path: Path, client: str) -> None:
    """With ``dead_letter_bucket``, the pointer names an object with the event's exact bytes."""
    queue, bucket = local_aws.queue(), unique("dead")
    local_aws("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    text = f'dead_letter = "{queue}"\ndead_letter_bucket = "s3://{bucket}/dead?region={REGION}"\n'
    text += f'aws_client = "{client}"\n[sinks.copy]\nto = "file:{tmp_path / "copy"}"\n'
    pipeline = Forwarder(Config.from_toml(text))
    for _ in range(2):  # the second time, the object exists already
        pipeline.process({"Records": [kinesis_record(RANDOM, "1")]}, Context())
    for message in local_aws.messages(queue):
        pointer = json.loads(message["Body"])["trailforward-pointer"]
        assert pointer["copy"] == f"s3://{bucket}/dead/{hashlib.sha256(RANDOM).hexdigest()}"
        assert local_aws.objects(bucket) == [RANDOM]
        again = pipeline.process(redriven(message), Context())[1]
        assert f"copy {pointer['copy']}" in again.verdicts["copy"][0].reason
    pipeline.close()


def test_without_the_bucket_the_pointer_is_still_written(
    local_aws: Reader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """If the copy fails, the pointer names the original, the shard goes on, and an error is logged."""
    queue = local_aws.queue()
    text = f'dead_letter = "{queue}"\ndead_letter_bucket = "s3://{unique("absent")}?region=us-east-1"\n'
    pipeline = Forwarder(Config.from_toml(f'{text}[sinks.copy]\nto = "file:{tmp_path / "copy"}"\n'))
    response, _ = pipeline.process({"Records": [kinesis_record(RANDOM, "1")]}, Context())
    assert response == {"batchItemFailures": []}
    (message,) = local_aws.messages(queue)
    pointer = json.loads(message["Body"])["trailforward-pointer"]
    assert "copy" not in pointer
    assert pointer["item"] == "1"
    assert "NoSuchBucket" in caplog.text
    pipeline.close()


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ('dead_letter_bucket = "s3://b/dead?region=eu-west-1"', "needs copies"),
        ('dead_letter = "file:dead"\ndead_letter_bucket = "s3://b/dead?region=eu-west-1"', "needs copies"),
        (f'dead_letter = "{QUEUE}"\ndead_letter_bucket = "s3://bucket/dead"', "Region is missing"),
        (f'dead_letter = "{QUEUE}"\ndead_letter_bucket = "{QUEUE}"', "not a bucket"),
    ],
)
def test_an_unusable_bucket_is_named(keys: str, problem: str) -> None:
    """A bucket without its Region, or without a queue for the pointers, is an error in the configuration."""
    with pytest.raises(ConfigError, match=f"dead_letter_bucket: .*{problem}"):
        Config.from_toml(f'{keys}\n[sinks.out]\nto = "stdout:"\n')


class OldQueue(MemorySink):
    """A queue that was made with a MaximumMessageSize of 256 KiB."""

    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Refuses larger messages."""
        large = [at for at, entry in enumerate(batch) if len(entry.data) > 262_144]
        self.calls.append(list(batch))
        self.taken += [entry for at, entry in enumerate(batch) if at not in large]
        return [
            Rejection(at, "InvalidParameterValue", "too long", transient=False, cause=Cause.CONTENT)
            for at in large
        ]


class Logged(PlainTelemetry):
    """Remembers errors."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[tuple[str, dict[str, Any]]] = []

    def error(self, text: str, **fields: Any) -> None:
        """Remembers the error."""
        self.errors.append((text, fields))


def _with_queue(queue: MemorySink, telemetry: PlainTelemetry) -> Forwarder:
    made = FlakySink([refuse(0, transient=False)] * 2, limits=Limits(1, 1 << 20, 1 << 20))
    text = f'dead_letter = "{QUEUE}"\n[sinks.a]\nto = "stdout:"\n[retry]\ninitial_seconds = 0\n'
    pipeline = Forwarder(Config.from_toml(text), made={"a": made}, telemetry=telemetry)
    pipeline._failure_handler._dead_letters.sink = queue
    return pipeline


def test_a_queue_of_smaller_messages_gets_the_event_compressed() -> None:
    """A queue that refuses messages over 256 KiB gets the large event compressed, and the small one once."""
    queue, telemetry = OldQueue(), Logged()
    events = [envelope(1), envelope(2, pad="x" * 300_000), envelope(3)]
    pipeline = _with_queue(queue, telemetry)
    payload = sqs(*(sqs_record(data, str(number)) for number, data in enumerate(events)))
    response, outcome = pipeline.process(payload, Context())
    assert response == {"batchItemFailures": []}
    assert outcome.totals("a").dead_lettered == 2
    stored = [redelivery.decode_body(entry.data.decode(), entry.attributes) for entry in queue.taken]
    assert stored == events[:2]
    assert telemetry.errors == []


def test_a_queue_that_accepts_nothing_is_logged() -> None:
    """Events that the dead-letter queue does not accept return, and one error names queue and code."""
    queue = FlakySink([PermanentError("AccessDenied", "no permission")] * 9)
    telemetry = Logged()
    pipeline = _with_queue(queue, telemetry)
    payload = sqs(*(sqs_record(envelope(number), str(number)) for number in range(3)))
    response, _ = pipeline.process(payload, Context())
    assert response == {"batchItemFailures": [{"itemIdentifier": "0"}, {"itemIdentifier": "1"}]}
    assert telemetry.errors == [
        (
            "not written to the queue, so returned to the source",
            {"to": "dead_letter", "count": 2, "code": "AccessDenied"},
        )
    ]
