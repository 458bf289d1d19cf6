"""The regional template in a StackSet: instances make rules in every Region of the local AWS (moto).

moto makes the instances of a set without looking at roles and organizations; ministack knows no sets.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.sam import cfn
from tests.sam.cfn import SAM, Stack, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCOUNT = "123456789012"
#: moto says what it leaves out: queue policies.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Tried to parse AWS"),
    pytest.mark.usefixtures("_moto"),
]
REGIONS = ["eu-west-1", "us-east-1", "us-east-2", "us-west-2", "eu-north-1", "ap-southeast-2"]


@pytest.fixture
def _moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def client(service: str, region: str = "eu-west-1") -> Any:
    """A client in a Region."""
    import boto3

    return boto3.client(service, region_name=region)


@pytest.mark.parametrize("topology", ["hub", "collector"])
def test_every_region_gets_its_rule(topology: str, tell: Callable[[str], None]) -> None:
    """The set that template.yaml describes makes a rule, a role and a dead-letter queue in each Region."""
    hub = Stack(
        load("template.yaml"),
        HttpUrl="https://siem.example.com/in",
        Topology=topology,
        Regions=",".join(REGIONS),
    )
    described = hub.properties("AccountStackSet")
    given = {p["ParameterKey"]: p["ParameterValue"] for p in described["Parameters"]} | {
        "HubAccount": ACCOUNT
    }
    create(described, given)
    for region in REGIONS:
        (rule,) = client("events", region).list_rules()["Rules"]
        (target,) = client("events", region).list_targets_by_rule(Rule=rule["Name"])["Targets"]
        tell(f"{region:15} {rule['Name']} {rule['State']} → {target['Arn']}")
        assert json.loads(rule["EventPattern"])["detail-type"] == [{"suffix": " via CloudTrail"}]
        where = (
            f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/trailforward"
            if topology == "hub"
            else f"arn:aws:sqs:{region}:{ACCOUNT}:trailforward-events"
        )
        assert target["Arn"] == where
        assert target["DeadLetterConfig"]["Arn"].startswith(f"arn:aws:sqs:{region}:")
        role = target["RoleArn"].rpartition("/")[2]
        assert client("iam").get_role(RoleName=role)["Role"]["Arn"] == target["RoleArn"]
    roles = client("iam").list_roles()["Roles"]
    assert len(roles) == len(REGIONS)


def create(described: dict[str, Any], given: dict[str, str]) -> None:
    """Creates a StackSet as the template describes it, with its instances."""
    (group,) = described["StackInstancesGroup"]
    # moto takes the overrides instead of the StackSet's parameters, not in addition to them.
    overrides = {p["ParameterKey"]: p["ParameterValue"] for p in group["ParameterOverrides"]}
    cloudformation = client("cloudformation")
    cloudformation.create_stack_set(
        StackSetName=described["StackSetName"],
        TemplateBody=(SAM / "regional.yaml").read_text(),
        Capabilities=described["Capabilities"],
        PermissionModel=described["PermissionModel"],
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in (given | overrides).items()
        ],
    )
    cloudformation.create_stack_instances(
        StackSetName=described["StackSetName"], Accounts=[ACCOUNT], Regions=group["Regions"]
    )


def test_two_hubs_have_rules_side_by_side(
    monkeypatch: pytest.MonkeyPatch, tell: Callable[[str], None]
) -> None:
    """In each Region, the rules, roles, and queues of two hubs exist side by side; each rule has its bus."""
    names = ("trailforward", "trailforward-of-the-team-for-experiments")
    for name in names:
        monkeypatch.setitem(cfn.PSEUDO, "AWS::StackName", name)
        hub = Stack(
            load("template.yaml"),
            HttpUrl="https://siem.example.com/in",
            Topology="hub",
            Regions=",".join(REGIONS),
        )
        described = hub.properties("AccountStackSet")
        given = {p["ParameterKey"]: p["ParameterValue"] for p in described["Parameters"]}
        create(described, given | {"HubAccount": ACCOUNT})
    for region in REGIONS:
        events = client("events", region)
        rules = sorted(rule["Name"] for rule in events.list_rules()["Rules"])
        assert rules == sorted(f"{name}-regional" for name in names)
        targets = [target for rule in rules for target in events.list_targets_by_rule(Rule=rule)["Targets"]]
        for key in ("Arn", "RoleArn"):
            assert len({target[key] for target in targets}) == len(names)
        assert len(client("sqs", region).list_queues()["QueueUrls"]) == len(names)
    roles = {role["RoleName"] for role in client("iam").list_roles()["Roles"]}
    tell(f"{len(roles)} roles of two hubs in {len(REGIONS)} Regions")
    assert roles == {f"{name}-{region}-rule" for name in names for region in REGIONS}


def test_a_region_more_is_one_parameter() -> None:
    """Another Region in the list makes another instance, and leaves the others alone."""
    cloudformation = client("cloudformation")
    cloudformation.create_stack_set(
        StackSetName="trailforward-accounts",
        TemplateBody=(SAM / "regional.yaml").read_text(),
        Parameters=[
            {"ParameterKey": "HubAccount", "ParameterValue": ACCOUNT},
            {"ParameterKey": "HubRegion", "ParameterValue": "eu-west-1"},
        ],
    )
    for region in ("eu-west-1", "us-east-1"):
        cloudformation.create_stack_instances(
            StackSetName="trailforward-accounts", Accounts=[ACCOUNT], Regions=[region]
        )
    for region in ("eu-west-1", "us-east-1"):
        assert len(client("events", region).list_rules()["Rules"]) == 1
    assert client("events", "us-west-2").list_rules()["Rules"] == []
