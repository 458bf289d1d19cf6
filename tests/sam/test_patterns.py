"""The rules' event patterns, matched by our own matcher, which is held to vectors of the service."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.sam.cfn import ACCOUNT, REGION, SAM, Stack, load, parse
from trailforward.aws.own_calls import MADE_FOR_EVERY_DELIVERY
from trailforward.patterns import Pattern
from trailforward.testing import samples

NOTIFY = SAM.parent / "examples/notify/template.yaml"
HUB = Stack(
    load("template.yaml"),
    KinesisStreamArn=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/events",
    SnapStart="true",
)
FUNCTION_ROLE = HUB.outputs["FunctionRoleArn"]
FUNCTION = HUB.outputs["FunctionArn"]
NOTIFIER = FUNCTION.replace("Forwarder", "Notifier")
QUEUE = HUB.outputs["EventQueueArn"]


def regional(**parameters: str) -> Stack:
    """The regional stack of that hub."""
    own = {"FunctionRoleArn": FUNCTION_ROLE, "FunctionArn": FUNCTION, **parameters}
    return Stack(load("regional.yaml"), HubAccount=ACCOUNT, HubRegion=REGION, **own)


RULE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/trailforward-{REGION}-rule"
PATTERNS = {
    "hub": HUB.properties("Rule")["EventPattern"],
    "regional": regional().properties("Rule")["EventPattern"],
    "notify": Stack(parse(NOTIFY.read_text()), Email="rosa@example.com").properties("Rule")["EventPattern"],
}


@pytest.fixture(params=PATTERNS, name="own")
def _own(request: pytest.FixtureRequest) -> dict[str, Any]:
    pattern: dict[str, Any] = PATTERNS[request.param]
    return pattern


@pytest.fixture(name="pattern")
def _pattern(own: dict[str, Any]) -> Pattern:
    return Pattern(own)


def event(**detail: Any) -> str:
    """An API call."""
    return json.dumps(
        {
            "version": "0",
            "source": "aws.sts",
            "detail-type": "AWS API Call via CloudTrail",
            "detail": {"eventName": "AssumeRole", "requestParameters": None, **detail},
        }
    )


@pytest.mark.parametrize("name", samples.names())
def test_every_kind_of_event_is_caught(pattern: Pattern, name: str) -> None:
    """API calls, sign-ins, service events, Insights, network activity: all via CloudTrail, no others."""
    sample = samples.load(name).decode()
    via_cloudtrail = json.loads(sample)["detail-type"].endswith(" via CloudTrail")
    assert pattern.matches(sample) == via_cloudtrail


#: The longest that IAM takes: a path of 512 characters, a name of 64
#: (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
LONG_PATH = "/" + "p" * 510 + "/"
LONG_ROLE = f"arn:aws-us-gov:iam::{ACCOUNT}:role{LONG_PATH}{'r' * 64}"
LONG_REGION = "us-gov-west-1"


def longest(pattern: Any) -> str:
    """A pattern as CloudFormation hands it over, with the longest names that its resources may have."""
    text = json.dumps(pattern, separators=(",", ":"))
    # The regional template makes its role without a path.
    text = text.replace(RULE_ROLE, f"arn:aws-us-gov:iam::{ACCOUNT}:role/{'r' * 64}")
    text = text.replace(FUNCTION_ROLE, LONG_ROLE)
    lambda_arn = f"arn:aws-us-gov:lambda:{LONG_REGION}:{ACCOUNT}:function:{'f' * 64}"
    for name in (FUNCTION, NOTIFIER):
        text = text.replace(f'"{name}"', f'"{lambda_arn}"')
    text = text.replace('"trailforward-SnapStartAlias"', f'"{lambda_arn}:live"')
    return text.replace(f'"{QUEUE}"', f'"arn:aws-us-gov:sqs:{LONG_REGION}:{ACCOUNT}:{"q" * 80}"')


@pytest.mark.parametrize("name", PATTERNS)
def test_the_pattern_fits(name: str) -> None:
    """EventBridge takes 2,048 characters: enough for the longest ARNs of roles, functions, and queues."""
    text = longest(PATTERNS[name])
    assert LONG_ROLE in text
    assert len(text) <= 2_048
    Pattern(text)


def test_forged_events_are_not_taken(pattern: Pattern) -> None:
    """A source that does not begin with ``aws.`` may be anybody's PutEvents."""
    forged = json.loads(event())
    assert pattern.matches(json.dumps(forged))
    assert not pattern.matches(json.dumps({**forged, "source": "my.aws.sts"}))
    assert not pattern.matches(json.dumps({**forged, "source": "Aws.sts"}))
    assert not pattern.matches(json.dumps({**forged, "detail-type": "AWS Health Event"}))


def session(role: str) -> dict[str, Any]:
    """The identity of a role's session."""
    return {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"arn": role}}}


def service(name: str) -> dict[str, Any]:
    """The identity of an AWS service."""
    return {"type": "AWSService", "invokedBy": name}


def listed(pattern: dict[str, Any]) -> set[str]:
    """The calls that a pattern leaves out for the pipeline."""
    (names,) = [
        part["anything-but"]
        for alternative in pattern["detail"]["$or"]
        for part in alternative.get("eventName", [])
        if isinstance(part, dict) and "anything-but" in part and len(part["anything-but"]) > 1
    ]
    return set(names)


@pytest.mark.parametrize("name", PATTERNS)
def test_only_the_calls_of_each_delivery_are_left_out(name: str) -> None:
    """The pattern names the calls that every delivery makes, as the function knows them, and no others."""
    beside = {"AssumeRole"} if name == "regional" else set()
    assert listed(PATTERNS[name]) == MADE_FOR_EVERY_DELIVERY | beside


def test_the_calls_of_each_delivery_are_not_taken(pattern: Pattern) -> None:
    """Receive, delete, send, put, and publish by the function's role would loop with data events on."""
    for name in MADE_FOR_EVERY_DELIVERY:
        assert not pattern.matches(event(eventName=name, userIdentity=session(FUNCTION_ROLE)))


def test_whatever_else_the_own_role_does_is_taken(pattern: Pattern) -> None:
    """StopLogging, AssumeRole, or GetSecretValue with the function's credentials reaches the function."""
    for name in (
        "StopLogging",
        "AssumeRole",
        "GetSecretValue",
        "PutObject",
        "PutBucketPolicy",
        "SendMessages",
    ):
        assert pattern.matches(event(eventName=name, userIdentity=session(FUNCTION_ROLE)))
    taking = {"roleArn": f"arn:aws:iam::{ACCOUNT}:role/admin"}
    assert pattern.matches(event(userIdentity=session(FUNCTION_ROLE), requestParameters=taking))


def test_services_delivering_to_the_function_are_not_taken(own: dict[str, Any], pattern: Pattern) -> None:
    """The invocation of the function by a service stays out; that of any other function is taken."""
    (named,) = {FUNCTION, NOTIFIER} & set(re.findall(r'"([^"]+)"', json.dumps(own)))
    invoked = {"eventName": "Invoke", "userIdentity": service("sqs.amazonaws.com")}
    assert not pattern.matches(event(**invoked, resources=[{"ARN": named}]))
    other = {"eventName": "Invoke", "userIdentity": service("sqs.amazonaws.com")}
    assert pattern.matches(event(**other, resources=[{"ARN": FUNCTION + "-other"}]))
    person = {"eventName": "Invoke", "userIdentity": {"type": "IAMUser"}}
    assert pattern.matches(event(**person, resources=[{"ARN": FUNCTION}]))


@pytest.mark.parametrize("name", ["hub", "notify"])
def test_services_sending_to_the_queue_are_not_taken(name: str) -> None:
    """EventBridge's SendMessage to the own queue stays out; to any other queue it is taken."""
    pattern = Pattern(PATTERNS[name])
    sent = {"eventName": "SendMessage", "userIdentity": service("events.amazonaws.com")}
    assert not pattern.matches(event(**sent, resources=[{"ARN": QUEUE}]))
    assert pattern.matches(event(**sent, resources=[{"ARN": QUEUE + "-other"}]))
    person = {"eventName": "SendMessage", "userIdentity": {"type": "IAMUser"}}
    assert pattern.matches(event(**person, resources=[{"ARN": QUEUE}]))


def test_the_rules_own_role_is_not_taken() -> None:
    """EventBridge assumes the rule's role and sends with it: both stay out, or each event made another."""
    pattern = Pattern(PATTERNS["regional"])
    events = service("events.amazonaws.com")
    taken = {"requestParameters": {"roleArn": RULE_ROLE}, "resources": [{"ARN": RULE_ROLE}]}
    assert not pattern.matches(event(userIdentity=events, **taken))
    for name in ("PutEvents", "SendMessage"):
        assert not pattern.matches(event(eventName=name, userIdentity=session(RULE_ROLE)))
    assert pattern.matches(event(userIdentity=session(RULE_ROLE), **taken))
    assert pattern.matches(event(eventName="StopLogging", userIdentity=session(RULE_ROLE)))
    other = {"requestParameters": {"roleArn": RULE_ROLE + "2", "externalId": RULE_ROLE}}
    assert pattern.matches(event(userIdentity=events, **other))


def test_other_peoples_doing_is_taken(pattern: Pattern) -> None:
    """A person who tries to assume the pipeline's roles is news; so are other roles, and other services."""
    person = {"type": "IAMUser", "userName": "mallory"}
    assert pattern.matches(event(userIdentity=person, requestParameters={"roleArn": FUNCTION_ROLE}))
    assert pattern.matches(event(userIdentity=person))
    assert pattern.matches(event(userIdentity={"type": "Root"}, requestParameters={"roleArn": RULE_ROLE}))
    for name in ("StopLogging", "SendMessage", "PutObject", "AssumeRole"):
        assert pattern.matches(event(eventName=name, userIdentity=session(FUNCTION_ROLE + "2")))
    assert pattern.matches(
        event(
            userIdentity=service("lambda.amazonaws.com"), requestParameters={"roleArn": FUNCTION_ROLE + "2"}
        )
    )
    assert pattern.matches(
        event(userIdentity=service("ec2.amazonaws.com"), requestParameters={"roleArn": FUNCTION_ROLE})
    )


def test_without_the_functions_arns_the_regional_pattern_is_valid() -> None:
    """Role and function are optional: the pattern then leaves out the rule's own calls alone."""
    bare = regional(FunctionRoleArn="", FunctionArn="").properties("Rule")["EventPattern"]
    assert Pattern(bare).matches(event(eventName="SendMessage", userIdentity=session(FUNCTION_ROLE)))
    assert not Pattern(bare).matches(event(eventName="PutEvents", userIdentity=session(RULE_ROLE)))


def test_a_pattern_of_ones_own_replaces_it() -> None:
    """The parameter is taken as it is, at the hub and in the Regions."""
    own = '{"source": ["aws.iam"]}'
    hub = Stack(load("template.yaml"), HttpUrl="https://siem.example.com/", EventPattern=own)
    regional = Stack(load("regional.yaml"), HubAccount=ACCOUNT, HubRegion=REGION, EventPattern=own)
    assert hub.properties("Rule")["EventPattern"] == own
    assert regional.properties("Rule")["EventPattern"] == own
