"""Tests of examples/notify: its configuration is valid, and its mail is readable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.sam.cfn import ACCOUNT, REGION, Refused, Stack, grants, parse
from trailforward import Config, Forwarder, Pattern
from trailforward.cli.iam import policy as derived
from trailforward.testing import as_sqs, cloudtrail_event, console_sign_in, root

if TYPE_CHECKING:
    from tests.support.aws import Reader

FOLDER = Path(__file__).parents[2] / "examples" / "notify"
TEMPLATE = parse((FOLDER / "template.yaml").read_text())
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:trailforward-Topic-A1B2"


class Notify(Stack):
    """The stack, whose topic has this ARN."""

    topic = TOPIC

    def __init__(self, **parameters: str) -> None:
        super().__init__(TEMPLATE, **{"Email": "oncall@example.com", **parameters})

    def _ref(self, name: str) -> Any:
        return self.topic if name == "Topic" else super()._ref(name)

    def environment(self) -> dict[str, str]:
        """Of the function."""
        variables: dict[str, str] = self.properties("Notifier")["Environment"]["Variables"]
        return variables


def test_the_configuration_is_valid() -> None:
    """The template contains a valid configuration, in which every route uses a detection."""
    environment = Notify().environment()
    config = Config.from_env(environment)
    assert {name: (sink.to, sink.format) for name, sink in config.sinks.items()} == {"mail": (TOPIC, "text")}
    assert environment["TRAILFORWARD_CONFIG"].count("[[routes]]") == len(config.routes) == 2
    assert environment["TRAILFORWARD_CONFIG"].count("use = ") == len(config.routes)
    # Lambda allows 4 KB of environment.
    assert sum(len(name) + len(value) for name, value in environment.items()) < 4096


def test_there_is_no_code() -> None:
    """The handler is in the layer, and the function's only file is a text."""
    function = Notify().properties("Notifier")
    assert function["Handler"] == "trailforward.handler.lambda_handler"
    assert [path.suffix for path in (FOLDER / function["CodeUri"]).iterdir()] == [".txt"]
    layer = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:trailforward:3"
    given = Notify(LayerArn=layer)
    assert given.properties("Notifier")["Layers"] == [layer]
    assert "ForwarderLayer" not in given.present


def test_the_role_may_do_what_the_command_prints() -> None:
    """The role's policy is what ``trailforward iam`` derives from the configuration, no more."""
    stack = Notify()
    (policy,) = stack.properties("FunctionRole")["Policies"]
    wanted, notes = derived(
        Config.from_env(stack.environment()),
        sources=[f"arn:aws:sqs:{REGION}:{ACCOUNT}:trailforward-events"],
        log_group=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/trailforward/trailforward",
    )
    assert notes == []
    assert grants(policy["PolicyDocument"]) == grants(wanted)


def test_the_mail_goes_to_the_address_that_was_given() -> None:
    """There is one subscription by mail; an invalid address is rejected before anything is created."""
    subscription = Notify(Email="rosa@example.com").properties("Subscription")
    assert subscription == {"TopicArn": TOPIC, "Protocol": "email", "Endpoint": "rosa@example.com"}
    for wrong in ("", "rosa", "rosa@example", "rosa@example.com, jun@example.com"):
        with pytest.raises(Refused):
            Notify(Email=wrong)


def test_the_rule_takes_what_the_routes_want() -> None:
    """Sign-ins and calls of every service match; the calls of each delivery by the function's role do not."""
    stack = Notify()
    pattern = Pattern(stack.properties("Rule")["EventPattern"])
    event = cloudtrail_event("StopLogging")
    assert pattern.matches(event)
    assert pattern.matches(console_sign_in(root()))
    own = stack.environment()["TRAILFORWARD_OWN_ARNS"].split()[0]
    by_own = {"detail.userIdentity.sessionContext.sessionIssuer.arn": own}
    assert pattern.matches(event.with_changes(by_own))
    assert not pattern.matches(event.with_changes(by_own | {"detail.eventName": "PublishBatch"}))
    assert not pattern.matches(event.with_changes({"source": "example"}))


def test_an_event_arrives_as_a_readable_text(local_aws: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mail says in readable text who did what and from where; other events cause no mail."""
    topic, inbox = local_aws.topic(), local_aws.queue()
    local_aws.subscribe(topic, inbox)
    dead_letters = local_aws.queue()
    monkeypatch.setattr(Notify, "topic", topic)
    for name, value in {**Notify().environment(), "TRAILFORWARD_DEAD_LETTER": dead_letters}.items():
        monkeypatch.setenv(name, value)
    events = [
        console_sign_in(root(), mfa=False, region="us-east-1"),
        cloudtrail_event("AuthorizeSecurityGroupIngress", user="rosa"),
        cloudtrail_event("ListBuckets", user="rosa"),
    ]
    response = Forwarder.from_env().handle(as_sqs(*events), None)
    assert response == {"batchItemFailures": []}
    mails = {one["Subject"]: one["Message"] for one in _notifications(local_aws, inbox)}
    assert len(mails) == 2
    (sign_in,) = (text for subject, text in mails.items() if "ConsoleLogin by root" in subject)
    assert sign_in.splitlines()[0].startswith("root")
    assert "us-east-1" in sign_in
    assert events[0]["detail"]["sourceIPAddress"] in sign_in
    (opened,) = (text for subject, text in mails.items() if "AuthorizeSecurityGroupIngress" in subject)
    assert "rosa" in opened.splitlines()[0]
    assert "0.0.0.0/0" in opened
    assert not any(text.startswith("{") for text in mails.values())
    assert local_aws.messages(dead_letters) == []


def _notifications(aws: Reader, inbox: str) -> list[dict[str, Any]]:
    return [json.loads(message["Body"]) for message in aws.messages(inbox)]
