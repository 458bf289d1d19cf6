"""The Terraform modules create the same as the SAM stack, with every property."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from tests.sam.cfn import Stack
from tests.terraform import differences
from tests.terraform.computed import MADE_UP
from tests.terraform.convert import normal, resources, snake
from tests.terraform.module import TERRAFORM, Module
from tests.terraform.stack import LISTS, REGIONAL, TEMPLATE, expected, regional_text, variables

if TYPE_CHECKING:
    from pathlib import Path

SNS = {"SnsTopicArn": "arn:aws:sns:eu-west-1:111122223333:oncall"}
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ALL = {
    "KinesisStreamArn": "arn:aws:kinesis:us-east-1:111122223333:stream/s",
    "FirehoseArn": "arn:aws:firehose:eu-west-1:111122223333:deliverystream/f",
    **SNS,
    "SnsFormat": "text",
    "SqsQueueArn": "arn:aws:sqs:eu-west-1:123456789012:q",
    "HttpUrl": "https://siem.example.com/in",
    "HttpSecretArn": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:siem-AbCdEf#token",
    "DestinationKeyArns": f"{KEY},{KEY[:-1]}c",
    "AlarmTopicArn": "arn:aws:sns:eu-west-1:111122223333:alarms",
}
POLICIES = "arn:aws:iam::111122223333:policy/a,arn:aws:iam::111122223333:policy/b"
CASES: dict[str, dict[str, str]] = {
    "defaults": SNS,
    "every destination": ALL,
    "hub": {**SNS, "Topology": "hub", "BusLogLevel": "ERROR"},
    "hub of an organization": {
        **ALL,
        "Topology": "hub",
        "OrganizationId": "o-a1b2c3d4e5",
        "Accounts": "123456789012,111122223333",
        "BusLogLevel": "TRACE",
        "CustomerKey": "true",
        "RuleState": "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
    },
    "hub of accounts": {**SNS, "Topology": "hub", "Accounts": "123456789012", "BusLogLevel": "INFO"},
    "collector": {
        **SNS,
        "Topology": "collector",
        "OrganizationId": "o-a1b2c3d4e5",
        "Accounts": "123456789012",
    },
    "configuration": {"Configuration": 'dead_letter = "x"\n[sinks.a]\nto = "file:b"', "PolicyArns": POLICIES},
    "parameter": {"ConfigurationParameter": "/a/b", "PolicyArns": POLICIES, "ConfigurationRevision": "7"},
    "function": {
        **SNS,
        "MemorySize": "1024",
        "Timeout": "300",
        "BatchSize": "100",
        "BatchingWindow": "20",
        "ProvisionedPollers": "2-20",
        "SnapStart": "true",
        "SubnetIds": "subnet-0123abcd,subnet-0123abce",
        "SecurityGroupIds": "sg-0123abcd",
        "HttpsProxy": "http://proxy.example.com:3128",
        "NoProxy": ".amazonaws.com",
        "Tracing": "true",
        "StateTable": "true",
        "Receipts": "s3://receipts/a/b?region=eu-west-1",
        "LogLevel": "DEBUG",
        "LogRetentionDays": "365",
        "LogsKeyArn": KEY,
    },
    "safety": {
        **SNS,
        "EventPattern": '{"source": ["aws.iam"]}',
        "RuleState": "DISABLED",
        "Timeout": "30",
        "MaximumConcurrency": "50",
        "MaximumAge": "600",
        "MaximumReceives": "50",
        "RetryDelay": "0",
        "PermissionsBoundary": "arn:aws:iam::111122223333:policy/security/boundary",
    },
    "slow": {**SNS, "Timeout": "120"},
}
HUB = {"HubAccount": "123456789012", "HubRegion": "eu-central-1"}
RULES: dict[str, dict[str, str]] = {
    "hub": HUB,
    "everything": {
        **HUB,
        "Name": "security",
        "FunctionRoleArn": "arn:aws:iam::123456789012:role/f",
        "FunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:f",
        "AlarmTopicName": "alarms",
        "PermissionsBoundary": "security/boundary",
        "RuleState": "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
    },
    "collector": {
        **HUB,
        "Topology": "collector",
        "Alarm": "false",
        "EventPattern": '{"source": ["aws.iam"]}',
    },
}
ORGANIZATION = {
    **SNS,
    "Topology": "hub",
    "OrganizationId": "o-a1b2c3d4e5",
    "OrganizationalUnits": "r-abcd,ou-abcd-12345678",
    "Regions": "eu-west-1,us-east-1",
    "StackSetCallAs": "DELEGATED_ADMIN",
    "RegionalAlarms": "false",
    "RegionalAlarmTopicName": "alarms",
    "AlarmTopicArn": "arn:aws:sns:eu-west-1:111122223333:alarms",
    "PermissionsBoundary": "arn:aws:iam::111122223333:policy/security/boundary",
    "EventPattern": '{"source": ["aws.iam"]}',
}
# What the module organization has, and the hub does not.
FOR_ORGANIZATION = ("OrganizationStackSet", "StackSetFailures")


def hub(case: str, folder: Path = TERRAFORM / "hub") -> tuple[Any, Any]:
    """What Terraform creates, and what it must create."""
    made = resources(Module(folder, layer_zip="layer.zip", **variables(CASES[case])))
    for kind, label, name in MADE_UP:
        property_name = {"aws_iam_role": "RoleName"}.get(kind)
        if property_name and name == "name":
            assert made[label].pop(property_name) == "trailforward-eu-west-1-forwarder"
    # The same function: by name in SAM, by ARN in Terraform.
    for mapping in ("events_to_function", "retries_to_function"):
        made[mapping]["FunctionName"] = made[mapping]["FunctionName"].rpartition(":")[2]
    return normal(made), _wanted(case)


@pytest.mark.parametrize("case", CASES)
def test_the_hub_is_the_same_as_with_sam(case: str) -> None:
    """Patterns, policies, alarms, environment, mappings, and all other properties are those of SAM."""
    made, wanted = hub(case)
    assert set(made) == set(wanted)
    for label in wanted:
        assert made[label] == wanted[label], label


@pytest.mark.parametrize("case", CASES)
def test_the_outputs_are_the_same_as_with_sam(case: str) -> None:
    """Every output of the SAM stack is an output of the hub, with the same value."""
    stack = Stack(TEMPLATE, **CASES[case])
    wanted = {
        # tests/sam/cfn.py makes up what CloudFormation returns as the name of a dashboard.
        snake(name): value.replace("/trailforward-Dashboard", "/trailforward-eu-west-1")
        for name, value in stack.outputs.items()
        if not differences.left_out(name, differences.OUTPUTS)
    }
    assert Module(TERRAFORM / "hub", layer_zip="layer.zip", **variables(CASES[case])).outputs == wanted


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1"])
@pytest.mark.parametrize("case", RULES)
def test_the_rules_of_each_region_are_the_same_as_with_sam(case: str, region: str) -> None:
    """Each Region gets the rule, role, queue, and alarm of sam/regional.yaml, in that Region."""
    stack = Stack(REGIONAL, **RULES[case])
    regions = {"eu-west-1", "us-east-1"}
    module = Module(TERRAFORM / "regional-rules", regions=regions, **variables(RULES[case], REGIONAL))
    # The stack is resolved for eu-west-1, which no parameter of these cases contains.
    wanted = json.loads(json.dumps(normal(expected(stack, REGIONAL))).replace("eu-west-1", region))
    made = normal(resources(module, region))
    for alarm in (one for one in made.values() if one.get("AlarmActions") == []):
        del alarm["AlarmActions"]
    assert made == wanted
    for (kind, _), instances in module.resources.items():
        if kind not in {"aws_iam_role", "aws_iam_role_policy"}:
            assert {one.argument("region") for one in instances} == (regions if instances else set())
    outputs = {name: value[region] for name, value in module.outputs.items()}
    assert outputs == json.loads(
        json.dumps({snake(name): value for name, value in stack.outputs.items()}).replace("eu-west-1", region)
    )


@pytest.mark.parametrize(
    "given", [ORGANIZATION, {**ORGANIZATION, "PermissionsBoundary": "", "EventPattern": ""}]
)
def test_the_organization_is_the_same_as_with_sam(given: dict[str, str]) -> None:
    """The StackSet has SAM's template, parameters, and units, and its failures raise the alarm."""
    stack = Stack(TEMPLATE, **given)
    wanted = {
        label: properties
        for label, properties in normal(expected(stack, TEMPLATE)).items()
        if label.startswith(tuple(snake(name) for name in FOR_ORGANIZATION))
    }
    own = {snake(name) for name in (*SNS, "OrganizationId")}
    chosen = {name: value for name, value in variables(given).items() if name not in own}
    functions = {name: stack.outputs[camel] for name, camel in (
        ("function_role_arn", "FunctionRoleArn"), ("function_arn", "FunctionArn"))}  # fmt: skip
    module = Module(TERRAFORM / "organization", **{**chosen, "regions": set(chosen["regions"]), **functions})
    assert normal(resources(module)) == wanted
    (stack_set,) = module.resources["aws_cloudformation_stack_set", "organization_stack_set"]
    assert stack_set.argument("template_body") == regional_text()
    assert module.outputs["stack_set_failures_url"] == stack.outputs["StackSetFailuresUrl"]


def test_every_part_of_sam_is_in_a_module_or_in_the_list() -> None:
    """A new resource, parameter, or output of SAM must be added to a module or to the list of differences."""
    labels = {label for folder in ("hub", "organization") for _, label in _declared(folder)}
    for name in TEMPLATE["Resources"]:
        known = snake(name) in labels or name == "BusOrganizationPolicy"
        assert known != differences.left_out(name, differences.RESOURCES), name
    hub_variables = _module("hub").declared
    for name in TEMPLATE["Parameters"]:
        known = snake(name) in hub_variables
        left_out = differences.left_out(name, differences.PARAMETERS)
        modules = differences.ELSEWHERE.get(name, ())
        assert [known, left_out, bool(modules)].count(True) == 1, name
        for module in modules:
            assert snake(name) in _module(module).declared, name
    outputs = set(_module("hub").all_outputs)
    for name in TEMPLATE["Outputs"]:
        assert (snake(name) in outputs) != differences.left_out(name, differences.OUTPUTS), name
    regional = {snake(name) for name in REGIONAL["Parameters"]} | set(differences.VARIABLES["regional-rules"])
    assert _module("regional-rules").declared == regional
    parameters = {snake(name) for name in TEMPLATE["Parameters"]}
    assert hub_variables - parameters == set(differences.VARIABLES["hub"])


def test_the_list_of_differences_is_true_and_documented() -> None:
    """Each difference still exists in SAM, and terraform/README.md names it."""
    text = (TERRAFORM / "README.md").read_text()
    for section, prefixes in (
        ("Resources", differences.RESOURCES),
        ("Parameters", differences.PARAMETERS),
        ("Outputs", differences.OUTPUTS),
    ):
        for prefix in prefixes:
            assert any(name.startswith(prefix) for name in TEMPLATE[section]), prefix
            assert f"`{prefix}" in text, prefix
    for name in {*differences.ELSEWHERE, *LISTS}:
        assert f"`{snake(name)}`" in text, name
    for name in differences.VARIABLES["hub"]:
        assert f"`{name}`" in text, name


@cache
def _wanted(case: str) -> Any:
    return normal(expected(Stack(TEMPLATE, **CASES[case]), TEMPLATE))


def _module(folder: str) -> Module:
    required: dict[str, dict[str, Any]] = {
        "hub": {"layer_zip": "layer.zip", **variables(SNS)},
        "regional-rules": {"regions": {"eu-west-1"}, **variables(HUB, REGIONAL)},
        "organization": {"regions": {"eu-west-1"}, "organizational_units": ["r-abcd"]},
    }
    return Module(TERRAFORM / folder, **required[folder])


def _declared(folder: str) -> set[tuple[str, str]]:
    return set(_module(folder).resources)
