"""The regional template: what service-managed StackSets take, and what works in every Region."""

from __future__ import annotations

import re

import pytest

from tests.sam.cfn import ACCOUNT, REGION, SAM, Stack, load

TEMPLATE = load("regional.yaml")
HUB = {"HubAccount": "123456789012", "HubRegion": "us-east-1"}


def test_it_is_plain_cloudformation() -> None:
    """No transform, no nested stack, no macro, no YAML alias: service-managed StackSets refuse them."""
    assert set(TEMPLATE) <= {
        *(
            "AWSTemplateFormatVersion",
            "Description",
            "Metadata",
            "Parameters",
            "Conditions",
            "Resources",
            "Outputs",
        )
    }
    types = {resource["Type"] for resource in TEMPLATE["Resources"].values()}
    assert not any(name.startswith(("AWS::Serverless", "AWS::CloudFormation")) for name in types)
    text = (SAM / "regional.yaml").read_text()
    assert "Fn::Transform" not in text
    assert not re.search(r": [&*][a-z]", text)
    assert len(text.encode()) < 51_200  # or it could not be sent as it is


@pytest.mark.parametrize(
    ("topology", "arn", "action"),
    [
        ("hub", "arn:aws:events:us-east-1:123456789012:event-bus/trailforward", "events:PutEvents"),
        ("collector", f"arn:aws:sqs:{REGION}:123456789012:trailforward-events", "sqs:SendMessage"),
    ],
)
def test_the_rule_may_send_to_its_target_and_nowhere_else(topology: str, arn: str, action: str) -> None:
    """A bus may lie in another Region, a queue may not: it is the one of the rule's own Region."""
    stack = Stack(TEMPLATE, **HUB, Topology=topology)
    (target,) = stack.properties("Rule")["Targets"]
    assert target["Arn"] == arn
    (policy,) = stack.properties("RuleRole")["Policies"]
    assert policy["PolicyDocument"]["Statement"] == [{"Effect": "Allow", "Action": action, "Resource": arn}]
    # EventBridge refuses a retry policy on a bus.
    assert ("RetryPolicy" in target) == (topology == "collector")


def test_only_this_rule_may_take_the_role() -> None:
    """The role trusts EventBridge for one rule of one account."""
    stack = Stack(TEMPLATE, **HUB)
    (trust,) = stack.properties("RuleRole")["AssumeRolePolicyDocument"]["Statement"]
    rule = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/trailforward-regional"
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnEquals": {"aws:SourceArn": rule},
    }
    assert stack.outputs["RuleArn"] == rule


def test_the_dead_letters_lie_beside_the_rule() -> None:
    """A dead-letter queue must be in the rule's Region, and take messages for this rule only."""
    stack = Stack(TEMPLATE, **HUB)
    (target,) = stack.properties("Rule")["Targets"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:trailforward-regional-dead-letters"
    assert target["DeadLetterConfig"] == {"Arn": arn}
    (statement,) = stack.properties("DeadLettersPolicy")["PolicyDocument"]["Statement"]
    assert statement["Resource"] == arn
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": stack.outputs["RuleArn"]}}


@pytest.mark.parametrize("state", ["ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", "DISABLED"])
def test_both_rules_have_the_same_state(state: str) -> None:
    """Read-only events need the long state on the regional rule and on the hub's; one parameter sets both."""
    hub = Stack(
        load("template.yaml"),
        HttpUrl="https://siem.example.com/",
        Topology="hub",
        Regions="eu-west-1",
        RuleState=state,
    )
    given = {p["ParameterKey"]: p["ParameterValue"] for p in hub.properties("AccountStackSet")["Parameters"]}
    assert hub.properties("Rule")["State"] == state
    assert Stack(TEMPLATE, **given).properties("Rule")["State"] == state


def test_dead_letters_have_an_alarm_by_default() -> None:
    """Each Region has an alarm for its dead letters; with a name, it notifies that topic of the Region."""
    assert "AlarmActions" not in Stack(TEMPLATE, **HUB).properties("DeadLettersAlarm")
    alarm = Stack(TEMPLATE, **HUB, AlarmTopicName="ops").properties("DeadLettersAlarm")
    assert alarm["AlarmActions"] == [f"arn:aws:sns:{REGION}:{ACCOUNT}:ops"]
    assert "trailforward redrive" in alarm["AlarmDescription"]
    assert "DeadLettersAlarm" not in Stack(TEMPLATE, **HUB, Alarm="false").present


def test_the_rule_comes_after_the_policy_of_its_dead_letters() -> None:
    """The dead-letter queue admits the rule before it exists, so the first deployment loses nothing."""
    assert Stack(TEMPLATE, **HUB).resources["Rule"]["DependsOn"] == ["DeadLettersPolicy"]


def test_the_role_has_a_fixed_name_and_can_have_a_boundary() -> None:
    """Bus, queue, and execution role know the role by its name, with the Region, because roles are global."""
    role = Stack(TEMPLATE, **HUB, PermissionsBoundary="team/limit").properties("RuleRole")
    assert role["RoleName"] == f"trailforward-{REGION}-rule"
    assert role["PermissionsBoundary"] == f"arn:aws:iam::{ACCOUNT}:policy/team/limit"
    assert "PermissionsBoundary" not in Stack(TEMPLATE, **HUB).properties("RuleRole")
