"""The rules' event patterns, matched by our own matcher, which is held to vectors of the service."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sam.cfn import ACCOUNT, REGION, Stack, load
from trailforward.patterns import Pattern
from trailforward.testing import samples

HUB = Stack(load("template.yaml"), KinesisStreamArn=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/events")
FUNCTION_ROLE = HUB.outputs["FunctionRoleArn"]
REGIONAL = Stack(load("regional.yaml"), HubAccount=ACCOUNT, HubRegion=REGION, FunctionRoleArn=FUNCTION_ROLE)
RULE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/trailforward-RuleRole-A1B2"
PATTERNS = {
    "hub": HUB.properties("Rule")["EventPattern"],
    "regional": REGIONAL.properties("Rule")["EventPattern"],
}


@pytest.fixture(params=PATTERNS, name="pattern")
def _pattern(request: pytest.FixtureRequest) -> Pattern:
    return Pattern(PATTERNS[request.param])


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


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_the_pattern_fits(pattern: dict[str, Any]) -> None:
    """EventBridge takes 2,048 characters; role names may be 64 long and have a path."""
    text = json.dumps(pattern, separators=(",", ":"))
    assert len(text) + 4 * 160 < 2048


def test_forged_events_are_not_taken(pattern: Pattern) -> None:
    """A source that does not begin with ``aws.`` may be anybody's PutEvents."""
    forged = json.loads(event())
    assert pattern.matches(json.dumps(forged))
    assert not pattern.matches(json.dumps({**forged, "source": "my.aws.sts"}))
    assert not pattern.matches(json.dumps({**forged, "source": "Aws.sts"}))
    assert not pattern.matches(json.dumps({**forged, "detail-type": "AWS Health Event"}))


def test_our_own_doing_is_not_taken(pattern: Pattern) -> None:
    """What the function's role does stays out, and Lambda's taking of that role."""
    session = {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"arn": FUNCTION_ROLE}}}
    assert not pattern.matches(event(userIdentity=session))
    taken = {"roleArn": FUNCTION_ROLE}
    service = {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}
    assert not pattern.matches(event(userIdentity=service, requestParameters=taken))


def test_the_rules_own_role_is_not_taken() -> None:
    """EventBridge's taking of the regional role stays out; else each event would make another."""
    pattern = Pattern(PATTERNS["regional"])
    service = {"type": "AWSService", "invokedBy": "events.amazonaws.com"}
    assert not pattern.matches(event(userIdentity=service, requestParameters={"roleArn": RULE_ROLE}))


def test_other_peoples_doing_is_taken(pattern: Pattern) -> None:
    """A person who tries to take our roles is news; so are other roles, and identities without any."""
    person = {"type": "IAMUser", "userName": "mallory"}
    assert pattern.matches(event(userIdentity=person, requestParameters={"roleArn": FUNCTION_ROLE}))
    assert pattern.matches(event(userIdentity=person))
    assert pattern.matches(event(userIdentity={"type": "Root"}, requestParameters={"roleArn": RULE_ROLE}))
    other = {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"arn": FUNCTION_ROLE + "2"}}}
    assert pattern.matches(event(userIdentity=other))
    service = {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}
    assert pattern.matches(event(userIdentity=service, requestParameters={"roleArn": FUNCTION_ROLE + "2"}))
    assert pattern.matches(event(userIdentity={"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}))


def test_a_pattern_of_ones_own_replaces_it() -> None:
    """The parameter is taken as it is, at the hub and in the Regions."""
    own = '{"source": ["aws.iam"]}'
    hub = Stack(load("template.yaml"), HttpUrl="https://siem.example.com/", EventPattern=own)
    regional = Stack(load("regional.yaml"), HubAccount=ACCOUNT, HubRegion=REGION, EventPattern=own)
    assert hub.properties("Rule")["EventPattern"] == own
    assert regional.properties("Rule")["EventPattern"] == own
