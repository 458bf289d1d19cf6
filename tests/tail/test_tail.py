"""``trailforward tail`` on a local AWS, which this file extends by what EventBridge does with a rule."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.support.command import trailforward
from trailforward.patterns import Pattern
from trailforward.tail.taps import (
    PERMISSIONS,
    PREFIX,
    Place,
    Tap,
    expired,
    expiry,
    is_own_call,
    new_name,
)
from trailforward.testing import samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.aws import Reader

REGIONS = ("eu-central-1", "eu-north-1")
ROOT_SIGN_IN = samples.load("root-console-login")
pytestmark = pytest.mark.usefixtures("local_aws")


def client(service: str, region: str) -> Any:
    """A client of the local AWS."""
    return boto3.client(service, region_name=region)


def deliver(event: bytes, region: str) -> int:
    """Does what EventBridge does: sends an event to the target of each rule that matches it."""
    events, sent = client("events", region), 0
    for rule in events.list_rules(NamePrefix=PREFIX)["Rules"]:
        if Pattern(rule["EventPattern"]).matches(json.loads(event)):
            for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
                sqs = client("sqs", region)
                url = sqs.get_queue_url(QueueName=target["Arn"].rpartition(":")[2])["QueueUrl"]
                sqs.send_message(QueueUrl=url, MessageBody=event.decode())
                sent += 1
    return sent


def resources(region: str) -> list[str]:
    """The names of the rules and queues that tail has created."""
    rules = client("events", region).list_rules(NamePrefix=PREFIX)["Rules"]
    queues = client("sqs", region).list_queues(QueueNamePrefix=PREFIX).get("QueueUrls", [])
    return sorted({rule["Name"] for rule in rules} | {url.rpartition("/")[2] for url in queues})


class Run:
    """A running ``trailforward tail``, with what it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.out: list[str] = []
        self.err: list[str] = []
        for pipe, lines in ((process.stdout, self.out), (process.stderr, self.err)):
            threading.Thread(target=lambda pipe=pipe, lines=lines: lines.extend(pipe), daemon=True).start()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Waits until something is true; fails after a minute."""
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, (self.out, self.err)
            time.sleep(0.05)

    def end(self, number: int) -> int:
        """Sends a signal, and returns the exit status."""
        self.process.send_signal(number)
        return self.process.wait(90)


@contextmanager
def running(*arguments: str, regions: tuple[str, ...] = REGIONS) -> Iterator[Run]:
    """Runs tail until it is connected."""
    command = [sys.executable, "-m", "trailforward", "tail", "--yes", *arguments]
    command += [text for region in regions for text in ("--region", region)]
    with subprocess.Popen(
        command,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "NO_COLOR": "1"},
    ) as process:
        run = Run(process)
        try:
            run.wait_for(
                lambda: sum(line.endswith(": connected\n") for line in run.err) >= max(len(regions), 1)
            )
            yield run
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_events_of_all_regions_are_shown_and_everything_is_removed(number: int) -> None:
    """Each event is one line with its Region and detections; Ctrl-C and a closed terminal clean up."""
    with running() as run:
        assert all(len(resources(region)) == 1 for region in REGIONS)
        event_id = json.loads(ROOT_SIGN_IN)["detail"]["eventID"].encode()
        for region in REGIONS:
            event = ROOT_SIGN_IN.replace(b"us-east-1", region.encode()).replace(event_id, region.encode())
            assert deliver(event, region) == 1
        run.wait_for(lambda: len(run.out) == 2)
        assert sorted(line.split()[1] for line in run.out) == sorted(REGIONS)
        assert "signin ConsoleLogin by arn:aws:iam::" in run.out[0]
        assert "[high: " in run.out[0] or "[critical: " in run.out[0]
        assert run.end(number) == 130
    assert "Everything is removed.\n" in run.err
    assert [resources(region) for region in REGIONS] == [[], []]


def test_an_event_that_arrives_twice_is_shown_once_and_other_events_are_not() -> None:
    """--match shows what the pattern matches, and a repeated delivery does not repeat the line."""
    with running("--match", "@root-sign-in", "--json", regions=REGIONS[:1]) as run:
        region = REGIONS[0]
        assert deliver(samples.load("trail-stopped"), region) == 0
        other = ROOT_SIGN_IN.replace(json.loads(ROOT_SIGN_IN)["detail"]["eventID"].encode(), b"another")
        for event in (ROOT_SIGN_IN, ROOT_SIGN_IN, other):
            assert deliver(event, region) == 1
        run.wait_for(lambda: len(run.out) == 2)
        assert [line.encode() for line in run.out] == [ROOT_SIGN_IN + b"\n", other + b"\n"]
        run.end(signal.SIGINT)


def test_after_kill_9_the_resources_expire_and_the_next_run_removes_them() -> None:
    """What kill -9 leaves behind has its expiry in its name; before it, other runs leave it alone."""
    region = REGIONS[0]
    with running(regions=(region,)) as run:
        (name,) = resources(region)
        run.process.kill()
        run.process.wait(60)
    place = Place("aws", "123456789012", region)
    assert resources(region) == [name]
    assert not expired(place, datetime.now(UTC), client)
    late = datetime.now(UTC) + timedelta(hours=2)
    (tap,) = expired(place, late, client)
    assert tap.name == name
    assert tap.remove() == []
    assert resources(region) == []


def test_the_next_run_removes_leftovers_of_any_stage_and_nothing_else() -> None:
    """A queue without a rule, a rule without a queue, and both are removed; other names never."""
    region = REGIONS[0]
    past = datetime.now(UTC) - timedelta(minutes=1)
    place = Place("aws", "123456789012", region)
    names = [new_name(past) for _ in range(3)]
    events, sqs = client("events", region), client("sqs", region)
    Tap(place, names[0], client).create('{"source":["aws.iam"]}', read_only_events=True)
    sqs.create_queue(QueueName=names[1])
    events.put_rule(Name=names[2], EventPattern='{"source":["aws.iam"]}')
    kept = [f"{PREFIX}mine", new_name(datetime.now(UTC) + timedelta(hours=1))]
    for name in kept:
        sqs.create_queue(QueueName=name)
    done = trailforward("tail", "--yes", "--region", region, "--for", "1s")
    assert done.code == 0, done.err
    assert all(f"removed {name}" in done.err for name in names)
    assert resources(region) == sorted(kept)
    for name in kept:
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])


def test_read_only_events_need_a_flag() -> None:
    """Rules are plain ENABLED; with --read-only-events they also get read-only management events."""
    region = REGIONS[0]
    for arguments, state in (
        ((), "ENABLED"),
        (("--read-only-events",), "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"),
    ):
        with running(*arguments, regions=(region,)) as run:
            (rule,) = client("events", region).list_rules(NamePrefix=PREFIX)["Rules"]
            assert rule["State"] == state
            run.end(signal.SIGINT)


def test_nothing_is_created_without_consent() -> None:
    """Without a terminal and --yes, tail says what it would create, creates nothing, and ends with 2."""
    done = trailforward("tail", "--region", REGIONS[0])
    assert done.code == 2
    assert "creates an EventBridge rule and an SQS queue in 1 Regions of account 123456789012" in done.err
    assert "--yes" in done.err
    assert resources(REGIONS[0]) == []


def test_a_region_that_cannot_be_connected_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no Region works, every one is listed with the reason, and the status is 2."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", "http://127.0.0.1:9")
    done = trailforward("tail", "--yes", "--region", REGIONS[0], "--for", "1m")
    assert done.code in {1, 2}
    assert f"{REGIONS[0]}: not connected: " in done.err
    monkeypatch.undo()


def test_the_queue_accepts_events_only_from_its_rule() -> None:
    """The queue is encrypted, keeps messages for minutes, and its policy names the rule."""
    place = Place("aws", "123456789012", REGIONS[0])
    tap = Tap(place, new_name(datetime.now(UTC)), client)
    tap.create('{"source":["aws.iam"]}', read_only_events=False)
    found = client("sqs", REGIONS[0]).get_queue_attributes(QueueUrl=tap.url, AttributeNames=["All"])[
        "Attributes"
    ]
    (statement,) = json.loads(found["Policy"])["Statement"]
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"].endswith(f":rule/{tap.name}")
    assert found["SqsManagedSseEnabled"] == "true"
    assert int(found["MessageRetentionPeriod"]) <= 300
    assert tap.remove() == []


def test_an_existing_stream_is_read_without_creating_anything(local_aws: Reader) -> None:
    """--from with a Kinesis stream shows new records, however the events are wrapped."""
    del local_aws
    kinesis = client("kinesis", "eu-west-1")
    kinesis.create_stream(StreamName="tail-source", ShardCount=2)
    arn = kinesis.describe_stream_summary(StreamName="tail-source")["StreamDescriptionSummary"]["StreamARN"]
    with running("--from", arn, regions=()) as run:
        for key in ("a", "b", "c"):
            event = ROOT_SIGN_IN.replace(json.loads(ROOT_SIGN_IN)["detail"]["eventID"].encode(), key.encode())
            kinesis.put_record(StreamARN=arn, Data=event, PartitionKey=key)
        run.wait_for(lambda: len(run.out) == 3)
        assert run.end(signal.SIGINT) == 130
    assert resources("eu-west-1") == []


def test_an_existing_queue_needs_consent_because_its_messages_are_deleted() -> None:
    """--from with a queue is an error without --consume; with it, shown messages are deleted."""
    sqs = client("sqs", "eu-west-1")
    url = sqs.create_queue(QueueName="tail-source")["QueueUrl"]
    arn = "arn:aws:sqs:eu-west-1:123456789012:tail-source"
    sqs.send_message(QueueUrl=url, MessageBody=ROOT_SIGN_IN.decode())
    refused = trailforward("tail", "--from", arn)
    assert refused.code == 2
    assert "--consume" in refused.err
    done = trailforward("tail", "--from", arn, "--consume", "--json", "--for", "1s")
    assert (done.code, done.out.encode()) == (0, ROOT_SIGN_IN + b"\n")
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert found["ApproximateNumberOfMessages"] == found["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_an_event_cannot_control_the_terminal() -> None:
    """Escape sequences in an event are not printed, and its line is one line."""
    event = json.loads(ROOT_SIGN_IN)
    event["detail"]["userIdentity"]["arn"] = "arn\x1b[2J\nfake line"
    sqs = client("sqs", "eu-west-1")
    url = sqs.create_queue(QueueName="tail-hostile")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))
    sqs.send_message(QueueUrl=url, MessageBody="no event")
    arn = "arn:aws:sqs:eu-west-1:123456789012:tail-hostile"
    done = trailforward("tail", "--from", arn, "--consume", "--for", "1s")
    assert done.out.count("\n") == 1
    assert "\x1b" not in done.out
    assert "not an event" in done.err


def test_names_carry_their_expiry() -> None:
    """A name gives the time back, and other names have no expiry."""
    time = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
    assert expiry(new_name(time)) == time
    for name in (f"{PREFIX}mine", f"{PREFIX}20261399T000000Z-abcdef", new_name(time) + "x"):
        assert expiry(name) is None


def test_the_policy_of_tail_is_printed() -> None:
    """``trailforward iam tail`` allows what tail calls, and changes only on its own names."""
    document = json.loads(trailforward("iam", "tail").out)
    allowed = {
        action: statement["Resource"] for statement in document["Statement"] for action in statement["Action"]
    }
    assert allowed.keys() == PERMISSIONS.keys()
    writing = {
        action
        for action in allowed
        if not action.partition(":")[2].startswith(("List", "Describe", "GetCaller"))
    }
    assert all(PREFIX in resource for action in writing for resource in allowed[action])
    assert trailforward("iam", "tail", "x").code == 2


def test_aws_errors_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials, tail says so and ends with 2."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    done = trailforward("tail", "--yes")
    assert done.code == 2
    assert "Unable to locate credentials" in done.err


@pytest.mark.parametrize(
    ("changes", "hidden"),
    [
        ({}, True),
        (
            {
                "eventSource": "sqs.amazonaws.com",
                "eventName": "DeleteQueue",
                "requestParameters": {"queueUrl": "https://sqs.eu-west-1.amazonaws.com/1/NAME"},
            },
            True,
        ),
        ({"eventName": "StopLogging", "eventSource": "cloudtrail.amazonaws.com"}, False),
        ({"eventName": "DisableRule"}, False),
        ({"requestParameters": {"name": "another"}, "userAgent": "NAME"}, False),
        ({"requestParameters": {"name": "another", "description": "NAME"}}, False),
        ({"requestParameters": None, "userAgent": "NAME"}, False),
    ],
)
def test_nobody_hides_behind_the_name_of_a_tap(changes: dict[str, Any], hidden: bool) -> None:  # noqa: FBT001
    """Only calls that create or remove the run's own rule and queue are left out, wherever the name is."""
    name = new_name(datetime.now(UTC))
    record = {
        "eventSource": "events.amazonaws.com",
        "eventName": "PutRule",
        "requestParameters": {"name": "NAME"},
    }
    text = json.dumps({**record, **changes}).replace("NAME", name)
    assert is_own_call(json.loads(text), name) is hidden
