"""The modules refuse what the SAM stack refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sam import cfn
from tests.support.depth import examples
from tests.terraform import module
from tests.terraform.convert import snake
from tests.terraform.module import TERRAFORM, Module
from tests.terraform.stack import REGIONAL, TEMPLATE, variables
from tests.terraform.test_comparison import CASES, HUB, ORGANIZATION, SNS

HUB_MODULE = Module(TERRAFORM / "hub", layer_zip="layer.zip", **variables(SNS))
REGIONAL_MODULE = Module(TERRAFORM / "regional-rules", regions={"eu-west-1"}, **variables(HUB, REGIONAL))
# The text of a configuration cannot be cut on the way to Terraform, so the module does not look for that.
NAMES = [
    name for name in TEMPLATE["Parameters"] if snake(name) in HUB_MODULE.declared and name != "Configuration"
]
# With these, no rule about two parameters is broken by any third one that has an allowed value.
BASE = {**SNS, "Topology": "hub"}
NEEDS = {
    "ConfigurationParameter": {"SnsTopicArn": ""},
    "HttpSecretArn": {"HttpUrl": "https://siem.example.com"},
    "SubnetIds": {"SecurityGroupIds": "sg-0123abcd"},
    "SecurityGroupIds": {"SubnetIds": "subnet-0123abcd"},
}
KMS = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd"
SAMPLES = sorted(
    {value for case in [*CASES.values(), ORGANIZATION] for value in case.values()}
    | {
        "",
        "x",
        "0",
        "1",
        "2",
        "29",
        "30",
        "90",
        "901",
        "3009",
        "99999999",
        "1.5",
        "1-20",
        "2-2001",
        "200-2000",
    }
    | {
        "/trail\n",
        "o-a1b2c3d4e5\n",
        "o-a1b2c3d4e",
        "a" * 41,
        "a" * 20,
        "a" * 21,
        "a" * 2049,
        "1a",
        "a/b/c",
        "a/b/",
    }
    | {"sg-0123abcd,sg-0123abcx", "111122223333,111122223333", "11112222333", "subnet-0123abcg", "a.b"}
    | {"http://siem.example.com", "https://user@siem.example.com/", "https://siem.example.com/?token=a"}
    | {
        "arn:aws:sns:eu-west-1:111122223333:alarms.fifo",
        "arn:aws:sqs:eu-west-1:111122223333:alarms.fifo",
        "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/a",
        f"{KMS},{KMS}a",
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:siem",
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
        "arn:aws:lambda:eu-west-1:111122223333:function:f:live",
        "arn:aws:lambda:eu-west-1:111122223333:function:f",
        "arn:aws:iam::111122223333:role/r",
        "eu-west-1",
        "111122223333",
    }
)


def _sam(template: dict[str, Any], values: dict[str, str]) -> bool:
    # Parameters and rules only, which decide.
    decides = {"Parameters": template["Parameters"], "Rules": template.get("Rules", {}), "Resources": {}}
    try:
        cfn.Stack(decides, **values)
    except (cfn.Refused, ValueError):  # a text instead of a number
        return False
    return True


def _terraform(own: Module, template: dict[str, Any], values: dict[str, str]) -> bool:
    try:
        own.check(variables(values, template))
    except (module.Refused, ValueError):
        return False
    return True


def _compare(own: Module, template: dict[str, Any], values: dict[str, str]) -> None:
    for name, value in values.items():
        if template["Parameters"][name].get("AllowedValues") == ["true", "false"] and value not in {
            "true",
            "false",
        }:
            return  # Terraform itself refuses it
        if template["Parameters"][name]["Type"] == "Number" and "." in value:
            assert not _terraform(own, template, values)  # SAM leaves this to the service
            return
    assert _terraform(own, template, values) == _sam(template, values), values


@pytest.mark.parametrize("name", NAMES)
def test_each_variable_accepts_what_sam_accepts(name: str) -> None:
    """The validation of a variable of the hub accepts and refuses the same values as SAM's parameter."""
    for value in SAMPLES:
        _compare(HUB_MODULE, TEMPLATE, {**BASE, **NEEDS.get(name, {}), name: value})


@pytest.mark.parametrize("name", REGIONAL["Parameters"])
def test_each_variable_of_the_regional_rules_accepts_what_sam_accepts(name: str) -> None:
    """The validation of a variable of regional-rules accepts and refuses what sam/regional.yaml does."""
    for value in SAMPLES:
        _compare(REGIONAL_MODULE, REGIONAL, {**HUB, name: value})


CHOICES = {
    "Topology": ["hub", "collector", "regional"],
    "SnsTopicArn": ["", SNS["SnsTopicArn"]],
    "HttpUrl": ["", "https://siem.example.com"],
    "HttpSecretArn": ["", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:siem-AbCdEf"],
    "Configuration": ["", '[sinks.a]\nto = "file:b"'],
    "ConfigurationParameter": ["", "/a"],
    "SubnetIds": ["", "subnet-0123abcd"],
    "SecurityGroupIds": ["", "sg-0123abcd"],
    "OrganizationId": ["", "o-a1b2c3d4e5"],
    "Accounts": ["", "123456789012"],
    "CustomerKey": ["true", "false"],
}


@settings(max_examples=examples(300))
@given(st.fixed_dictionaries({name: st.sampled_from(values) for name, values in CHOICES.items()}))
def test_combinations_are_refused_as_by_sam(values: dict[str, str]) -> None:
    """The rules about several parameters are those of SAM, for every combination."""
    _compare(HUB_MODULE, TEMPLATE, values)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"regions": {"eu-west-1", "x"}}, "regions must be"),
        ({"regions": set()}, "regions must not be empty"),
        ({"organizational_units": []}, "organizational_units must not be empty"),
        ({"organizational_units": ["abcd"]}, "organizational_units must be"),
        ({"stack_set_call_as": "ME"}, "stack_set_call_as must be"),
        ({"permissions_boundary": "boundary"}, "permissions_boundary must be"),
        ({"alarm_topic_arn": "alarms"}, "alarm_topic_arn must be"),
        ({"regional_alarm_topic_name": "arn:x"}, "regional_alarm_topic_name must be"),
    ],
)
def test_the_organization_refuses_what_sam_refuses(changed: dict[str, Any], message: str) -> None:
    """A wrong value, such as an empty set of Regions, is named before anything is created."""
    good: dict[str, Any] = {"regions": {"eu-west-1"}, "organizational_units": ["r-abcd"]}
    Module(TERRAFORM / "organization", **good)
    with pytest.raises(module.Refused, match=message):
        Module(TERRAFORM / "organization", **{**good, **changed})
