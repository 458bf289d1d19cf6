"""Templates whose values, resources, or conditions are only partly known, as people publish them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.doctor.worlds import HERE, HOME, MEMBER
from trailforward.doctor.report import survey
from trailforward.doctor.template import apply_template, parse_template
from trailforward.doctor.world.unknown import is_one_value, same, split_known, unknown

EVENTS = {"Service": "events.amazonaws.com"}
PROJECT = {"Project": {"Type": "String"}}


def named(kind: str) -> dict[str, str]:
    """A name that contains a parameter without a value."""
    return {"Fn::Sub": f"${{Project}}-{kind}"}


def arn_of(logical: str) -> dict[str, Any]:
    """The ARN of a resource of the template."""
    return {"Fn::GetAtt": [logical, "Arn"]}


def statement(action: str, resource: Any) -> dict[str, Any]:
    """A policy document that lets EventBridge deliver."""
    return {"Statement": [{"Effect": "Allow", "Principal": EVENTS, "Action": action, "Resource": resource}]}


def rule(target: Any, pattern: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A rule for one call of EC2."""
    wanted = pattern or {
        "source": ["aws.ec2"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"eventName": ["RunInstances"]},
    }
    targets = [target if isinstance(target, dict) and "Arn" in target else {"Arn": target}]
    properties = {"EventPattern": wanted, "Targets": [{"Id": "t", **each} for each in targets], **more}
    return {"Type": "AWS::Events::Rule", "Properties": properties}


def queue(name: Any = None) -> dict[str, Any]:
    """A queue with a policy for EventBridge."""
    properties = {"QueueName": name} if name else {}
    document = statement("sqs:SendMessage", arn_of("Queue"))
    return {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": properties},
        "QueuePolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": document},
        },
    }


def verdicts(resources: dict[str, Any], region: str = HERE, **more: Any) -> dict[str, tuple[str, str]]:
    """Status and code of each call of the template's rules, in a world without other stacks."""
    parameters = more.pop("given", {})
    template = parse_template(json.dumps({"Resources": resources, **more}))
    world = apply_template(template, [(MEMBER, region)], parameters).world
    ends = [target.arn for each in world.rules for target in each.targets]
    found = survey(world, destinations=ends, regions=[region], narrow_rules=True)
    return {
        call.call: (call.status, call.finding.code if call.finding else "")
        for each in found.rules
        for call in each.calls
    }


ARRIVES = {"ec2:RunInstances": ("arrives", "")}


def test_a_name_with_a_parameter_without_a_value_is_still_the_same_name() -> None:
    """A rule reaches a queue of its template although a part of both names is not known."""
    found = verdicts(
        {"Rule": rule(arn_of("Queue"), Name=named("rule")), **queue(named("queue"))}, Parameters=PROJECT
    )
    assert found == ARRIVES


def test_a_topic_and_its_policy_are_found_by_a_partly_unknown_name() -> None:
    """The policy of a topic whose name is partly unknown belongs to that topic, and to no other one."""
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": named("topic")}}
    policy = {
        "Type": "AWS::SNS::TopicPolicy",
        "Properties": {
            "Topics": [{"Ref": "Topic"}],
            "PolicyDocument": statement("sns:Publish", {"Ref": "Topic"}),
        },
    }
    found = verdicts({"Rule": rule({"Ref": "Topic"}), "Topic": topic, "Policy": policy}, Parameters=PROJECT)
    assert found == ARRIVES


def test_a_role_is_found_by_a_partly_unknown_name() -> None:
    """A stream's role and its policy resource count although the role's name is partly unknown."""
    resources = {
        "Rule": rule({"Arn": arn_of("Stream"), "RoleArn": arn_of("Role")}),
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": named("role"),
                "AssumeRolePolicyDocument": {
                    "Statement": [{"Effect": "Allow", "Principal": EVENTS, "Action": "sts:AssumeRole"}]
                },
            },
        },
        "Policy": {
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "Roles": [{"Ref": "Role"}],
                "PolicyDocument": {
                    "Statement": [
                        {"Effect": "Allow", "Action": "kinesis:PutRecord", "Resource": arn_of("Stream")}
                    ]
                },
            },
        },
    }
    assert verdicts(resources, Parameters=PROJECT) == ARRIVES


def test_different_unknown_values_are_not_taken_for_one() -> None:
    """What a condition chooses may differ from place to place, so equal words for it prove nothing."""
    chosen = {"Fn::If": ["Prod", arn_of("Queue"), arn_of("Other")]}
    resources = {
        "Rule": rule(chosen),
        **queue(),
        "Other": {"Type": "AWS::SQS::Queue", "Properties": {}},
    }
    conditions = {"Prod": {"Fn::Equals": [{"Ref": "Project"}, "prod"]}}
    found = verdicts(resources, Parameters=PROJECT, Conditions=conditions)
    assert found == {"ec2:RunInstances": ("unknown", "VALUE_UNKNOWN")}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a", "a", True),
        ("a", "b", False),
        (unknown("the parameter X"), unknown("the parameter X"), True),
        (unknown("the parameter X"), unknown("the parameter Y"), None),
        (unknown("the condition X"), unknown("the condition X"), None),
        (f"{unknown('the parameter X')}-a", f"{unknown('the parameter X')}-b", False),
        (f"{unknown('the parameter X')}-a", "x-a", None),
    ],
)
def test_equality_of_partly_unknown_texts(one: str, other: str, expected: bool | None) -> None:  # noqa: FBT001
    """A parameter equals itself; other unknown parts may be anything."""
    assert same(one, other) is expected
    assert same(other, one) is expected


def test_cutting_a_text_keeps_unknown_parts_whole() -> None:
    """The words for an unknown part are never cut, and a part of a parameter is not the parameter."""
    part = unknown("the parameter X")
    assert split_known(f"a {part} b", " ") == ["a", part, "b"]
    template = parse_template(
        json.dumps(
            {
                "Parameters": {"Arn": {"Type": "String"}},
                "Resources": {"Rule": rule({"Fn::Select": [0, {"Fn::Split": ["-", {"Ref": "Arn"}]}]})},
            }
        )
    )
    target = apply_template(template, [(MEMBER, HERE)], {}).world.rules[0].targets[0].arn
    assert not is_one_value(target)


def on_bus(name: Any) -> dict[str, Any]:
    """A rule on a bus, with its queue."""
    return {"Rule": rule(arn_of("Queue"), EventBusName=name), **queue()}


def test_a_rule_on_a_bus_that_is_not_known_is_judged() -> None:
    """What a rule can never receive is said, and the rest is unknown because of the bus."""
    pattern = {"source": ["aws.signin"], "detail-type": ["AWS API Call via CloudTrail"]}
    resources = on_bus({"Ref": "Project"})
    assert verdicts(resources, Parameters=PROJECT) == {"ec2:RunInstances": ("unknown", "VALUE_UNKNOWN")}
    resources["Rule"] = rule(
        arn_of("Queue"),
        {**pattern, "detail": {"eventName": ["ConsoleLogin"]}},
        EventBusName={"Ref": "Project"},
    )
    assert {status for status, _ in verdicts(resources, Parameters=PROJECT).values()} == {"never"}


WANTED = {"Wanted": {"Fn::Equals": [{"Ref": "Project"}, "yes"]}}


def test_a_rule_that_may_not_exist_is_unknown() -> None:
    """A rule under a condition that is not known is named, with the condition as the reason."""
    resources = {"Rule": rule(arn_of("Queue")) | {"Condition": "Wanted"}, **queue()}
    found = verdicts(resources, Parameters=PROJECT, Conditions=WANTED)
    assert found == {"ec2:RunInstances": ("unknown", "VALUE_UNKNOWN")}
    assert verdicts(resources, Parameters=PROJECT, Conditions=WANTED, given={"Project": "yes"}) == ARRIVES


def test_a_policy_that_may_not_exist_is_not_missing() -> None:
    """Without a certain policy the delivery is unknown, not refused."""
    resources = {"Rule": rule(arn_of("Queue")), **queue()}
    resources["QueuePolicy"]["Condition"] = "Wanted"
    found = verdicts(resources, Parameters=PROJECT, Conditions=WANTED)
    assert found == {"ec2:RunInstances": ("unknown", "NOT_SEEN")}
    found = verdicts(resources, Parameters=PROJECT, Conditions=WANTED, given={"Project": "no"})
    assert found == {"ec2:RunInstances": ("undelivered", "QUEUE_POLICY")}


OBJECTS = {
    "source": ["aws.s3"],
    "detail-type": ["AWS API Call via CloudTrail"],
    "detail": {"eventName": ["PutObject"], "requestParameters": {"bucketName": [{"Ref": "Project"}]}},
}


def trail(prefix: Any) -> dict[str, Any]:
    """A trail of the template that logs the data events of one bucket."""
    selector = {"DataResources": [{"Type": "AWS::S3::Object", "Values": [prefix]}]}
    properties = {"IsLogging": True, "IsMultiRegionTrail": True, "EventSelectors": [selector]}
    return {"Type": "AWS::CloudTrail::Trail", "Properties": properties}


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ({"Fn::Sub": "arn:aws:s3:::${Project}/"}, ("arrives", "")),
        ({"Fn::Sub": "arn:aws:s3:::${Other}/"}, ("unknown", "NOT_UNDERSTOOD")),
    ],
)
def test_data_events_of_a_bucket_that_is_not_known(prefix: Any, expected: tuple[str, str]) -> None:
    """A trail that selects the bucket of the rule's pattern fits, whatever the bucket's name is."""
    resources = {"Rule": rule(arn_of("Queue"), OBJECTS), **queue(), "Trail": trail(prefix)}
    parameters = {**PROJECT, "Other": {"Type": "String"}}
    assert verdicts(resources, Parameters=parameters) == {"s3:PutObject": expected}


def test_what_an_assumed_trail_logs_besides_management_events_is_unknown() -> None:
    """Without a trail in the template, data events are unknown: another stack may log them."""
    pattern = {**OBJECTS, "detail": {"eventName": ["PutObject"]}}
    found = verdicts({"Rule": rule(arn_of("Queue"), pattern), **queue()})
    assert found == {"s3:PutObject": ("unknown", "NOT_SEEN")}


ORGANIZATION = {
    "source": ["aws.organizations"],
    "detail-type": ["AWS API Call via CloudTrail"],
    "detail": {"eventName": ["CreateAccount"]},
}


def forwarding_role(service: str, bus: str) -> dict[str, Any]:
    """A role with which a service may put events on a bus."""
    allowed = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
                ]
            },
            "Policies": [{"PolicyDocument": {"Statement": [allowed]}}],
        },
    }


BUS = f"arn:aws:events:{HERE}:{MEMBER}:event-bus/default"


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (None, ("never", "RULE_GLOBAL_REGION")),
        (forwarding_role("lambda.amazonaws.com", BUS), ("never", "RULE_GLOBAL_REGION")),
        (forwarding_role("events.amazonaws.com", f"{BUS}-2"), ("never", "RULE_GLOBAL_REGION")),
        (forwarding_role("events.amazonaws.com", BUS), ("unknown", "RULE_GLOBAL_FORWARDED")),
    ],
)
def test_a_global_service_in_another_region(role: Any, expected: tuple[str, str]) -> None:
    """Such a rule cannot fire, unless the template prepares its bus for events from another stack's rule."""
    resources = {"Rule": rule(arn_of("Queue"), ORGANIZATION), **queue()}
    if role is not None:
        resources["Role"] = role
    assert verdicts(resources) == {"organizations:CreateAccount": expected}
    assert verdicts(resources, HOME) == {"organizations:CreateAccount": ("arrives", "")}


def test_a_call_of_another_service_is_in_doubt() -> None:
    """A name that only another service's API has does not count as arriving."""
    pattern = {
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"eventSource": ["cloudtrail.amazonaws.com"], "eventName": ["StopLogging", "CreateRoute"]},
    }
    assert verdicts({"Rule": rule(arn_of("Queue"), pattern), **queue()}) == {
        "cloudtrail:CreateRoute": ("unknown", "PATTERN_UNKNOWN"),
        "cloudtrail:StopLogging": ("arrives", ""),
    }


def test_a_pattern_that_names_only_an_error_means_cloudtrail_events() -> None:
    """A rule for every refused call is judged like other rules for CloudTrail events."""
    pattern = {"detail": {"errorCode": ["AccessDenied"]}}
    found = verdicts({"Rule": rule(arn_of("Queue"), pattern), **queue()})
    assert {status for status, _ in found.values()} == {"arrives"}


def test_a_pattern_in_a_text_is_shown_as_an_object() -> None:
    """A pattern that a parameter holds as text is the same as one in the template."""
    text = json.dumps(rule("x")["Properties"]["EventPattern"], indent=2)
    resources = {"Rule": rule(arn_of("Queue")), **queue()}
    resources["Rule"]["Properties"]["EventPattern"] = text
    assert verdicts(resources) == ARRIVES
