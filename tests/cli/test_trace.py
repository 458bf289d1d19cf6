"""``trailforward trace``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.doctor.worlds import HERE, HOME, HUB, MEMBER, direct, hub, rule
from tests.support.command import trailforward

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws import Reader

ONE = {MEMBER: {HERE: "ENABLED", HOME: "ENABLED"}}
WHERE = ["--region", HERE, "--account", MEMBER]


@pytest.fixture
def world(tmp_path: Path) -> Any:
    """Writes a world to a file."""

    def save(content: Any) -> Path:
        path = tmp_path / "world.json"
        path.write_text(json.dumps(content))
        return path

    return save


def test_a_call_is_traced_to_the_end(world: Any) -> None:
    """Each step is a numbered line, the last line is the result, and the exit status is 0 if it arrives."""
    path = world(direct(accounts=ONE))
    done = trailforward("trace", "--call", "ec2:RunInstances", "--region", HERE, "--snapshot", path)
    assert done.code == 0
    assert done.out.splitlines()[0].startswith(" 1. ok      ec2:RunInstances is called in eu-west-1")
    assert "\nOK (documented): " in done.out
    assert "warn: " in done.out  # the rule has no dead-letter queue


def test_a_call_that_breaks_says_where_and_what_to_do(world: Any) -> None:
    """The broken step is marked, with reason and fix; exit status 1."""
    path = world(direct(accounts=ONE, rules=[rule(state="DISABLED")]))
    done = trailforward("trace", "--call", "ec2:RunInstances", "--region", HERE, "--snapshot", path)
    assert done.code == 1
    assert "BROKEN  Rule tf" in done.out
    assert done.out.splitlines()[-1].startswith("Fix: ")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("iam:CreateUser", "GLOBAL_ONLY_US_EAST_1"),
        ("ec2:DescribeInstances", "RULE_STATE_READONLY"),
        ("signin:ConsoleLogin", "OK"),
        ("cloudwatch:PutMetricAlarm", "OK"),
    ],
)
def test_calls_are_recognized_by_name(world: Any, name: str, code: str) -> None:
    """Global services, read-only calls and sign-ins are recognized by their names."""
    done = trailforward("trace", "--call", name, "--region", HERE, "--snapshot", world(direct(accounts=ONE)))
    assert f"{code} (" in done.out


def test_unknown_is_undetermined(world: Any) -> None:
    """A hub that was not read gives exit status 2."""
    path = world(hub(accounts=ONE))
    done = trailforward("trace", "--call", "ec2:RunInstances", "--region", HERE, "--snapshot", path)
    assert done.code == 2
    assert "unknown" in done.out


def test_the_caller_is_not_the_hub(world: Any) -> None:
    """With --also-read for the hub, the only other account is the caller."""
    path = world(hub())
    options = ["trace", "--call", "ec2:RunInstances", "--region", HERE, "--snapshot", path]
    assert trailforward(*options).code == 2
    assert trailforward(*options, "--also-read", HUB).code == 0


def test_an_event_from_a_file(world: Any, tmp_path: Path) -> None:
    """An event from a file is traced with its own account and Region."""
    event = tmp_path / "event.json"
    record = {
        "eventSource": "ec2.amazonaws.com",
        "eventName": "X",
        "awsRegion": HERE,
        "recipientAccountId": MEMBER,
    }
    event.write_text(json.dumps(record))
    assert trailforward("trace", "--event", event, "--snapshot", world(direct())).code == 0


@pytest.mark.parametrize("text", ["[]", "{", "{}", None])
def test_files_without_an_event(world: Any, tmp_path: Path, text: str | None) -> None:
    """A file that is not an event gives a clear error and exit status 2."""
    event = tmp_path / "event.json"
    if text is not None:
        event.write_text(text)
    done = trailforward("trace", "--event", event, "--snapshot", world(direct()))
    assert done.code == 2
    assert str(event) in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "Give --event FILE or --call"),
        (["--call", "a:B", "--event", "x"], "Give --event FILE or --call"),
        (["--call", "CreateUser", "--region", HERE], "SERVICE:EVENT"),
        (["--call", "iam:CreateUser"], "--account and --region"),
        (["--call", "iam:CreateUser", "--region", HERE], HUB),
    ],
)
def test_wrong_options(world: Any, options: list[str], words: str) -> None:
    """A missing option is named; exit status 2."""
    done = trailforward("trace", *options, "--snapshot", world(direct()))
    assert done.code == 2
    assert words in done.err


def test_live_aws_is_read_without_a_snapshot(local_aws: Reader) -> None:
    """Without a snapshot AWS is read; a destination is required."""
    arn = local_aws.queue()
    options = [
        "trace",
        "--call",
        "ec2:RunInstances",
        "--region",
        "ap-southeast-2",
        "--account",
        "123456789012",
    ]
    assert trailforward(*options).code == 2
    done = trailforward(*options, "--destination", arn)
    assert done.code == 1
    assert "NO_TRAIL" in done.out or "NO_RULE" in done.out
    done = trailforward(*options[:-2], "--account", "nonsense", "--destination", arn)
    assert "neither a 12-digit account ID" in done.err


@pytest.mark.parametrize("service", ["ec2", "EC2", "aws.ec2", "ec2.amazonaws.com", " Ec2 "])
def test_any_spelling_of_a_service(world: Any, service: str) -> None:
    """The service may be written as in IAM, in events, or in capital letters; the call in any case."""
    done = trailforward("trace", "--call", f"{service}:runInstances", *WHERE, "--snapshot", world(direct()))
    assert done.code == 0
    assert "ec2:RunInstances is called" in done.out


def test_other_names_of_services(world: Any) -> None:
    """CloudWatch's calls come from monitoring.amazonaws.com."""
    done = trailforward("trace", "--call", "cloudwatch:PutMetricAlarm", *WHERE, "--snapshot", world(direct()))
    assert "monitoring:PutMetricAlarm is called" in done.out


def test_data_events_are_recognized(world: Any) -> None:
    """A data event needs a selector of the trail; --category decides where the name does not tell."""
    path = world(direct())
    done = trailforward("trace", "--call", "s3:PutObject", *WHERE, "--snapshot", path)
    assert (done.code, "SELECTOR_EXCLUDES" in done.out) == (1, True)
    done = trailforward(
        "trace", "--call", "ec2:X", "--category", "data", "--write", *WHERE, "--snapshot", path
    )
    assert (done.code, "SELECTOR_EXCLUDES" in done.out) == (1, True)
    assert "Unknown category" in trailforward("trace", "--call", "a:B", "--category", "x").err


def test_what_the_name_does_not_tell_is_unknown(world: Any) -> None:
    """If it depends on whether a call is read-only, the result is unknown until an option says so."""
    options = ["--call", "logs:StartQuery", *WHERE, "--snapshot", world(direct())]
    done = trailforward("trace", *options)
    assert done.code == 2
    assert "unknown: it depends on whether logs:StartQuery is read-only (--read-only or --write)" in done.out
    assert trailforward("trace", *options, "--read-only").code == 1
    assert trailforward("trace", *options, "--write").code == 0


def test_a_template_can_be_traced(tmp_path: Path) -> None:
    """--template follows a call as if the template were deployed where the call is recorded."""
    template = tmp_path / "t.yaml"
    template.write_text(
        """
Resources:
  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}
  P:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Q]
      PolicyDocument:
        Statement: {Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: "sqs:*", Resource: "*"}
  R:
    Type: AWS::Events::Rule
    Properties: {EventPattern: {source: [aws.iam]}, Targets: [{Id: q, Arn: !GetAtt Q.Arn}]}
"""
    )
    options: list[str | Path] = ["--template", template, "--account", MEMBER, "--region", HERE]
    done = trailforward("trace", "--call", "iam:CreateUser", *options)
    assert (done.code, "recorded in us-east-1" in done.out) == (0, True)
    assert trailforward("trace", "--call", "ec2:RunInstances", *options).code == 1
    assert "--region" in trailforward("trace", "--call", "ec2:X", "--template", template).err
