from __future__ import annotations

import gzip
import json
import signal
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aws import unique
from tests.support.command import trailforward
from tests.support.receiver import Receiver
from tests.support.slow_pipe import command, interrupted
from tests.support.trail_bucket import TrailBucket, dumps, put_delivered, record

if TYPE_CHECKING:
    from tests.support.aws import Reader

WINDOW = ["--since", "2026-11-26T00:00Z", "--until", "2026-11-27T00:00Z", "--wait", "0"]
LOST = (2, 5, 7)


class Case:
    """Ten events in two log files, of which three did not arrive, and the list of these."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        bucket = TrailBucket(folder / "trail")
        self.records = [record(number) for number in range(10)]
        # A lone surrogate, a long number, and blanks must come through unchanged.
        odd = dumps(self.records[5]).replace('"example"', '"\\ud800", "n": 1234567890123456789012345678 ', 1)
        texts = [odd if number == 5 else dumps(one) for number, one in enumerate(self.records)]
        self.texts = [text.encode() for text in texts]
        for minute in (0, 5):
            part = b",".join(self.texts[minute : minute + 5])
            bucket.put(minute, b'{"Records":[' + part + b"]}")
        put_delivered(folder / "delivered", [one for n, one in enumerate(self.records) if n not in LOST])
        self.missing = folder / "missing.ndjson"
        done = self.audit()
        assert done.code == 1, done.err

    def audit(self, *options: str) -> Any:
        """Audits, and lists the missing events."""
        places = ["--trail", str(self.folder / "trail"), "--delivered", str(self.folder / "delivered")]
        return trailforward("audit", *places, *WINDOW, "--missing", str(self.missing), *options)

    def repair(self, *options: str) -> Any:
        """Repairs into the folder of delivered events."""
        to = ["--to", f"file:{self.folder}/delivered/repaired.ndjson"]
        return trailforward("repair", *self.options(), *(() if "--config" in options else to), *options)

    def options(self) -> list[str]:
        """The list and the trail."""
        return ["--missing", str(self.missing), "--trail", str(self.folder / "trail")]

    def repaired(self) -> list[bytes]:
        """The lines that were sent."""
        path = self.folder / "delivered" / "repaired.ndjson"
        return path.read_bytes().splitlines() if path.exists() else []


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A trail with lost events."""
    return Case(tmp_path)


def test_exactly_the_missing_events_are_sent_and_a_second_audit_is_clean(case: Case) -> None:
    """Each missing event arrives once, with the bytes of its log file, and marked in its envelope."""
    done = case.repair()
    assert done.code == 0, done.err
    lines = case.repaired()
    assert [line.partition(b'"detail":')[2][:-1] for line in lines] == [case.texts[number] for number in LOST]
    envelopes = [json.loads(line) for line in lines]
    (name,) = {one["replay-name"] for one in envelopes}
    assert name.startswith("trailforward-repair-")
    assert len(name) <= 64
    assert case.audit().code == 0
    assert case.missing.read_text() == ""


def test_log_files_of_a_bucket_are_read(case: Case, local_aws: Reader) -> None:
    """The trail and what arrived can be in buckets."""
    name = unique("repair")
    client: Any = local_aws("s3")
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": local_aws.region})
    for path in (case.folder / "trail").rglob("*.gz"):
        key = f"in/{path.relative_to(case.folder / 'trail')}"
        client.put_object(Bucket=name, Key=key, Body=path.read_bytes())
    client.put_object(Bucket=name, Key="out/events", Body=b"".join(case.texts[:3]))
    done = case.repair("--trail", f"s3://{name}/in", "--delivered", f"s3://{name}/out")
    assert done.code == 0, done.err
    assert "not sent again: 1" in done.err
    sent = [json.loads(line)["detail"]["eventID"] for line in case.repaired()]
    assert sent == [case.records[number]["eventID"] for number in LOST[1:]]


def test_a_second_repair_sends_nothing_that_has_arrived(case: Case) -> None:
    """With ``--delivered``, an event that arrived meanwhile is not sent again."""
    assert case.repair().code == 0
    done = case.repair("--delivered", str(case.folder / "delivered"))
    assert done.code == 0, done.err
    assert "not sent again: 3" in done.err
    assert len(case.repaired()) == len(LOST)


def test_an_audit_can_repair_what_it_finds(case: Case) -> None:
    """``audit --repair`` sends the missing events to the sinks of the configuration."""
    config = case.folder / "trailforward.toml"
    config.write_text(f'[sinks.archive]\nto = "file:{case.folder}/delivered/repaired.ndjson"\n')
    assert case.audit("--repair").code == 2
    done = case.audit("--repair", "--config", str(config), "--sink", "archive")
    assert done.code == 0, done.err
    assert len(case.repaired()) == len(LOST)
    assert case.audit().code == 0


def test_a_log_file_that_has_changed_is_not_forwarded(case: Case) -> None:
    """A record with another ID than in the list is not sent, and a missing log file is named."""
    first, second = sorted((case.folder / "trail").rglob("*.gz"))
    swapped = gzip.decompress(first.read_bytes()).replace(case.texts[2], case.texts[9])
    first.write_bytes(gzip.compress(swapped))
    second.unlink()
    done = case.repair()
    assert done.code == 1
    assert "record 2 is not event" in done.err
    assert second.name in done.err
    assert case.repaired() == []


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("x", "file"),
        ("[]", "file"),
        ('{"file": "", "index": 0}', "file"),
        ('{"file": "a", "index": true}', "index"),
        ('{"file": "a", "index": -1}', "index"),
        ('{"file": "a", "index": 1.0}', "index"),
        ("[" * 50_000, "file"),
        ("9" * 70_000, "bytes"),
    ],
)
def test_a_damaged_list_is_refused_before_anything_is_sent(case: Case, line: str, field: str) -> None:
    """A line that is not a row gets an error with its number and field, and no event is sent."""
    case.missing.write_text(case.missing.read_text() + line + "\n")
    done = case.repair()
    assert done.code == 2
    assert "missing.ndjson:4" in done.err
    assert field in done.err
    assert case.repaired() == []


def test_keys_outside_the_trail_are_refused(case: Case) -> None:
    """A list cannot make the command read files outside the trail."""
    case.missing.write_text(json.dumps({"file": "../delivered/events.ndjson", "index": 0}) + "\n")
    done = case.repair()
    assert done.code == 1
    assert "leads out of the folder" in done.err


def test_only_named_sinks_get_the_events_and_people_only_young_ones(
    tmp_path: Path, local_aws: Reader
) -> None:
    """``--sink`` limits the sinks; events older than a day alert people only with ``--alerts``."""
    chat, queue = local_aws.queue(), local_aws.queue()
    young = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    trail = TrailBucket(tmp_path / "trail")
    records = [record(1, eventTime="2024-11-26T00:00:00Z"), record(2, eventTime=young)]
    key = trail.put(0, records)
    rows = [{"eventID": one["eventID"], "file": key, "index": n} for n, one in enumerate(records)]
    (tmp_path / "missing.ndjson").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    config = tmp_path / "trailforward.toml"
    config.write_text(
        f'[sinks.chat]\nto = "{chat}"\nformat = "slack"\n[sinks.queue]\nto = "{queue}"\n'
        '[sinks.never]\nto = "file:/dev/full"\n'
    )
    options = ["--missing", str(tmp_path / "missing.ndjson"), "--trail", str(tmp_path / "trail")]
    options += ["--config", str(config), "--sink", "chat", "--sink", "queue"]
    done = trailforward("repair", *options)
    assert done.code == 0, done.err
    messages = local_aws("sqs").receive_message(
        QueueUrl=local_aws("sqs").get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"],
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
    )["Messages"]
    assert len(messages) == 2
    for message in messages:
        mark = message["MessageAttributes"]["trailforward-repair"]["StringValue"]
        assert json.loads(message["Body"])["replay-name"] == mark
    chats = local_aws("sqs").get_queue_url(QueueName=chat.rpartition(":")[2])["QueueUrl"]
    got = local_aws("sqs").receive_message(QueueUrl=chats, MaxNumberOfMessages=10).get("Messages", [])
    assert len(got) == 1
    assert trailforward("repair", *options, "--sink", "other").code == 2


def test_a_killed_repair_continues_and_loses_nothing(tmp_path: Path) -> None:
    """After SIGKILL, the same command continues after the last log file whose events have an outcome."""
    trail = TrailBucket(tmp_path / "trail")
    rows = []
    for minute in range(10):
        records = [record(100 * minute + n) for n in range(50)]
        key = trail.put(minute, records)
        rows += [{"eventID": one["eventID"], "file": key, "index": n} for n, one in enumerate(records)]
    missing, pipe = tmp_path / "missing.ndjson", tmp_path / "pipe"
    missing.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    arguments = command("repair", "--missing", missing, "--trail", tmp_path / "trail", "--to", f"file:{pipe}")
    status, written, _ = interrupted(arguments, pipe, 200_000, signal.SIGKILL, tmp_path)
    assert status == -signal.SIGKILL
    pipe.unlink()
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Continuing after" in done.stderr
    rest = pipe.read_bytes()
    sent = []
    for line in (*written.splitlines(), *rest.splitlines()):
        with suppress(ValueError):  # the line that was being written
            sent.append(json.loads(line)["detail"]["eventID"])
    assert set(sent) == {row["eventID"] for row in rows}
    assert len(rest.splitlines()) < len(rows)
    assert not Path(f"{missing}.state.json").exists()


@pytest.mark.parametrize("settings", ['batch = "ndjson"', 'format = "slack"\ngroup = true'])
def test_requests_of_a_repair_have_a_header(case: Case, settings: str) -> None:
    """HTTP receivers see the name of the repair in a header, whatever the body."""
    config = case.folder / "trailforward.toml"
    with Receiver() as receiver:
        config.write_text(f'[sinks.siem]\nto = "{receiver.url}"\n{settings}\n')
        done = case.repair("--config", str(config), "--alerts")
        assert done.code == 0, done.err
        names = {request.headers["trailforward-repair"] for request in receiver.requests}
    (name,) = names
    assert name.startswith("trailforward-repair-")
