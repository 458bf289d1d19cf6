"""Receipts: written after delivery and before the response, and never at the expense of delivery."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.world import place
from tests.support.aws import unique
from tests.support.events import Context, envelope, sqs, sqs_record
from tests.support.stub_aws import Partial, Refuse, Reset, Response, Silence
from trailforward import Config, Forwarder
from trailforward.aws.own_calls import OwnCall
from trailforward.cli.iam import policy
from trailforward.config.own import own_calls
from trailforward.config.regions import unknown_regions
from trailforward.errors import ConfigError
from trailforward.pipeline import receipts
from trailforward.pipeline.telemetry import PowertoolsTelemetry
from trailforward.receipts.reader import Receipt, read
from trailforward.testing import FlakySink, MemorySink, refuse

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws import Reader
    from tests.support.stub_aws import Fault, StubAws

REGION = "ap-southeast-2"
STREAM = "arn:aws:firehose:eu-central-2:111122223333:deliverystream/receipts"


def _batch(count: int) -> dict[str, Any]:
    return sqs(*(sqs_record(envelope(number), f"m-{number}") for number in range(count)))


def _delivered(outcome: Any) -> int:
    return int(outcome.totals("copy").delivered)


def _ids(found: list[Receipt]) -> list[str]:
    return [one.id for one in found]


def _event_ids(count: int) -> list[str]:
    return [json.loads(envelope(number))["detail"]["eventID"] for number in range(count)]


@pytest.mark.parametrize("client", ["direct", "botocore"])
def test_receipts_in_a_bucket(local_aws: Reader, client: str) -> None:
    """Each ledger is one object, named after hour and content, so that a repetition is stored once."""
    bucket = unique("receipts")
    local_aws("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    text = (
        f'receipts = {{ to = "s3://{bucket}/r?region={REGION}", sha256 = true }}\naws_client = "{client}"\n'
    )
    config = Config.from_toml(
        f'{text}[sinks.copy]\nto = "stdout:"\n[sinks.alerts]\nto = "stdout:"\n[[routes]]\nname = "x"\n'
        'sinks = ["copy"]\n[[routes]]\nname = "none"\nsinks = ["alerts"]\n'
        'pattern = { source = ["aws.none"] }\n'
    )
    forwarder = Forwarder(config, made={"copy": MemorySink(), "alerts": MemorySink()})
    for _ in range(2):
        assert forwarder.process(_batch(3), Context())[1].receipts_failed == 0
    forwarder.close()
    listed = local_aws("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert all(len(one["Key"].split("/")) == 6 and one["Key"].endswith(".ndjson.gz") for one in listed)
    assert len({one["Key"].rpartition("/")[2] for one in listed}) == 1
    found = read(local_aws("s3").get_object(Bucket=bucket, Key=listed[0]["Key"])["Body"].read())
    assert _ids(found) == _event_ids(3)
    assert all(one.delivered == ["copy"] and one.filtered == {"alerts": "no_route"} for one in found)
    assert all(len(one.sha256) == 64 and one.account and one.region and one.time for one in found)


def test_receipts_in_a_stream(local_aws: Reader) -> None:
    """Each ledger is one Firehose record of whole lines, which Firehose may put behind each other."""
    arn, bucket = local_aws.delivery_stream()
    forwarder = Forwarder(
        Config.from_toml(f'receipts = "{arn}"\n[sinks.copy]\nto = "stdout:"\n'), made={"copy": MemorySink()}
    )
    for _ in range(2):  # without a context, because the local AWS has another account
        assert forwarder.process(_batch(3))[1].receipts_failed == 0
    forwarder.close()
    objects = local_aws.objects(bucket)
    assert _ids(read(b"".join(objects))) == _event_ids(3) * 2


def test_large_ledgers_are_split(stub: StubAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger with more than the limit becomes several records, none of which is larger."""
    monkeypatch.setattr(receipts, "MOST_BYTES", 1_000)
    forwarder = Forwarder(
        Config.from_toml(f'receipts = "{STREAM}"\n[sinks.copy]\nto = "stdout:"\n'),
        made={"copy": MemorySink()},
    )
    forwarder.process(_batch(20), Context())
    forwarder.close()
    taken = stub.taken(place(STREAM))
    assert len(taken) > 1
    assert all(len(block) <= 1_000 for block in taken)
    assert sorted(_ids(read(b"".join(taken)))) == sorted(_event_ids(20))


def test_dead_letters_are_final_and_returned_events_are_not(tmp_path: Path, stub: StubAws) -> None:
    """A dead-lettered event has a receipt with the code; one that went back has none until it is final."""
    text = f'receipts = "{STREAM}"\nretry = {{ max_attempts = 1 }}\n'
    dead = f'dead_letter = "file:{tmp_path / "dead"}"\n'
    config = Config.from_toml(f'{text}{dead}[sinks.copy]\nto = "stdout:"\n')
    for transient in (True, False):
        refusing = FlakySink([refuse(0, transient=transient)])
        forwarder = Forwarder(config, made={"copy": refusing})
        forwarder.process(_batch(2), Context())
        forwarder.close()
    first, *others = read(b"".join(stub.taken(place(STREAM))))
    assert (first.id, first.delivered) == (_event_ids(2)[1], ["copy"])
    assert [(one.id, one.dead_lettered) for one in others] == [
        (_event_ids(2)[0], {"copy": "Invalid"}),
        (_event_ids(2)[1], {}),
    ]


@pytest.mark.parametrize(
    "fault",
    [
        Refuse(400, "ThrottlingException"),
        Refuse(503, "ServiceUnavailableException"),
        Refuse(400, "ResourceNotFoundException"),
        Refuse(400, "AccessDeniedException"),
        Refuse(500, "InternalFailure"),
        Reset(),
        Partial(lambda items: set(range(len(items)))),
        Response(b"<html>", stored=False),
        Silence(stored=False),
    ],
    ids=[
        "throttled",
        "unavailable",
        "absent",
        "denied",
        "server error",
        "reset",
        "partial",
        "not JSON",
        "no response",
    ],
)
def test_a_failed_receipt_fails_no_delivery(
    fault: Fault,
    stub: StubAws,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever the destination of receipts does, the events count as delivered, and the loss is counted."""
    monkeypatch.setattr(receipts, "SECONDS", 0.4)
    stub.always(place(STREAM), fault)
    text = f'receipts = "{STREAM}"\nretry = {{ initial_seconds = 0.01 }}\n[sinks.copy]\nto = "stdout:"\n'
    forwarder = Forwarder(
        Config.from_toml(text), made={"copy": MemorySink()}, telemetry=PowertoolsTelemetry()
    )
    response, outcome = forwarder.process(_batch(3), Context())
    stub.calm()
    assert response == {"batchItemFailures": []}
    assert _delivered(outcome) == outcome.receipts_failed == 3
    forwarder.close()
    out = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["receipts_failed"] for one in out if one.get("guard") == "receipts"] == [[3]]


def test_a_slow_destination_is_paused(
    stub: StubAws, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After receipts that took all of their time, the next ones are counted, but not tried for a while."""
    monkeypatch.setattr(receipts, "SECONDS", 0.2)
    stub.always(place(STREAM), Silence(stored=False))
    forwarder = Forwarder(
        Config.from_toml(f'receipts = "{STREAM}"\n[sinks.copy]\nto = "stdout:"\n'),
        made={"copy": MemorySink()},
    )
    assert forwarder.process(_batch(1), Context())[1].receipts_failed == 1
    stub.calm()
    assert forwarder.process(_batch(2), Context())[1].receipts_failed == 2
    forwarder.close()
    assert stub.taken(place(STREAM)) == []
    assert "receipts not written" in caplog.text
    assert "paused" in caplog.text


def test_a_kill_before_the_receipt_leaves_no_false_one(stub: StubAws, tmp_path: Path) -> None:
    """If the function is killed after delivery, there is no receipt; the repetition writes it."""
    copy = tmp_path / "copy"
    config = f'receipts = "{STREAM}"\n[sinks.copy]\nto = "file:{copy}"\n'
    code = (
        "import json, sys\nfrom trailforward import Config, Forwarder\n"
        "Forwarder(Config.from_toml(sys.argv[1])).handle(json.loads(sys.argv[2]))\n"
    )
    command = [sys.executable, "-c", code, config, json.dumps(_batch(2))]
    stub.always(place(STREAM), Silence(stored=False))
    with subprocess.Popen(command, env=dict(os.environ)) as process:
        until = time.monotonic() + 30
        while stub.calls[place(STREAM)] == 0 and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    stub.calm()
    assert len(copy.read_bytes().splitlines()) == 2
    assert stub.taken(place(STREAM)) == []
    forwarder = Forwarder(Config.from_toml(config))
    forwarder.process(_batch(2), Context())
    forwarder.close()
    assert len(copy.read_bytes().splitlines()) == 4
    assert _ids(read(b"".join(stub.taken(place(STREAM))))) == _event_ids(2)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ('"stdout:"', "receipts.to: neither a Firehose stream nor a bucket"),
        ("3", "receipts: not a string"),
        ("{ sha256 = true }", "receipts.to: missing"),
        ('"s3://bucket/prefix"', "receipts.to: the bucket's Region is missing"),
        (f'"{STREAM}"', "receipts: also the destination of a sink"),
    ],
)
def test_an_unusable_destination_is_named(value: str, problem: str) -> None:
    """A wrong destination of receipts is an error in the configuration, with the fix."""
    with pytest.raises(ConfigError, match=problem):
        Config.from_toml(f'receipts = {value}\n[sinks.archive]\nto = "{STREAM}"\n')


def test_a_stream_of_another_account_is_refused() -> None:
    """Firehose reaches only the function's own account, so the first invocation says so."""
    config = Config.from_toml(f'receipts = "{STREAM}"\n[sinks.copy]\nto = "stdout:"\n')
    forwarder = Forwarder(config, made={"copy": MemorySink()})
    context = Context()
    context.invoked_function_arn = "arn:aws:lambda:eu-central-2:123456789012:function:f"
    with pytest.raises(ConfigError, match="receipts: not in the function's account"):
        forwarder.process(_batch(1), context)
    forwarder.close()


def test_own_calls_are_filtered_granted_and_checked() -> None:
    """Writing receipts is filtered and allowed exactly, and the Region of their destination is checked."""
    for to, service, call, resource in (
        (STREAM, "firehose", "PutRecordBatch", STREAM),
        ("s3://receipts/r?region=eu-west-1", "s3", "PutObject", "arn:aws:s3:::receipts/r/*"),
    ):
        config = Config.from_toml(f'receipts = "{to}"\n[sinks.copy]\nto = "stdout:"\n')
        assert OwnCall(f"{service}.amazonaws.com", (call,), resource) in list(own_calls(config))
        (statement,) = policy(config)[0]["Statement"]
        assert (statement["Action"], statement["Resource"]) == (f"{service}:{call}", resource)
        wrong = to.replace("eu-central-2", "eu-centrall-2").replace("eu-west-1", "eu-wesst-1")
        wrong_config = Config.from_toml(f'receipts = "{wrong}"\n[sinks.copy]\nto = "stdout:"\n')
        assert [key for key, _ in unknown_regions(wrong_config)] == ["receipts"]
        assert not list(unknown_regions(config))


def test_without_receipts_nothing_is_imported() -> None:
    """A function without receipts does not pay for them at a cold start."""
    code = (
        "import sys\nfrom trailforward import Config, Forwarder\n"
        "Forwarder(Config.to('stdout:'))\n"
        "print([name for name in sys.modules if 'receipts' in name])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_environment_can_name_the_destination() -> None:
    """``TRAILFORWARD_RECEIPTS`` sets the key, as the stack does."""
    config = Config.from_env({"TRAILFORWARD_TO": "stdout:", "TRAILFORWARD_RECEIPTS": STREAM})
    assert config.pipeline.receipts is not None
    assert config.pipeline.receipts.to == STREAM
