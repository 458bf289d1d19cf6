"""The canary of the stack: what it may do, who knows it, and what it is given."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.sam.cfn import ACCOUNT, REGION, SAM, Stack, grants, load
from tests.support.canaries import canary
from trailforward import Config, Pattern
from trailforward.doctor.canary import policy
from trailforward.doctor.canary.places import Setup

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

TEMPLATE = load("template.yaml")
STREAM = f"arn:aws:kinesis:us-west-2:{ACCOUNT}:stream/events"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:oncall"
OWN = f"arn:aws:iam::{ACCOUNT}:role/trailforward-{REGION}-canary"
MEMBER = "arn:aws:iam::123456789012:role/trailforward-eu-west-1-canary"


def hub(**parameters: str) -> Stack:
    """A hub with the canary."""
    given = {"KinesisStreamArn": STREAM, "Topology": "hub", "Canary": "true"}
    return Stack(TEMPLATE, **given | parameters)


def written(stack: Stack) -> dict[str, Any]:
    """The policy of the canary's role."""
    (one,) = stack.properties("CanaryRole")["Policies"]
    document: dict[str, Any] = one["PolicyDocument"]
    return document


def setup(stack: Stack) -> Setup:
    """What the canary's function reads from its environment."""
    variables = stack.properties("CanaryFunction")["Environment"]["Variables"]
    return Setup.from_env({**variables, "AWS_REGION": REGION})


def test_the_canary_is_off_by_default() -> None:
    """Without Canary=true, nothing of it exists, and the forwarder knows no role of a canary."""
    stack = hub(Canary="false")
    assert [name for name in stack.present if name.startswith("Canary")] == []
    assert (
        Config.from_env(stack.properties("Forwarder")["Environment"]["Variables"]).pipeline.canary_roles == ()
    )


def test_the_role_may_do_what_the_command_prints() -> None:
    """The policies of the canary's roles are those that ``trailforward iam canary`` prints, no more."""
    stack = hub(AlarmTopicArn=TOPIC, CanaryRoleArns=MEMBER)
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/trailforward/trailforward-canary"
    parameters = f"arn:aws:ssm:*:{ACCOUNT}:parameter"
    assert grants(written(stack)) == grants(policy(parameters, [MEMBER], TOPIC, group))
    other = Stack(load("canary-role.yaml"), HubRegion=REGION, CanaryRoleArn=OWN)
    assert grants(written(other)) == grants(policy(parameters))


def test_only_the_canary_may_assume_the_role_of_another_account() -> None:
    """The role of another account trusts the hub's account for the canary's role, which has a fixed ARN."""
    assert hub().outputs["CanaryRoleArn"] == OWN
    other = Stack(load("canary-role.yaml"), HubRegion=REGION, CanaryRoleArn=OWN)
    (trust,) = other.properties("CanaryRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert trust["Condition"] == {"ArnEquals": {"aws:PrincipalArn": OWN}}


@pytest.mark.parametrize(
    ("parameters", "regions"),
    [
        ({}, (REGION,)),
        ({"Regions": "eu-west-1,us-east-1"}, ("eu-west-1", "us-east-1")),
        ({"Regions": "eu-west-1,us-east-1", "CanaryRegions": "us-east-1"}, ("us-east-1",)),
        ({"Topology": "regional"}, (REGION,)),
    ],
)
def test_the_canary_calls_where_rules_are(parameters: dict[str, str], regions: tuple[str, ...]) -> None:
    """The canary calls in CanaryRegions, or in Regions, or in the Region of the stack."""
    stack = hub(**parameters)
    assert setup(stack).regions == regions
    assert setup(stack).destination == stack.outputs["EventQueueArn"]
    assert setup(stack).service == "trailforward"
    assert stack.properties("CanaryPattern")["Regions"].split(",") == list(regions)


def test_the_forwarder_knows_the_roles() -> None:
    """The forwarder counts the canaries of exactly the roles with which the canary calls."""
    stack = hub(CanaryRoleArns=MEMBER)
    config = Config.from_env(stack.properties("Forwarder")["Environment"]["Variables"])
    assert config.pipeline.canary_roles == (OWN, MEMBER)
    assert set(setup(stack).accounts.values()) == {OWN, MEMBER}


def test_the_rules_admit_canaries() -> None:
    """The patterns of both rules match the canary's events; a pattern of yours is checked when you deploy."""
    stack = hub()
    regional = Stack(load("regional.yaml"), HubAccount=ACCOUNT, HubRegion=REGION)
    for rule in (stack, regional):
        pattern = Pattern(rule.properties("Rule")["EventPattern"])
        assert pattern.matches(canary(OWN, "us-east-1"))
        assert pattern.matches(canary(MEMBER, "ap-southeast-2"))
    checked = hub(EventPattern='{"source": ["aws.iam"]}')
    assert checked.properties("CanaryPattern")["EventPattern"] == '{"source": ["aws.iam"]}'
    # What is referenced in its metadata is created before the rule.
    assert checked.resources["Rule"]["Metadata"]["Canary"] == "trailforward-CanaryPattern"


def test_one_alarm_watches_the_canary() -> None:
    """The alarm counts missing events, the canary's errors, and failed invocations."""
    stack = hub(AlarmTopicArn=TOPIC)
    alarm = stack.properties("CanaryAlarm")
    assert alarm["AlarmActions"] == [TOPIC]
    watched = {m["MetricStat"]["Metric"]["MetricName"] for m in alarm["Metrics"] if "MetricStat" in m}
    assert watched == {"canary_missing", "canary_errors", "Errors"}
    assert f'alarm:{alarm["AlarmName"]}"' in stack.properties("Dashboard")["DashboardBody"]


def test_the_function_runs_with_the_packages_of_the_layer(tmp_path: Path) -> None:
    """The built function loads without the packages of the command line, which the layer does not have."""
    command = [
        "make",
        "--silent",
        f"--file={SAM / 'canary/Makefile'}",
        "build-CanaryFunction",
        f"ARTIFACTS_DIR={tmp_path}",
    ]
    subprocess.run(command, check=True, cwd=SAM.parent, capture_output=True)
    blocked = ["typer", "rich", "sigma", "moto", "cfnlint", "samtranslator", "yaml", "boto3", "hypothesis"]
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({blocked}))\n"
        "import app, trailforward\n"
        "from trailforward.doctor.canary import arrivals, calls, causes, notice, pattern_check\n"
        "from trailforward.doctor import load_codes\n"
        "assert load_codes()\n"
        "print(app.handler.__module__, trailforward.__file__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["trailforward.doctor.canary.run", f"{tmp_path}/trailforward/__init__.py"]
