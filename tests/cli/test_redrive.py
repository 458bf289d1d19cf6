"""``trailforward redrive`` on a local SQS."""

from __future__ import annotations

import base64
import gzip
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command import trailforward
from tests.support.events import envelope
from tests.support.receiver import Receiver, Slow, Status

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws import Reader

REGION = "ap-southeast-2"
EVENTS = [envelope(number) for number in range(25)]


def url_of(aws: Reader, queue: str) -> str:
    """The URL of a queue."""
    return str(aws("sqs").get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"])


def put(aws: Reader, queue: str, bodies: list[bytes], **attributes: str) -> None:
    """Sends messages to a queue, as a failure queue holds them."""
    typed = {
        name.replace("_", "-"): {"DataType": "String", "StringValue": value}
        for name, value in attributes.items()
    }
    for start in range(0, len(bodies), 10):
        entries = [
            {"Id": str(index), "MessageBody": body.decode(), "MessageAttributes": typed}
            for index, body in enumerate(bodies[start : start + 10])
        ]
        aws("sqs").send_message_batch(QueueUrl=url_of(aws, queue), Entries=entries)


def lines(path: Path) -> list[bytes]:
    """The lines of a file."""
    return path.read_bytes().splitlines() if path.exists() else []


def waiting(aws: Reader, queue: str) -> tuple[int, int]:
    """Messages in a queue: visible, and hidden because somebody reads them."""
    found = aws("sqs").get_queue_attributes(QueueUrl=url_of(aws, queue), AttributeNames=["All"])
    names = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"
    visible, hidden = (int(found["Attributes"][name]) for name in names)
    return visible, hidden


@pytest.mark.parametrize("by", ["arn", "url"])
def test_every_message_is_forwarded_and_deleted(local_aws: Reader, tmp_path: Path, by: str) -> None:
    """A dead-letter queue of an EventBridge rule is emptied, and every event arrives byte for byte."""
    queue, out = local_aws.queue(), tmp_path / "out"
    put(local_aws, queue, EVENTS, ERROR_CODE="SDK_CLIENT_ERROR", RULE_ARN="arn:aws:events:eu-west-1::rule/r")
    name = queue if by == "arn" else url_of(local_aws, queue)
    done = trailforward("redrive", name, "--to", f"file:{out}", "--wait", "1", AWS_DEFAULT_REGION=REGION)
    assert done.code == 0, done.err
    assert sorted(lines(out)) == sorted(EVENTS)
    assert waiting(local_aws, queue) == (0, 0)
    assert "25 messages were forwarded and deleted, 0 stay" in done.err


def test_only_the_sinks_still_owed_get_a_dead_letter(local_aws: Reader, tmp_path: Path) -> None:
    """A dead letter of the function goes to the sinks that its attributes name, and to no other."""
    queue = local_aws.queue()
    put(local_aws, queue, EVENTS[:1], trailforward_sinks="siem", trailforward_code="http_413")
    config = tmp_path / "trailforward.toml"
    config.write_text(
        f'dead_letter = "{queue}"\n[sinks.siem]\nto = "file:{tmp_path / "siem"}"\n'
        f'[sinks.archive]\nto = "file:{tmp_path / "archive"}"\n'
    )
    done = trailforward("redrive", queue, "--config", config, "--wait", "1")
    assert done.code == 0, done.err
    assert lines(tmp_path / "siem") == EVENTS[:1]
    assert lines(tmp_path / "archive") == []


def test_the_queue_of_the_function_learns_which_sinks_are_owed(local_aws: Reader, tmp_path: Path) -> None:
    """A dead letter that goes back to the event queue keeps its attributes; one of a rule has none."""
    dead, queue, out = local_aws.queue(), local_aws.queue(), tmp_path / "archive"
    about = {
        "trailforward_code": "http_413",
        "trailforward_reason": "too large",
        "trailforward_attempts": "2",
    }
    put(local_aws, dead, EVENTS[:3], trailforward_sinks="siem", **about)
    put(local_aws, dead, EVENTS[:1], trailforward_sinks="siem,archive", **about)
    put(local_aws, dead, EVENTS[3:5], ERROR_CODE="NO_PERMISSIONS")
    odd = EVENTS[5].replace(b'"version":"0"', '"version":"\uffff"'.encode())  # SQS does not accept U+FFFF
    packed, encoding = base64.b64encode(gzip.compress(odd)), {"trailforward_encoding": "gzip+base64"}
    put(local_aws, dead, [packed], trailforward_sinks="siem", **about, **encoding)
    done = trailforward("redrive", dead, "--to", queue, "--wait", "1")
    assert done.code == 0, done.err
    assert waiting(local_aws, dead) == (0, 0)
    config = tmp_path / "trailforward.toml"
    config.write_text(f'[sinks.siem]\nto = "file:{tmp_path / "siem"}"\n[sinks.archive]\nto = "file:{out}"\n')
    done = trailforward("redrive", queue, "--config", config, "--wait", "1")
    assert done.code == 0, done.err
    assert sorted(lines(out)) == sorted([EVENTS[0], *EVENTS[3:5]])
    assert sorted(lines(tmp_path / "siem")) == sorted([EVENTS[0], *EVENTS[:5], odd])


def test_a_dead_letter_keeps_what_people_want_to_know(local_aws: Reader) -> None:
    """The reason, the number of attempts, and the time of an earlier failure are not lost in the queue."""
    dead, queue = local_aws.queue(), local_aws.queue()
    about = {
        "trailforward_sinks": "siem",
        "trailforward_code": "http_413",
        "trailforward_reason": "too large",
        "trailforward_attempts": "2",
        "trailforward_first_seen": "2026-09-14T09:12:44.000+00:00",
        "trailforward_origin": "sqs",
    }
    put(local_aws, dead, EVENTS[:1], **about)
    assert trailforward("redrive", dead, "--to", queue, "--wait", "1").code == 0
    (message,) = local_aws.messages(queue)
    assert message["Body"].encode() == EVENTS[0]
    kept = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert kept == {name.replace("_", "-"): value for name, value in about.items()}


def test_what_cannot_be_delivered_stays_in_the_queue(local_aws: Reader) -> None:
    """Messages that a destination refuses, and messages that are not events, stay and are counted."""
    queue = local_aws.queue()
    put(local_aws, queue, [*EVENTS[:3], b"not json"])
    # The three events together, the first alone, then the other two together.
    with Receiver([Status(400), Status(400), Status(200)]) as receiver:
        done = trailforward("redrive", queue, "--to", receiver.url, "--wait", "1")
        assert len(receiver.requests[2].json) == 2
    assert done.code == 1
    assert waiting(local_aws, queue) == (2, 0)  # others can read them at once
    assert b"not json" in [message["Body"].encode() for message in local_aws.messages(queue)]
    assert "2 messages were forwarded and deleted, 2 stay" in done.err
    assert "not_json" in done.err
    assert "http_400" in done.err


def test_messages_that_go_nowhere_stay_unless_the_option_says_otherwise(
    local_aws: Reader, tmp_path: Path
) -> None:
    """A message that no route wants is not deleted, because nobody has it; an option deletes it."""
    queue = local_aws.queue()
    put(local_aws, queue, EVENTS[:2])
    config = tmp_path / "trailforward.toml"
    config.write_text(
        f'[sinks.siem]\nto = "file:{tmp_path / "siem"}"\n[[routes]]\nname = "iam"\nsinks = ["siem"]\n'
        "pattern = { source = ['aws.iam'] }\n"
    )
    done = trailforward("redrive", queue, "--config", config, "--wait", "1")
    assert done.code == 1
    assert "2 of them go to no destination" in done.err
    assert waiting(local_aws, queue) == (2, 0)
    again = trailforward("redrive", queue, "--config", config, "--wait", "1", "--delete-filtered")
    assert (again.code, waiting(local_aws, queue)) == (0, (0, 0))
    assert lines(tmp_path / "siem") == []


def test_a_killed_run_deletes_nothing_that_was_not_forwarded(local_aws: Reader) -> None:
    """After kill -9 in the middle, every event that is not in the queue has arrived."""
    queue = local_aws.queue()
    put(local_aws, queue, [envelope(number) for number in range(250)])
    command = [sys.executable, "-m", "trailforward", "redrive", queue, "--wait", "1", "--to"]
    with Receiver([Slow(0.5)] * 100) as receiver:
        with subprocess.Popen([*command, receiver.url], stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 300
            while len(receiver.requests) < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        arrived = {event["id"] for request in list(receiver.requests) for event in request.json}
    left = sum(waiting(local_aws, queue))
    assert 0 < 250 - left <= len(arrived) < 250


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["events", "--to", "stdout:"], "neither the ARN nor the URL of an SQS queue"),
        (["arn:aws:sqs:eu-west-1:111122223333:absent", "--to", "stdout:"], "get_queue_url failed"),
        (["arn:aws:sqs:eu-west-1:111122223333:q", "--to", "ftp://x"], "no sink supports ftp"),
    ],
)
def test_wrong_names_give_status_2_and_the_fix(local_aws: Any, arguments: list[str], problem: str) -> None:
    """A queue that does not exist, or a wrong destination, is named with its fix."""
    done = trailforward("redrive", *arguments)
    assert done.code == 2
    assert problem in done.err
    assert "Fix:" in done.err


def test_a_queue_is_not_its_own_destination(local_aws: Reader) -> None:
    """A queue cannot be redriven into itself, because that would never end."""
    queue = local_aws.queue()
    done = trailforward("redrive", queue, "--to", queue)
    assert done.code == 2
    assert "also a destination" in done.err
