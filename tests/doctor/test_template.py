from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import DataObject, SearchStrategy, data, integers, sampled_from

from tests.doctor.worlds import HERE, HOME, HUB, MEMBER, direct
from tests.support.depth import examples
from trailforward.doctor import CLASSES, World, reach
from trailforward.doctor.template import (
    TemplateError,
    apply_stacks,
    apply_template,
    parse_template,
    read_assembly,
)
from trailforward.doctor.world.resources import Subscription
from trailforward.doctor.world.trails import InsightSelector
from trailforward.doctor.world.unknown import why_unknown
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
        "Odd: resources of the type AWS::Serverless::Function are not understood.",
    )
    assert [(bus.name, len(bus.policy)) for bus in world.buses] == [("b", 1)]
    assert [rule.bus for rule in world.rules] == ["default", "b"]
    (mine,) = [trail for trail in world.trails if trail.name == "t"]
    assert (mine.multi_region, mine.logging, mine.insights) == (
        True,
        True,
        (InsightSelector(insight_type="ApiCallRateInsight"),),
    )
    found = {resource.arn.rpartition(":")[2]: resource for resource in world.resources}
    sealed = found["trailforward-Sealed"]
    assert sealed.fifo
    assert sealed.encryption is not None
    assert sealed.encryption.key_policy is not None
    assert len(sealed.encryption.key_policy.statements) == 3
    kinds = [found[f"trailforward-{name}"].encryption for name in ("Managed", "Foreign")]
    assert [kind.type for kind in kinds if kind] == ["aws-managed-key", "customer-key"]
    topic = found["trailforward-Topic"]
    assert topic.subscriptions == (
        Subscription(endpoint="arn:a"),
        Subscription(endpoint=f"arn:aws:sqs:{HERE}:{MEMBER}:trailforward-Managed"),
    )
    assert len(topic.policy) == 1
    (statement,) = found["trailforward-Function"].policy
    assert statement["Condition"]["ArnLike"] == {
        "AWS:SourceArn": f"arn:aws:events:{HERE}:{MEMBER}:rule/b/trailforward-OnBus"
    }
    (role,) = world.roles
    assert role.arn == f"arn:aws:iam::{MEMBER}:role/r"
    assert [statement["Effect"] for statement in role.statements] == ["Deny", "Allow"]
    assert "arn:aws:iam::aws:policy/X" in role.unread["policies"]


def test_the_permissions_boundary_of_a_template_is_read() -> None:
    """A boundary that the template creates is known; the ARN of another one is only named."""
    send = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    limit = {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"ManagedPolicyName": "limit", "PolicyDocument": {"Statement": send}},
    }
    foreign = f"arn:aws:iam::{MEMBER}:policy/other"

    def limits(boundary: Any) -> Any:
        properties = {"AssumeRolePolicyDocument": {"Statement": SENDS}, "PermissionsBoundary": boundary}
        resources = {"Limit": limit, "Role": {"Type": "AWS::IAM::Role", "Properties": properties}}
        (made,) = apply_template(small(resources), [(MEMBER, HERE)], {}).world.roles
        assert made.boundary
        return made.limits

    assert limits({"Ref": "Limit"}) == (send,)
    assert limits(foreign) is None


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
    ("name", "why"),
    [
        ({"Fn::ImportValue": "x"}, "the export x"),
        ({"Ref": "Nothing"}, "the reference Nothing"),
        ({"Ref": "Given"}, "the parameter Given"),
        ({"Ref": "Stored"}, "the SSM parameter hub account"),
        ("{{resolve:ssm:/hub/account}}", "the dynamic reference ssm hub account"),
        ({"Fn::GetAtt": "Nothing.Arn"}, "Nothing Arn"),
        ({"Fn::GetAtt": "Odd.Size"}, "Odd Size"),
        ({"Fn::If": ["Nothing", 1, 2]}, "the condition Nothing"),
        ({"Fn::If": ["Odd", 1, 2]}, "the condition Odd"),
        ({"Fn::If": ["Itself", 1, 2]}, "the condition Itself"),
        ({"Fn::Join": ["", ["a-", {"Ref": "Nothing"}]]}, "the reference Nothing"),
        ({"Fn::Select": ["x", 5]}, "the result of Fn Select with unusual arguments"),
        ({"Fn::Odd": 1}, "the result of Fn Odd"),
    ],
)
def test_a_value_that_is_not_known_is_unknown_and_named(name: Any, why: str) -> None:
    """What the template does not tell is unknown, with a few words that say what; nothing else is."""
    rule = {"Type": "AWS::Events::Rule", "Properties": {"Name": name, "EventPattern": {"source": ["x"]}}}
    template = small(
        {"Rule": rule, "Odd": {"Type": "AWS::S3::Bucket"}, "Queue": {"Type": "AWS::SQS::Queue"}},
        Conditions={
            "Odd": {"Fn::Odd": []},
            "Itself": {"Fn::Not": [{"Condition": "Itself"}]},
        },
        Parameters={
            "Given": {"Type": "String"},
            "Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/hub/account"},
        },
    )
    planned = apply_template(template, [(MEMBER, HERE)], {})
    assert why_unknown(planned.world.rules[0].name) == why
    assert [resource.arn for resource in planned.world.resources] == [
        f"arn:aws:sqs:{HERE}:{MEMBER}:trailforward-Queue"
    ]
    assert "No value is given for Given, so it is not known: --parameter Given=…" in planned.assumptions


CONSTRAINED = {
    "Name": {"Type": "String", "AllowedPattern": "[a-z]+", "MaxLength": 4, "ConstraintDescription": "short"},
    "Size": {"Type": "Number", "MinValue": 2, "MaxValue": 5},
    "Kind": {"Type": "String", "AllowedValues": ["hub", "regional"]},
}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"Name": "ABC"}, r"Name=ABC: does not match \[a-z\]\+ \(short\)"),
        ({"Name": "abcde"}, "Name=abcde: more than 4 characters"),
        ({"Size": "1"}, "Size=1: less than 2"),
        ({"Size": "9"}, "Size=9: more than 5"),
        ({"Size": "many"}, "Size=many: not a number"),
        ({"Kind": "spoke"}, "Kind=spoke: not one of the allowed values hub, regional"),
        ({"Typo": "x"}, "no parameter Typo; it has: Kind, Name, Size"),
    ],
)
def test_given_parameters_are_checked_as_cloudformation_checks_them(
    given: dict[str, str], problem: str
) -> None:
    """A value that violates a constraint, and a parameter that does not exist, are named."""
    template = small({"Queue": {"Type": "AWS::SQS::Queue"}}, Parameters=CONSTRAINED)
    with pytest.raises(TemplateError, match=problem):
        apply_template(template, [(MEMBER, HERE)], given)


@pytest.mark.parametrize("text", ["", "[1]", "{", "a: [", "Resources: 1", "{}", "!Odd {a: 1}"])
def test_invalid_templates_are_rejected(text: str) -> None:
    """A list, broken JSON and broken YAML are not templates."""
    with pytest.raises(TemplateError):
        parse_template(text)


def test_reading_templates_needs_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without cfn-lint, the error has the command that installs it."""
    monkeypatch.setattr("trailforward.doctor.template.document.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"trailforward\[cfn\]"):
        parse_template("Resources: {}")


QUEUE = {"Type": "AWS::SQS::Queue"}
POLICY = {
    "Type": "AWS::SQS::QueuePolicy",
    "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": {"Statement": [SENDS]}},
}


def planned_rules(template: dict[str, Any], **options: Any) -> list[str]:
    """The names of the rules that a template creates in a member's account, with their Region."""
    world = apply_template(template, [(MEMBER, HERE)], options.pop("parameters", {}), **options).world
    return [f"{rule.region} {rule.name}" for rule in world.rules]


def test_language_extensions_are_expanded() -> None:
    """Fn::ForEach makes one rule per element, with given parameters as well as with defaults."""
    rule = {
        "Type": "AWS::Events::Rule",
        "Properties": {"Name": {"Fn::Sub": "r-${N}"}, "EventPattern": {"a": ["b"]}},
    }
    template = parse_template(
        json.dumps(
            {
                "Transform": "AWS::LanguageExtensions",
                "Parameters": {"Names": {"Type": "CommaDelimitedList", "Default": "x"}},
                "Resources": {"Fn::ForEach::Rules": ["N", {"Ref": "Names"}, {"Rule${N}": rule}]},
            }
        )
    )
    assert planned_rules(template) == [f"{HERE} r-x"]
    assert planned_rules(template, parameters={"Names": "a,b"}) == [f"{HERE} r-a", f"{HERE} r-b"]


SAM = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.12
      CodeUri: src/
      Events:
        Calls:
          Type: EventBridgeRule
          Properties: {Pattern: {source: [{prefix: aws.}]}}
"""


def test_sam_templates_are_expanded() -> None:
    """A function with an EventBridge event becomes a rule, a permission, and a role, and is covered."""
    found = apply_template(parse_template(SAM), [(MEMBER, HERE)], {})
    function = f"arn:aws:lambda:{HERE}:{MEMBER}:function:trailforward-Function"
    assert [target.arn for rule in found.world.rules for target in rule.targets] == [function]
    assert verdicts(parse_template(SAM), (HERE,), destinations=[function]) == {HERE: "OK"}


def test_a_sam_resource_that_aws_would_reject_does_not_stop_the_rest() -> None:
    """If the SAM resources cannot be expanded, that is said, and the others are read."""
    text = SAM.replace("Type: EventBridgeRule", "Type: Odd") + "  Queue: {Type: AWS::SQS::Queue}\n"
    found = apply_template(parse_template(text), [(MEMBER, HERE)], {})
    assert any("SAM resources are not read" in sentence for sentence in found.not_understood)
    assert len(found.world.resources) == 1


def test_a_macro_is_reported() -> None:
    """A macro of the account may add anything, so the report says that it was not expanded."""
    found = apply_template(small({"Queue": QUEUE}, Transform="Mine"), [(MEMBER, HERE)], {})
    assert found.not_understood == ("The macro Mine is not expanded: what it adds is not known.",)


def test_nested_stacks_are_read_from_files_beside_the_template(tmp_path: Path) -> None:
    """A nested stack gets its parameters, and its outputs are known to its parent."""
    child = {
        "Parameters": {"Name": {"Type": "String"}},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Name"}}}},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}}},
    }
    (tmp_path / "child.json").write_text(json.dumps(child))
    nested = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {
            "TemplateURL": "./child.json",
            "Parameters": {"Name": {"Fn::Sub": "q-${AWS::Region}"}},
        },
    }
    template = small({"Rule": a_rule({"Fn::GetAtt": ["Child", "Outputs.Arn"]}), "Child": nested})
    world = apply_template(template, [(MEMBER, HERE)], {}, folder=tmp_path).world
    arn = f"arn:aws:sqs:{HERE}:{MEMBER}:q-{HERE}"
    assert [resource.arn for resource in world.resources] == [arn]
    assert world.rules[0].targets[0].arn == arn


def test_a_nested_stack_that_is_not_at_hand_is_unknown() -> None:
    """What a nested stack in S3 creates is not known, and its outputs are unknown."""
    nested = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"TemplateURL": "https://b.s3.amazonaws.com/t"},
    }
    template = small({"Rule": a_rule({"Fn::GetAtt": ["Child", "Outputs.Arn"]}), "Child": nested})
    found = apply_template(template, [(MEMBER, HERE)], {})
    assert found.not_understood == (
        "Child: its template is not a local file, so what it creates is not known.",
    )
    assert why_unknown(found.world.rules[0].targets[0].arn) == "Child Outputs.Arn"


def test_stacksets_are_deployed_to_their_accounts_and_regions() -> None:
    """The instances of a StackSet belong to the world, in the accounts and Regions that it names."""
    body = "Resources: {R: {Type: AWS::Events::Rule, Properties: {Name: r, EventPattern: {source: [x]}}}}"
    stack_set = {
        "Type": "AWS::CloudFormation::StackSet",
        "Properties": {
            "StackSetName": "s",
            "TemplateBody": body,
            "StackInstancesGroup": [
                {"DeploymentTargets": {"Accounts": [MEMBER, HUB]}, "Regions": [HERE, HOME]},
                {"DeploymentTargets": {"OrganizationalUnitIds": ["ou-1"]}, "Regions": [HERE]},
            ],
        },
    }
    found = apply_template(small({"Set": stack_set}), [(MEMBER, HERE)], {})
    places = [(rule.account, rule.region) for rule in found.world.rules]
    assert places == [(MEMBER, HERE), (MEMBER, HOME), (HUB, HERE), (HUB, HOME)]
    assert "organizational units" in found.not_understood[0]


def test_a_resource_with_an_unknown_condition_is_not_counted_as_absent() -> None:
    """If it is not known whether a queue exists, a rule that needs it is unknown, not blind."""
    resources = {"Rule": a_rule({"Fn::GetAtt": ["Queue", "Arn"]}), "Queue": {**QUEUE, "Condition": "Maybe"}}
    template = small(
        resources,
        Parameters={"P": {"Type": "String"}},
        Conditions={"Maybe": {"Fn::Equals": [{"Ref": "P"}, "yes"]}},
    )
    ends = [f"arn:aws:sqs:{HERE}:{MEMBER}:trailforward-Queue"]
    assert verdicts(template, (HERE,), destinations=ends) == {HERE: "NOT_SEEN"}


def test_a_surprise_in_one_resource_affects_only_that_resource() -> None:
    """A resource of an unusual form is reported, and the others are read."""
    odd = {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": {"a": ["b"]}, "Targets": ["odd"]}}
    found = apply_template(small({"Odd": odd, "Queue": QUEUE, "Policy": POLICY}), [(MEMBER, HERE)], {})
    assert found.not_understood == (
        f"Odd in {HERE} was not read: its properties have an unusual form (AttributeError).",
    )
    assert len(found.world.resources[0].policy) == 1
    assert ("rules", HERE) in {(gap.what, gap.region) for gap in found.world.unseen}


def test_a_target_without_an_id_is_never_covered() -> None:
    """CloudFormation rejects a target without Id: this is said, and the rule's targets are unknown."""
    queue = f"arn:aws:sqs:{HERE}:{MEMBER}:q"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
    }
    template = small(
        {
            "Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "q"}},
            "P": {
                "Type": "AWS::SQS::QueuePolicy",
                "Properties": {"Queues": [{"Ref": "Q"}], "PolicyDocument": {"Statement": [statement]}},
            },
            "R": {
                "Type": "AWS::Events::Rule",
                "Properties": {"EventPattern": {"source": [{"prefix": "aws."}]}, "Targets": [{"Arn": queue}]},
            },
        }
    )
    applied = apply_template(template, [(MEMBER, HERE)], {}, destinations=[queue])
    assert applied.not_understood == ("R: target 0 has no Id, so CloudFormation rejects the template.",)
    assert reach(applied.world, WRITE.call(MEMBER, HERE)).code == "NOT_SEEN"


def test_a_stackset_without_instances_is_named() -> None:
    """What a StackSet creates in accounts and Regions that the template does not name is not known."""
    properties = {"StackSetName": "s", "TemplateBody": "Resources: {}"}
    template = small({"N": {"Type": "AWS::CloudFormation::StackSet", "Properties": properties}})
    (note,) = apply_template(template, [(MEMBER, HERE)], {}).not_understood
    assert note.startswith("N: the template does not name the accounts and Regions of this StackSet")


def test_cdk_apps_are_read_from_their_folder(tmp_path: Path) -> None:
    """Each stack of cdk.out is deployed in its own account and Region, and imports are resolved."""
    exporting = {
        "Resources": {"Queue": QUEUE, "Policy": POLICY},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}, "Export": {"Name": "Queue:Arn"}}},
    }
    importing = {"Resources": {"Rule": a_rule({"Fn::ImportValue": "Queue:Arn"})}}
    for name, template in (("A", importing), ("B", exporting)):
        (tmp_path / f"{name}.template.json").write_text(json.dumps(template))
    stack = {"type": "aws:cloudformation:stack"}
    manifest = {
        "version": "48.0.0",
        "artifacts": {
            "Tree": {"type": "cdk:tree"},
            "A": {
                **stack,
                "environment": f"aws://{MEMBER}/{HERE}",
                "properties": {"templateFile": "A.template.json", "stackName": "rules"},
            },
            "B": {
                **stack,
                "environment": "aws://unknown-account/unknown-region",
                "properties": {"templateFile": "B.template.json"},
            },
        },
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    stacks = read_assembly(tmp_path, [(MEMBER, HERE)])
    assert [(each.stack, each.account, each.region) for each in stacks] == [
        ("rules", MEMBER, HERE),
        ("B", MEMBER, HERE),
    ]
    queue = f"arn:aws:sqs:{HERE}:{MEMBER}:B-Queue"
    world = apply_stacks(stacks, {}, destinations=[queue]).world
    assert reach(world, WRITE.call(MEMBER, HERE)).code == "OK"


def test_a_folder_that_is_not_a_cdk_app_is_named(tmp_path: Path) -> None:
    """A folder without manifest.json gets the command that makes one."""
    with pytest.raises(TemplateError, match=r"has no manifest.json of a CDK app: run cdk synth"):
        read_assembly(tmp_path, [(MEMBER, HERE)])


BASES = [ALL_KINDS, {"Rule": a_rule({"Fn::GetAtt": ["Queue", "Arn"]}), "Queue": QUEUE, "Policy": POLICY}]


@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(data())
def test_mutated_templates_end_in_a_report_or_one_sentence(drawn: DataObject) -> None:
    """Whatever is removed or replaced in a template, reading it ends in a world or in one sentence."""
    template: Any = json.loads(json.dumps({"Resources": drawn.draw(sampled_from(BASES))}))
    odd: SearchStrategy[Any] = sampled_from(
        [None, 1, "", "x", [], {}, [{}], {"Ref": "Nothing"}, {"Fn::If": []}, {"Fn::Sub": 5}, True]
    )
    for _ in range(drawn.draw(integers(1, 4))):
        node = template
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = drawn.draw(sampled_from(keys))
            if isinstance(node[key], (dict, list)) and drawn.draw(integers(0, 3)):
                node = node[key]
                continue
            if drawn.draw(integers(0, 1)) and isinstance(node, dict):
                del node[key]
            else:
                node[key] = json.loads(json.dumps(drawn.draw(odd)))
            break
    sentence = ""
    try:
        world = apply_template(parse_template(json.dumps(template)), [(MEMBER, HERE)], {}).world
        reach(world, WRITE.call(MEMBER, HERE))
    except TemplateError as error:
        sentence = str(error)
    assert "\n" not in sentence
