"""The names that the templates derive from the stack's: within AWS's limits, and different for two stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sam import cfn
from tests.sam.cfn import ACCOUNT, Stack, load

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATES = {
    name: load(name)
    for name in (
        "template.yaml",
        "regional.yaml",
        "execution-role.yaml",
        "canary-role.yaml",
        "doctor-role.yaml",
        "audit.yaml",
    )
}
#: The longest name that the templates allow, and a Region with a long name.
LONGEST = "n" + "a" * 38 + "e"
REGION = "ap-southeast-2"
#: Type → (property with the name, most characters). Sources: the API references of the services.
LIMITS = {
    "AWS::CloudFormation::StackSet": ("StackSetName", 128),
    "AWS::CloudWatch::Alarm": ("AlarmName", 255),
    "AWS::CloudWatch::CompositeAlarm": ("AlarmName", 255),
    "AWS::CloudWatch::Dashboard": ("DashboardName", 255),
    "AWS::Events::EventBus": ("Name", 256),
    "AWS::Events::EventBusPolicy": ("StatementId", 64),
    "AWS::Events::Rule": ("Name", 64),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", 128),
    "AWS::IAM::Role": ("RoleName", 64),
    "AWS::Logs::DeliveryDestination": ("Name", 60),
    "AWS::Logs::DeliverySource": ("Name", 60),
    "AWS::Logs::LogGroup": ("LogGroupName", 512),
    "AWS::SQS::Queue": ("QueueName", 80),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", 80),
}
#: Not unique in an account and Region: it is the name of an alias of one function.
LOCAL = {"AWS::Lambda::Alias"}


def stacks(name: str, region: str, monkeypatch: pytest.MonkeyPatch, topology: str = "hub") -> Iterator[Stack]:
    """What a hub with all options deploys: the hub, its instance in a Region, another account's role."""
    monkeypatch.setitem(cfn.PSEUDO, "AWS::StackName", name)
    monkeypatch.setitem(cfn.PSEUDO, "AWS::Region", region)
    hub = Stack(
        TEMPLATES["template.yaml"],
        HttpUrl="https://siem.example.com/in",
        Topology=topology,
        Regions=f"{region},us-west-2",
        OrganizationId="o-a1b2c3d4e5",
        OrganizationalUnits="r-abcd",
        Accounts="123456789012",
        BusLogLevel="TRACE",
        DailyDoctor="enabled",
        DoctorAccounts="organization",
        Canary="true",
    )
    yield hub
    described = hub.properties("AccountStackSet")
    (group,) = described["StackInstancesGroup"]
    given = {
        p["ParameterKey"]: p["ParameterValue"] for p in described["Parameters"] + group["ParameterOverrides"]
    }
    yield Stack(TEMPLATES["regional.yaml"], **given)
    arn = hub.outputs["StackSetAdministrationRoleArn"]
    yield Stack(TEMPLATES["execution-role.yaml"], Name=name, HubRegion=region, AdministrationRoleArn=arn)
    reader = hub.outputs["DoctorRoleArn"]
    yield Stack(TEMPLATES["doctor-role.yaml"], Name=name, HubRegion=region, DoctorRoleArn=reader)
    arn = hub.outputs["CanaryRoleArn"]
    yield Stack(TEMPLATES["canary-role.yaml"], Name=name, HubRegion=region, CanaryRoleArn=arn)
    buckets = {"TrailBucket": "example-trail", "DeliveredBucket": "example-archive"}
    monkeypatch.setitem(cfn.PSEUDO, "AWS::StackName", f"{name}-audit")
    yield Stack(TEMPLATES["audit.yaml"], DailyAudit="enabled", **buckets)
    monkeypatch.setitem(cfn.PSEUDO, "AWS::StackName", name)


def names(stack: Stack) -> dict[tuple[str, str], str]:
    """(type, logical ID) → the name that the template gives."""
    found = {}
    for logical, resource in stack.resources.items():
        key = LIMITS.get(resource["Type"], ("", 0))[0]
        if key and key in resource["Properties"]:
            found[resource["Type"], logical] = resource["Properties"][key]
    return found


def test_every_name_fits_at_the_greatest_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack name of 40 characters works: no derived name is longer than its service allows."""
    met = set()
    for stack in stacks(LONGEST, REGION, monkeypatch):
        for (kind, logical), name in names(stack).items():
            assert len(name) <= LIMITS[kind][1], (logical, name)
            met.add(kind)
    assert met == set(LIMITS)


def test_no_resource_has_a_name_that_the_limits_do_not_know() -> None:
    """The test above looks at every property that names a resource."""
    for template in TEMPLATES:
        for logical, resource in TEMPLATES[template]["Resources"].items():
            named = {key for key in resource.get("Properties", {}) if key == "Name" or key.endswith("Name")}
            named -= {"FunctionName", "EventBusName", "ExecutionRoleName", "DeliverySourceName", "MetricName"}
            if resource["Type"] in LOCAL:
                continue
            assert named <= {LIMITS.get(resource["Type"], ("", 0))[0]}, logical


def test_a_longer_name_is_rejected() -> None:
    """The regional template rejects a longer name with a sentence, before it creates anything."""
    with pytest.raises(cfn.Refused, match="at most 40 characters"):
        Stack(TEMPLATES["regional.yaml"], HubAccount=ACCOUNT, HubRegion=REGION, Name=LONGEST + "x")


def test_two_hubs_side_by_side_share_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two stacks in one account and Region, with their rules and roles, have no name in common."""
    first, second = (
        {
            (kind, name)
            for stack in stacks(name, REGION, monkeypatch)
            for (kind, _), name in names(stack).items()
        }
        for name in ("trailforward", "trailforward-test")
    )
    assert len(first) == len(second) > 30
    assert first & second == set()


def test_the_regions_of_one_account_share_no_global_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """IAM roles, policies, and dashboards are global, so their names contain the Region."""
    of: list[set[tuple[str, str]]] = []
    for region in ("eu-west-1", "us-east-1"):
        found = [
            (kind, name)
            for stack in stacks("trailforward", region, monkeypatch)
            for (kind, _), name in names(stack).items()
            if kind.startswith("AWS::IAM") or kind.endswith("Dashboard")
        ]
        of.append(set(found))
    assert of[0]
    assert of[0] & of[1] == set()


@pytest.mark.parametrize("template", ["template.yaml", "regional.yaml"])
def test_what_outlives_the_stack_has_no_fixed_name(template: str) -> None:
    """A stack can be deleted and deployed again, or switched to another topology and back."""
    kept: list[Any] = [
        resource
        for resource in TEMPLATES[template]["Resources"].values()
        if "Retain" in resource.get("DeletionPolicy", "")
        or "Retain" in resource.get("UpdateReplacePolicy", "")
    ]
    assert all(not set(resource["Properties"]) & {"BucketName", "QueueName", "Name"} for resource in kept)
    assert len(kept) == (4 if template == "template.yaml" else 0)


def test_a_switch_to_collector_and_back_keeps_the_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hub and collector have the same queues, so no event and no dead letter is left behind."""

    def queues(topology: str) -> dict[str, Any]:
        stack = next(iter(stacks("trailforward", REGION, monkeypatch, topology)))
        return {
            name: resource["Properties"].get("QueueName")
            for name, resource in stack.resources.items()
            if resource["Type"] == "AWS::SQS::Queue"
        }

    assert queues("hub") == queues("collector")
