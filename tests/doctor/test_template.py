from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.doctor.worlds import HERE, HOME, HUB, MEMBER, direct
from trailforward.doctor import CLASSES, World, reach
from trailforward.doctor.template import TemplateError, apply_template, parse_template
from trailforward.errors import MissingExtraError

REGIONAL = Path(__file__).parents[2] / "sam" / "regional.yaml"
WRITE = CLASSES[0]
TO_HUB = {"HubAccount": HUB, "HubRegion": HOME}
BUS = f"arn:aws:events:{HOME}:{HUB}:event-bus/trailforward"
HUB_QUEUE = f"arn:aws:sqs:{HOME}:{HUB}:q"

#: A hub that accepts what the regional template sends.
HUB_WORLD: dict[str, Any] = {
    **direct(),
    "accounts": {
        HUB: {HOME: "ENABLED_BY_DEFAULT"},
        MEMBER: {HOME: "ENABLED_BY_DEFAULT", HERE: "ENABLED_BY_DEFAULT"},
    },
    "buses": [
        {
            "account": HUB,
            "region": HOME,
            "name": "trailforward",
            "policy": [{"Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": BUS}],
        }
    ],
    "rules": [
        {
            "name": "in",
            "account": HUB,
            "region": HOME,
            "bus": "trailforward",
            "state": "ENABLED",
            "pattern": {"source": [{"prefix": "aws."}]},
            "targets": [{"id": "t", "arn": HUB_QUEUE}],
        }
    ],
    "resources": [
        {
            "arn": HUB_QUEUE,
            "policy": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": HUB_QUEUE,
                }
            ],
        }
    ],
    "destinations": [HUB_QUEUE],
}


def verdicts(template: Any, regions: tuple[str, ...] = (HERE, HOME), **options: Any) -> dict[str, str]:
    """The finding code for a write call in each Region, with the template applied."""
    parameters = options.pop("parameters", {})
    world = apply_template(template, [(MEMBER, region) for region in regions], parameters, **options).world
    return {region: reach(world, WRITE.call(MEMBER, region)).code for region in regions}


def small(resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A template as JSON text."""
    return parse_template(json.dumps({"Resources": resources, **more}))


def test_our_own_template_covers_a_region_before_it_is_deployed() -> None:
    """Without the stack a Region is blind; with sam/regional.yaml and the hub it is covered."""
    hub = World.model_validate(HUB_WORLD)
    assert reach(hub, WRITE.call(MEMBER, HERE)).code == "NO_RULE"
    assert verdicts(parse_template(REGIONAL.read_text()), parameters=TO_HUB, base=hub) == {
        HERE: "OK",
        HOME: "OK",
    }


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"RuleState": "DISABLED"}, "RULE_DISABLED"),
        ({"EventPattern": '{"source": ["aws.s3"]}'}, "PATTERN_MISMATCH"),
        ({"HubRegion": "eu-west-3"}, "TARGET_MISSING"),
        ({"Topology": "collector"}, "TARGET_MISSING"),
        ({"FunctionRoleArn": f"arn:aws:iam::{HUB}:role/f", "AlarmTopicName": "t"}, "OK"),
    ],
)
def test_wrong_parameters_are_found_before_they_are_deployed(parameters: dict[str, str], code: str) -> None:
    """Wrong values of parameters give the findings that the deployed stack would have."""
    hub = World.model_validate(HUB_WORLD)
    destinations = [HUB_QUEUE, f"arn:aws:sqs:{HERE}:{HUB}:trailforward-events"]
    found = verdicts(
        parse_template(REGIONAL.read_text()),
        (HERE,),
        parameters=TO_HUB | parameters,
        base=hub,
        destinations=destinations,
    )
    assert found == {HERE: code}


def test_without_a_snapshot_a_trail_is_assumed_and_said() -> None:
    """Without a snapshot, a trail is assumed and reported, and the hub is unknown."""
    planned = apply_template(
        parse_template(REGIONAL.read_text()), [(MEMBER, HERE)], TO_HUB, destinations=[BUS]
    )
    assert "Assuming" in planned.assumptions[0]
    assert planned.not_understood == ()
    assert reach(planned.world, WRITE.call(MEMBER, HERE)).code == "ACCOUNT_NOT_VISIBLE"


def test_a_stack_replaces_what_has_its_names() -> None:
    """Applying a template twice changes nothing."""
    template = parse_template(REGIONAL.read_text())
    once = apply_template(template, [(MEMBER, HERE)], TO_HUB).world
    assert apply_template(template, [(MEMBER, HERE)], TO_HUB, once).world == once


SENDS = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}


def a_rule(target: Any, **more: Any) -> dict[str, Any]:
    """A rule that matches everything."""
    pattern = {"source": [{"prefix": "aws."}]}
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {"EventPattern": pattern, "Targets": [{"Id": "t", "Arn": target, **more}]},
    }


ALL_KINDS: dict[str, Any] = {
    "Clock": {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "rate(1 day)"}},
    "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "b"}},
    "BusPolicy": {
        "Type": "AWS::Events::EventBusPolicy",
        "Properties": {"EventBusName": {"Ref": "Bus"}, "Statement": {"Effect": "Allow", "Principal": "*"}},
    },
    "OnBus": {
        "Type": "AWS::Events::Rule",
        "Properties": {"EventBusName": {"Ref": "Bus"}, "EventPattern": {"source": ["x"]}},
    },
    "Trail": {
        "Type": "AWS::CloudTrail::Trail",
        "Properties": {
            "TrailName": "t",
            "IsLogging": True,
            "IsMultiRegionTrail": "true",
            "EventSelectors": [{"ReadWriteType": "WriteOnly"}],
            "InsightSelectors": [{"InsightType": "ApiCallRateInsight"}],
        },
    },
    "Key": {
        "Type": "AWS::KMS::Key",
        "Properties": {
            "KeyPolicy": {
                "Statement": [
                    {"Effect": "Allow", "Principal": "*", "Action": "kms:*"},
                    {**SENDS, "Action": ["kms:Decrypt", "kms:GenerateDataKey"]},
                    {**SENDS, "Action": "kms:*", "Condition": {"Bool": {"x": "y"}}},
                ]
            }
        },
    },
    "Sealed": {
        "Type": "AWS::SQS::Queue",
        "Properties": {"FifoQueue": True, "KmsMasterKeyId": {"Fn::GetAtt": "Key.Arn"}},
    },
    "Managed": {"Type": "AWS::SQS::Queue", "Properties": {"KmsMasterKeyId": "alias/aws/sqs"}},
    "Foreign": {"Type": "AWS::SQS::Queue", "Properties": {"KmsMasterKeyId": "alias/theirs"}},
    "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"Subscription": [{"Endpoint": "arn:a"}]}},
    "TopicPolicy": {
        "Type": "AWS::SNS::TopicPolicy",
        "Properties": {
            "Topics": [{"Ref": "Topic"}, "arn:aws:sns:eu-west-1:1:other"],
            "PolicyDocument": {"Statement": SENDS},
        },
    },
    "Subscription": {
        "Type": "AWS::SNS::Subscription",
        "Properties": {"TopicArn": {"Ref": "Topic"}, "Endpoint": {"Fn::GetAtt": ["Managed", "Arn"]}},
    },
    "Elsewhere": {"Type": "AWS::SNS::Subscription", "Properties": {"TopicArn": "arn:x", "Endpoint": "arn:y"}},
    "Role": {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": "r",
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/X"],
            "AssumeRolePolicyDocument": {"Statement": SENDS},
            "Policies": [
                {
                    "PolicyName": "p",
                    "PolicyDocument": {
                        "Statement": [
                            {"Effect": "Deny", "NotAction": "sqs:*", "Resource": "*"},
                            {"Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Condition": {}},
                        ]
                    },
                }
            ],
        },
    },
    "Function": {"Type": "AWS::Lambda::Function", "Properties": {}},
    "Permission": {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": {"Ref": "Function"},
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
            "SourceArn": {"Fn::GetAtt": ["OnBus", "Arn"]},
            "SourceAccount": {"Ref": "AWS::AccountId"},
        },
    },
    "PermissionElsewhere": {
        "Type": "AWS::Lambda::Permission",
        "Properties": {"FunctionName": "arn:aws:lambda:x", "Action": "x", "Principal": MEMBER},
    },
    "Alarm": {"Type": "AWS::CloudWatch::Alarm"},
    "Odd": {"Type": "AWS::Serverless::Function"},
}


def test_every_kind_of_resource_that_matters_is_read() -> None:
    """Buses, trails, keys, topics, functions, roles and their policies become part of the world."""
    planned = apply_template(small(ALL_KINDS), [(MEMBER, HERE)], {})
    world = planned.world
    assert planned.not_understood == (
        "Odd: resources of the type AWS::Serverless::Function are not supported",
    )
    assert [(bus.name, len(bus.policy)) for bus in world.buses] == [("b", 1)]
    assert [rule.bus for rule in world.rules] == ["b"]
    (mine,) = [trail for trail in world.trails if trail.name == "t"]
    assert (mine.multi_region, mine.logging, mine.insights) == (True, True, ("ApiCallRateInsight",))
    found = {resource.arn.rpartition(":")[2]: resource for resource in world.resources}
    sealed = found["trailforward-Sealed"]
    assert sealed.fifo
    assert sealed.encryption is not None
    assert sealed.encryption.key_policy is not None
    assert sealed.encryption.key_policy.actions == ("kms:Decrypt", "kms:GenerateDataKey")
    assert sealed.encryption.key_policy.statements
    kinds = [found[f"trailforward-{name}"].encryption for name in ("Managed", "Foreign")]
    assert [kind.type for kind in kinds if kind] == ["aws-managed-key", "customer-key"]
    topic = found["trailforward-Topic"]
    assert topic.subscriptions == ("arn:a", f"arn:aws:sqs:{HERE}:{MEMBER}:trailforward-Managed")
    assert len(topic.policy) == 1
    (statement,) = found["trailforward-Function"].policy
    assert statement["Condition"]["ArnLike"] == {
        "AWS:SourceArn": f"arn:aws:events:{HERE}:{MEMBER}:rule/b/trailforward-OnBus"
    }
    (role,) = world.roles
    assert role.arn == f"arn:aws:iam::{MEMBER}:role/r"
    assert role.deny[0].unknown["NotAction"] == "sqs:*"
    assert "permissionsBoundary" in role.allow[0].unknown


def test_a_queue_with_a_policy_covers_its_region() -> None:
    """A rule, a queue and the queue's policy cover a Region; without the policy it stays blind."""
    queue = {"Fn::GetAtt": ["Queue", "Arn"]}
    resources: dict[str, Any] = {
        "Rule": a_rule(queue),
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Policy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": {"Statement": [SENDS]}},
        },
    }
    ends = [f"arn:aws:sqs:{HERE}:{MEMBER}:trailforward-Queue"]
    assert verdicts(small(resources), (HERE,), destinations=ends) == {HERE: "OK"}
    del resources["Policy"]
    assert verdicts(small(resources), (HERE,), destinations=ends) == {HERE: "QUEUE_POLICY"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Fn::Join": ["-", ["a", {"Ref": "AWS::Region"}]]}, f"a-{HERE}"),
        ({"Fn::Select": [1, {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"Fn::FindInMap": ["M", {"Ref": "AWS::Region"}, "k"]}, "v"),
        ({"Fn::Base64": "a"}, "YQ=="),
        ({"Fn::Sub": ["${x}${!y}${AWS::AccountId}", {"x": "1"}]}, f"1${{y}}{MEMBER}"),
        ({"Fn::Sub": "${Queue.QueueName}"}, "trailforward-Queue"),
        ({"Fn::If": ["Both", "yes", "no"]}, "yes"),
        ({"Fn::If": ["Either", "yes", "no"]}, "no"),
        ({"Fn::If": ["Same", {"Ref": "AWS::NoValue"}, "x"]}, "trailforward-Rule"),
        ({"Ref": "Plain"}, "trailforward-Plain"),
        ({"Ref": "List"}, "trailforward-Rule"),  # a list is not a name
    ],
)
def test_functions_give_what_cloudformation_gives(value: Any, expected: str) -> None:
    """Every intrinsic function that templates use around rules is resolved."""
    rule = {"Type": "AWS::Events::Rule", "Properties": {"Name": value, "EventPattern": {"source": ["x"]}}}
    template = small(
        {
            "Rule": rule,
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Plain": {"Type": "AWS::S3::Bucket"},
            "Absent": {"Type": "AWS::SQS::Queue", "Condition": "Either"},
        },
        Mappings={"M": {HERE: {"k": "v"}}},
        Parameters={"List": {"Type": "CommaDelimitedList", "Default": "a,b"}},
        Conditions={
            "Same": {"Fn::Equals": ["a", "a"]},
            "Both": {"Fn::And": [{"Condition": "Same"}, {"Fn::Not": [{"Fn::Equals": ["a", "b"]}]}]},
            "Either": {"Fn::Or": [{"Fn::Equals": ["a", "b"]}]},
        },
    )
    assert apply_template(template, [(MEMBER, HERE)], {}).world.rules[0].name == expected


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ({"Fn::ImportValue": "x"}, "Fn::ImportValue is not supported"),
        ({"Ref": "Nothing"}, "no such parameter or resource"),
        ({"Fn::GetAtt": "Nothing.Arn"}, "no resource Nothing"),
        ({"Fn::GetAtt": "Odd.Arn"}, "type AWS::S3::Bucket are not supported"),
        ({"Fn::GetAtt": "Odd.Size"}, "Odd.Size is not supported"),
        ({"Fn::If": ["Nothing", 1, 2]}, "no condition Nothing"),
        ({"Fn::If": ["Odd", 1, 2]}, "condition function Fn::Odd is not supported"),
    ],
)
def test_what_cannot_be_resolved_is_named(name: Any, words: str) -> None:
    """The error for an unsupported template names the part."""
    rule = {"Type": "AWS::Events::Rule", "Properties": {"Name": name, "EventPattern": {}}}
    template = small({"Rule": rule, "Odd": {"Type": "AWS::S3::Bucket"}}, Conditions={"Odd": {"Fn::Odd": []}})
    with pytest.raises(TemplateError, match=words):
        apply_template(template, [(MEMBER, HERE)], {})


def test_parameters_are_checked() -> None:
    """A missing parameter is named with the option to give it, an unknown one by its name."""
    template = parse_template(REGIONAL.read_text())
    with pytest.raises(TemplateError, match="HubAccount, HubRegion: --parameter HubAccount="):
        apply_template(template, [(MEMBER, HERE)], {})
    with pytest.raises(TemplateError, match="no parameter Typo"):
        apply_template(template, [(MEMBER, HERE)], {**TO_HUB, "Typo": "x"})


@pytest.mark.parametrize("text", ["", "[1]", "{", "a: [", "Resources: 1", "{}", "!Odd {a: 1}"])
def test_invalid_templates_are_rejected(text: str) -> None:
    """A list, broken JSON and broken YAML are not templates."""
    with pytest.raises(TemplateError):
        parse_template(text)


def test_yaml_needs_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PyYAML, the error has the command that installs it; JSON does not need it."""
    monkeypatch.setattr("trailforward.doctor.template.document.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"trailforward\[cli\]"):
        parse_template("Resources: {}")
    assert parse_template('{"Resources": {}}') == {"Resources": {}}
