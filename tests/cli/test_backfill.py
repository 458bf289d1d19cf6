"""``trailforward forward`` with buckets and folders."""

from __future__ import annotations

import gzip
import json
import os
import signal
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aws import unique
from tests.support.command import Done, trailforward
from tests.support.events import envelope
from tests.support.receiver import Receiver, Status
from tests.support.slow_pipe import command, interrupted
from trailforward.cli._resume import State, StateError
from trailforward.testing.log_files import log_file_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.aws import Reader

DAY = datetime(2026, 11, 26, tzinfo=UTC)
OWNER, MEMBER = "111122223333", "123456789012"
WINDOW = ("--since", "2026-11-26", "--until", "2026-11-27")

Files = dict[str, bytes]


def log_file(*numbers: int, **detail: Any) -> bytes:
    """A log file with the records of some events."""
    records = [json.dumps(json.loads(envelope(number, **detail))["detail"]) for number in numbers]
    return gzip.compress(f'{{"Records":[{",".join(records)}]}}'.encode())


def trail(days: int = 1) -> Files:
    """Log files of two accounts and two Regions, with two events each; the day after is not wanted."""
    files: Files = {}
    for account in (OWNER, MEMBER):
        for region in ("eu-west-1", "us-east-1"):
            for hours in range(0, 24 * days + 12, 12):
                key = log_file_key(account, region, DAY + timedelta(hours=hours))
                number = len(files) * 2
                files[f"pre/{key}"] = log_file(number, number + 1)
    return files


@pytest.fixture(params=["bucket", "folder"])
def put(request: pytest.FixtureRequest, local_aws: Reader, tmp_path: Path) -> Callable[[Files], str]:
    """Stores files in a bucket or a folder, and returns the location."""

    def bucket(files: Files) -> str:
        name = unique("trail")
        client: Any = local_aws("s3")
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": local_aws.region})
        for key, body in files.items():
            client.put_object(Bucket=name, Key=key, Body=body)
        return f"s3://{name}"

    def folder(files: Files) -> str:
        root = tmp_path / "trail"
        for key, body in files.items():
            (root / key).parent.mkdir(parents=True, exist_ok=True)
            (root / key).write_bytes(body)
        return str(root)

    return bucket if request.param == "bucket" else folder


def ids(path: Path) -> list[str]:
    """The IDs of the events in a file."""
    return [json.loads(line)["detail"]["eventID"] for line in path.read_bytes().splitlines()]


def expected(*numbers: int) -> list[str]:
    """The IDs of some events."""
    return [f"00000000-0000-4000-8000-{number:012}" for number in numbers]


def forward(folder: Path, *arguments: str | Path) -> Done:
    """Runs the command in a folder, where state files are written."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return trailforward("forward", *arguments, folder=work)


def test_log_files_of_a_window(put: Callable[[Files], str], tmp_path: Path) -> None:
    """The log files of a day, of chosen accounts and Regions, give their events once, in envelopes."""
    files = trail()
    place, out = put(files), tmp_path / "out"
    wanted = [number for number, key in enumerate(files) if "20261126T" in key]
    done = forward(tmp_path, place, *WINDOW, "--to", f"file:{out}")
    assert done.code == 0, done.err
    assert sorted(ids(out)) == expected(*(2 * number + more for number in wanted for more in (0, 1)))
    first = json.loads(out.read_bytes().splitlines()[0])
    assert first["trailforward"]["origin"] == f"{place}/{next(iter(files))}#0"
    assert list((tmp_path / "work").iterdir()) == []
    out.unlink()
    chosen = ("--account", MEMBER, "--region", "us-east-1", "--region", "eu-north-1")
    done = forward(tmp_path, place, *WINDOW, *chosen, "--to", f"file:{out}")
    assert done.code == 0, done.err
    numbers = [n for n in wanted if f"{MEMBER}_CloudTrail_us-east-1" in list(files)[n]]
    assert ids(out) == expected(*(2 * number + more for number in numbers for more in (0, 1)))


@pytest.mark.parametrize("put", ["folder"], indirect=True)
def test_only_events_that_match(put: Callable[[Files], str], tmp_path: Path) -> None:
    """With --match, only events that match are forwarded; the others are counted."""
    key = log_file_key(OWNER, "eu-west-1", DAY)
    place = put({key: log_file(1, 2), key.replace("EXAMPLE", "SECOND"): log_file(3, eventName="StopLogging")})
    out = tmp_path / "out"
    pattern = '{"detail": {"eventName": ["StopLogging"]}}'
    done = forward(tmp_path, place, *WINDOW, "--match", pattern, "--to", f"file:{out}")
    assert done.code == 0, done.err
    assert ids(out) == expected(3)
    assert "2 events do not match" in done.err


@pytest.mark.parametrize("put", ["bucket"], indirect=True)
def test_hostile_files_in_between(put: Callable[[Files], str], tmp_path: Path) -> None:
    """Files that are damaged, no JSON, or expand without end are named; all events of the others arrive."""
    bomb = zlib.compressobj(9, wbits=31)
    bad = [
        b"",
        b"\x1f\x8b",
        log_file(90, 91)[:-9],
        gzip.compress(log_file(92), mtime=0),
        b'{"Records":',
        b"[" * 100_000,
        bomb.compress(b'{"Records":[' + b" " * (8 << 20)) + bomb.flush(),
        gzip.compress(
            b'{"Records":[{"eventSource":"aws:s3","s3":{"bucket":{"name":"b"},"object":{"key":"k"}}}]}'
        ),
    ]
    files: Files = {}
    for number in range(8):
        key = log_file_key(OWNER, "eu-west-1", DAY + timedelta(minutes=number))
        files[key] = log_file(number)
        files[key.replace("EXAMPLE", "HOSTILE")] = bad[number]
    place, out = put(files), tmp_path / "out"
    done = forward(tmp_path, place, *WINDOW, "--to", f"file:{out}")
    assert done.code == 1
    assert set(expected(*range(8))) <= set(ids(out))
    assert done.err.count("HOSTILE") >= 5
    assert "Traceback" not in done.err


@pytest.mark.parametrize("put", ["bucket"], indirect=True)
def test_a_sink_that_refuses_everything_ends_reading_and_the_same_command_continues(
    put: Callable[[Files], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Undelivered events are kept in a file; after the fix, the same command reads only the other files."""
    monkeypatch.setattr("trailforward.pipeline.batching._MESSAGES", 8)
    files = trail()
    place = put(files)
    kept = tmp_path / "kept"
    options = (place, *WINDOW, "--undelivered", kept, "--to")
    with Receiver(then=Status(403)) as receiver:
        done = forward(tmp_path, *options, receiver.url)
    assert done.code == 1
    assert "so reading stopped" in done.err
    assert f"Run the same command again to continue: {kept}.state.json" in done.err
    assert len(kept.read_bytes().splitlines()) == 8
    with Receiver() as receiver:
        rest = forward(tmp_path, *options, receiver.url)
        assert rest.code == 0, rest.err
        assert "Continuing after 4 files" in rest.err
        again = forward(tmp_path, kept, "--to", receiver.url)
        assert again.code == 0, again.err
        sent = [event for request in receiver.requests for event in request.json]
    assert not (tmp_path / "kept.state.json").exists()
    found = sorted(event["detail"]["eventID"] for event in sent)
    wanted = [number for number, key in enumerate(files) if "20261126T" in key]
    assert found == expected(*(2 * number + more for number in wanted for more in (0, 1)))


@pytest.mark.parametrize(
    ("put", "kill"), [("bucket", signal.SIGKILL), ("folder", signal.SIGINT)], indirect=["put"]
)
def test_a_killed_run_continues_and_loses_nothing(
    put: Callable[[Files], str], tmp_path: Path, kill: signal.Signals
) -> None:
    """After kill -9 or Ctrl-C, the same command delivers the rest; only files in flight are repeated."""
    files = {}
    for number in range(30):
        key = log_file_key(OWNER, "eu-west-1", DAY + timedelta(minutes=number))
        files[key] = log_file(*range(number * 40, number * 40 + 40))
    place, pipe, state = put(files), tmp_path / "pipe", tmp_path / "state"
    options = (place, *WINDOW, "--state", state)
    arguments = command("forward", *options, "--to", f"file:{pipe}")
    status, data, text = interrupted(arguments, pipe, 400_000, kill, tmp_path)
    assert status == (130 if kill is signal.SIGINT else -kill), text
    assert kill is signal.SIGKILL or f"run the same command again: {state} remembers".encode() in text
    assert 0 < json.loads(state.read_bytes())["files"] < 20
    rest = tmp_path / "rest"
    done = forward(tmp_path, *options, "--to", f"file:{rest}")
    assert done.code == 0, done.err
    first = [line for line in data.splitlines() if line.endswith(b"}}")]
    found = [json.loads(line)["detail"]["eventID"] for line in first] + ids(rest)
    assert set(found) == set(expected(*range(1_200)))
    assert len(found) - 1_200 <= 100 + 40
    assert not state.exists()


def test_old_events_alert_nobody(local_aws: Reader, tmp_path: Path) -> None:
    """Events older than a day do not reach sinks that alert people, unless --alerts is given."""
    now = datetime.now(UTC)
    key = log_file_key(OWNER, "eu-west-1", now - timedelta(hours=1))
    root = tmp_path / "trail"
    (root / key).parent.mkdir(parents=True)
    fresh = json.loads(gzip.decompress(log_file(2, eventTime=now.strftime("%Y-%m-%dT%H:%M:%SZ"))))["Records"]
    old = json.loads(gzip.decompress(log_file(1)))["Records"]
    (root / key).write_text(json.dumps({"Records": old + fresh}))
    queue = local_aws.queue()
    config = tmp_path / "t.toml"
    config.write_text(
        f'[sinks.people]\nto = "{queue}"\nformat = "text"\n[sinks.siem]\nto = "file:{tmp_path / "siem"}"\n'
        f'[sinks.local]\nto = "file:{tmp_path / "local"}"\nformat = "text"\n'
        '[[routes]]\nname = "all"\nsinks = ["people", "siem", "local"]\n'
        "pattern = { account = [{ exists = true }] }\n"
        'severity = "low"\ntitle = "Something"\n'
    )
    done = forward(tmp_path, root, "--since", "2h", "--config", config)
    assert done.code == 0, done.err
    assert len(local_aws.messages(queue)) == 1
    assert done.err.split("people", 1)[1].split()[:3] == ["2", "1", "1"]
    assert len((tmp_path / "siem").read_bytes().splitlines()) == 2
    assert b"Something" in (tmp_path / "local").read_bytes()
    assert forward(tmp_path, root, "--since", "2h", "--alerts", "--config", config).code == 0
    assert len(local_aws.messages(queue)) == 2
    single = next(root.rglob("*.gz"))
    assert forward(tmp_path, single, "--config", config).code == 0
    assert len(local_aws.messages(queue)) == 2  # somebody who names a file wants to see what happens
    assert forward(tmp_path, single, "--no-alerts", "--config", config).code == 0
    assert len(local_aws.messages(queue)) == 1


def test_old_events_do_not_hold_back_new_ones(tmp_path: Path, local_aws: Reader) -> None:
    """A backfill with once keeps its own memory, and never writes to the table that the function uses."""
    client: Any = local_aws("dynamodb")
    client.create_table(
        TableName="repeats",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    config, out = tmp_path / "t.toml", tmp_path / "out"
    config.write_text(
        f'state = "arn:aws:dynamodb:{local_aws.region}:123456789012:table/repeats"\n'
        f'[sinks.siem]\nto = "file:{out}"\n'
        '[[routes]]\nname = "all"\nsinks = ["siem"]\npattern = { account = [{ exists = true }] }\n'
        'severity = "low"\ntitle = "Something"\nonce = { within = "1h", per = ["account"] }\n'
    )
    root = tmp_path / "in"
    root.mkdir()
    (root / "1").write_bytes(log_file(1, 2, 3))
    for options in ((), ("--alerts",)):
        done = forward(tmp_path, root, "--config", config, *options)
        assert done.code == 0, done.err
        assert done.err.split("siem", 1)[1].split()[:3] == ["3", "1", "2"]
        assert client.scan(TableName="repeats")["Items"] == []


def test_every_file_of_a_folder(tmp_path: Path) -> None:
    """Without --since, a folder's files are read in order; hidden files and links to folders are not."""
    root = tmp_path / "in"
    (root / "b" / ".git").mkdir(parents=True)
    (root / "b" / "1.ndjson").write_bytes(envelope(2) + b"\n" + envelope(3))
    (root / "b.json.gz").write_bytes(log_file(1))
    (root / "c.ndjson.gz").write_bytes(gzip.compress(envelope(4)))
    (root / ".hidden").write_bytes(envelope(8))
    (root / "b" / ".git" / "x").write_bytes(envelope(8))
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe")
    out = root / "out"
    done = forward(tmp_path, root, "--to", f"file:{out}")
    assert done.code == 0, done.err
    assert ids(out) == expected(1, 2, 3, 4)
    assert forward(tmp_path, root, "--to", f"file:{out}").code == 0
    assert len(ids(out)) == 8  # the file that is written is not read
    found = trailforward("match", '{"source": ["aws.ec2"]}', root / "b")
    assert found.out.split() == [f"{root}/b/1.ndjson:1", f"{root}/b/1.ndjson:2"]
    (root / "empty").mkdir()
    assert "contains no files" in trailforward("match", '{"source": ["aws.ec2"]}', root / "empty").err
    done = forward(tmp_path, root / "empty", "--to", "stdout:")
    assert (done.code, "contains no files" in done.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["s3://example-trail"], "needs --since"),
        (["s3://Example_Trail", "--since", "1h"], "not a bucket's name"),
        (["s3://example-trail", "--since", "soon"], "is not a time"),
        (["s3://example-trail", "--since", "1h", "--until", "2h"], "is not before"),
        (["s3://example-trail", "--since", "1h", "--account", "12"], "12 digits"),
        (["x.ndjson", "--since", "1h"], "folders with AWSLogs/"),
        (["x.ndjson", "--until", "1h"], "need --since"),
        (["-", "--state", "s"], "cannot be read again"),
    ],
)
def test_options_that_do_not_fit(arguments: list[str], text: str, tmp_path: Path) -> None:
    """Options that do not fit give status 2 and what to write."""
    done = forward(tmp_path, *arguments, "--to", "stdout:")
    assert (done.code, done.out) == (2, "")
    assert text in done.err


def test_places_without_log_files(put: Callable[[Files], str], tmp_path: Path) -> None:
    """A place without AWSLogs/ is an error that names what exists; an empty window says what was searched."""
    place = put(
        {
            "archive/2026/x.json": b"",
            "other/y": b"",
            f"pre/{log_file_key(OWNER, 'eu-west-1', DAY)}": log_file(1),
        }
    )
    done = forward(tmp_path, f"{place}/archive", *WINDOW, "--to", "stdout:")
    assert done.code == 2
    assert (
        "has no folder AWSLogs/; it has the folders 2026/. Fix: write the location above AWSLogs/" in done.err
    )
    done = forward(tmp_path, place, *WINDOW, "--region", "eu-west-3", "--to", "stdout:")
    assert done.code == 1
    assert "has no log files" in done.err
    assert "in eu-west-3. Fix: choose another time, or check --account and --region" in done.err


def test_a_bucket_that_cannot_be_read(local_aws: Reader, tmp_path: Path) -> None:
    """A bucket that does not exist gives status 2 with the reason, and leaves no state file."""
    del local_aws
    done = forward(tmp_path, "s3://no-such-bucket-here", *WINDOW, "--to", "stdout:")
    assert done.code == 2
    assert "NoSuchBucket" in done.err
    assert list((tmp_path / "work").iterdir()) == []


def test_a_state_is_for_one_run(tmp_path: Path) -> None:
    """The state of another run, or another file, is refused with the fix, and stays as it is."""
    (tmp_path / "in").mkdir()
    state = tmp_path / "state"
    for text in (
        "{}",
        "[",
        '{"version": 1, "asked": {}, "window": [], "files": 1, "last": [0, "", "a"], "done": []}',
    ):
        state.write_text(text)
        done = forward(tmp_path, tmp_path / "in", "--state", state, "--to", "stdout:")
        assert (done.code, state.read_text()) == (2, text)
        assert f"{state} is" in done.err
        assert "--state" in done.err
    with pytest.raises(StateError, match="No such file"):
        State(tmp_path / "no" / "state", {}, []).load()
