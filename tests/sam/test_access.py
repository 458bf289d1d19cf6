"""Who may create, assume, and use what the templates create."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Any

import pytest

from tests.sam.cfn import ACCOUNT, REGION, Stack, listed, load

TEMPLATES = {name: load(name) for name in ("template.yaml", "regional.yaml", "execution-role.yaml")}
OTHER = "123456789012"
ADMIN = f"arn:aws:iam::{ACCOUNT}:role/trailforward-{REGION}-admin"
BOUNDARY = "arn:aws:iam::{}:policy/team/limit"


def hub(**parameters: str) -> Stack:
    """A hub with rules in two Regions."""
    return Stack(
        TEMPLATES["template.yaml"],
        **{"HttpUrl": "https://siem.example.com/in", "Topology": "hub", "Regions": "eu-west-1,us-east-1"}
        | parameters,
    )


def execution(**parameters: str) -> Stack:
    """The role of another account."""
    return Stack(
        TEMPLATES["execution-role.yaml"], HubRegion=REGION, AdministrationRoleArn=ADMIN, **parameters
    )


def instance(stack: Stack, stack_set: str) -> Stack:
    """The regional stack that a StackSet creates."""
    described = stack.properties(stack_set)
    (group,) = described["StackInstancesGroup"]
    pairs = [*described["Parameters"], *group.get("ParameterOverrides", [])]
    return Stack(TEMPLATES["regional.yaml"], **{p["ParameterKey"]: p["ParameterValue"] for p in pairs})


def by_sid(stack: Stack) -> dict[str, Any]:
    """The statements of the execution role's policy."""
    (policy,) = stack.properties("StackSetExecutionRole")["Policies"]
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


def test_redeploying_the_hub_keeps_the_trust() -> None:
    """Accounts trust the hub's account for a role with a fixed ARN; a principal would become an ID."""
    stack = hub()
    assert stack.outputs["StackSetAdministrationRoleArn"] == ADMIN
    for template in (stack, execution()):
        (trust,) = template.properties("StackSetExecutionRole")["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        assert trust["Condition"] == {"ArnEquals": {"aws:PrincipalArn": ADMIN}}


@pytest.mark.parametrize("own", ["", BOUNDARY.format(ACCOUNT)])
def test_roles_that_it_creates_have_the_boundary(own: str) -> None:
    """The execution role can create only roles with the boundary, which its StackSet's instances have."""
    stack = hub(PermissionsBoundary=own)
    created = by_sid(stack)["RoleWithBoundary"]
    (required,) = created["Condition"]["StringEquals"].values()
    role = instance(stack, "AccountStackSet").properties("RuleRole")
    assert role["PermissionsBoundary"] == required
    assert required == (own or f"arn:aws:iam::{ACCOUNT}:policy/trailforward-{REGION}-boundary")
    assert fnmatch(f"role/{role['RoleName']}", created["Resource"].rpartition(":")[2])
    # Nothing else in the policy gives a role permissions or takes its boundary away.
    others = {a for sid, s in by_sid(stack).items() if sid != "RoleWithBoundary" for a in listed(s["Action"])}
    assert not others & {
        *("iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"),
        *("iam:DeleteRolePermissionsBoundary", "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"),
    }


@pytest.mark.parametrize("topology", ["hub", "collector"])
def test_the_boundary_allows_what_a_rule_does(topology: str) -> None:
    """The boundary allows the one call that the role's own policy allows, in each topology."""
    stack = hub(Topology=topology)
    (policy,) = instance(stack, "AccountStackSet").properties("RuleRole")["Policies"]
    (needed,) = policy["PolicyDocument"]["Statement"]
    for template in (stack, execution()):
        allowed = template.properties("RuleBoundary")["PolicyDocument"]["Statement"]
        assert [s["Action"] for s in allowed] == ["events:PutEvents", "sqs:SendMessage"]
        assert [
            s
            for s in allowed
            if s["Action"] == needed["Action"] and fnmatch(needed["Resource"], s["Resource"])
        ]


def test_the_other_accounts_boundary_is_the_hubs() -> None:
    """execution-role.yaml and the hub create the same policy, under the name that the StackSet passes."""
    mine, other = hub().properties("RuleBoundary"), execution().properties("RuleBoundary")
    assert mine == other


def test_an_organization_uses_its_own_boundary_or_none() -> None:
    """Accounts of an organization have only a boundary that the organization gave them, by path and name."""
    units = {"OrganizationId": "o-a1b2c3d4e5", "OrganizationalUnits": "r-abcd"}
    assert "PermissionsBoundary" not in instance(hub(**units), "OrganizationStackSet").properties("RuleRole")
    given = hub(**units, PermissionsBoundary=BOUNDARY.format(ACCOUNT))
    role = instance(given, "OrganizationStackSet").properties("RuleRole")
    assert role["PermissionsBoundary"] == BOUNDARY.format(ACCOUNT)
    assert "RuleBoundary" not in given.present
    assert "RuleBoundary" not in execution(PermissionsBoundary=BOUNDARY.format(OTHER)).present


def test_a_required_boundary_is_on_every_role() -> None:
    """Where an organization requires a boundary, all roles of all templates have it."""
    stacks = [
        hub(PermissionsBoundary=BOUNDARY.format(ACCOUNT)),
        execution(PermissionsBoundary=BOUNDARY.format(ACCOUNT)),
        instance(hub(PermissionsBoundary=BOUNDARY.format(ACCOUNT)), "AccountStackSet"),
    ]
    roles = [r for stack in stacks for r in stack.resources.values() if r["Type"] == "AWS::IAM::Role"]
    assert len(roles) == 5
    assert {r["Properties"]["PermissionsBoundary"] for r in roles} == {BOUNDARY.format(ACCOUNT)}


@pytest.mark.parametrize("before", [0, 1, 29])
def test_the_own_account_among_accounts_is_harmless(before: int) -> None:
    """This account may be listed: CloudFormation, which rejects duplicates, gets it once."""
    accounts = [*(f"{number:012}" for number in range(before)), ACCOUNT]
    stack = hub(Accounts=",".join(accounts))
    (group,) = stack.properties("AccountStackSet")["StackInstancesGroup"]
    assert group["DeploymentTargets"]["Accounts"] == accounts
    assert stack.properties("BusPolicy")["Statement"]["Principal"] == {"AWS": accounts}
    (group,) = hub(Accounts=OTHER).properties("AccountStackSet")["StackInstancesGroup"]
    assert group["DeploymentTargets"]["Accounts"] == [ACCOUNT, OTHER]


def test_policies_come_before_the_rule() -> None:
    """The queues admit the rule before it exists, so the first deployment raises no alarm."""
    for topology, arn in (("hub", "trailforward/trailforward"), ("regional", "trailforward")):
        stack = hub(Topology=topology, Regions="us-east-1" if topology == "hub" else "")
        assert stack.resources["Rule"]["DependsOn"] == ["EventQueuePolicy", "RuleDeadLettersPolicy"]
        for name in ("EventQueuePolicy", "RuleDeadLettersPolicy"):
            statement = stack.properties(name)["PolicyDocument"]["Statement"][0]
            written = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
            # The policy cannot refer to the rule, so the text must be the rule's ARN.
            assert written == stack.resolve({"Fn::GetAtt": ["Rule", "Arn"]})
            assert written.endswith(f":rule/{arn}")


def test_failed_instances_of_the_stack_sets_raise_an_alarm() -> None:
    """CloudFormation's event about a failed instance of our StackSets gets into a queue with an alarm."""
    from trailforward import Pattern

    stack = hub(OrganizationId="o-a1b2c3d4e5", OrganizationalUnits="r-abcd")
    rule = stack.properties("StackSetFailuresRule")
    pattern = Pattern(rule["EventPattern"])

    def event(name: str, status: str, account: str = ACCOUNT) -> dict[str, Any]:
        arn = (
            f"arn:aws:cloudformation:{REGION}:{account}:stackset/{name}:18a8dc18-8a7b-4b3e-9d2b-1d0c7ab0c0de"
        )
        details = {"status": "OUTDATED", "status-reason": "…", "detailed-status": status}
        return {
            "source": "aws.cloudformation",
            "detail-type": "CloudFormation StackSet StackInstance Status Change",
            "detail": {"stack-set-arn": arn, "stack-id": "…", "status-details": details},
        }

    assert pattern.matches(event("trailforward-accounts", "FAILED"))
    assert pattern.matches(event("trailforward-organization", "CANCELLED"))
    # The StackSets of a delegated administrator belong to the management account.
    assert pattern.matches(event("trailforward-organization", "INOPERABLE", OTHER))
    assert not pattern.matches(event("trailforward-accounts", "SUCCEEDED"))
    assert not pattern.matches(event("trailforward-accounts", "RUNNING"))
    assert not pattern.matches(event("trailforward-test-accounts", "FAILED"))
    (target,) = rule["Targets"]
    queue = stack.resolve({"Fn::GetAtt": ["StackSetFailures", "QueueName"]})
    assert target["Arn"].endswith(f":{queue}")
    alarm = stack.properties("StackSetFailuresAlarm")
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": queue}]
    assert "list-stack-instances" in stack.outputs["FailedInstances"]


def test_the_bus_logs_at_the_chosen_level() -> None:
    """Each type of log has a delivery, because the level alone writes nothing; events are not logged."""
    for level, types in (("ERROR", 1), ("INFO", 2), ("TRACE", 3)):
        stack = hub(BusLogLevel=level)
        assert stack.properties("Bus")["LogConfig"] == {"Level": level, "IncludeDetail": "NONE"}
        kinds = [resource["Type"] for resource in stack.resources.values()]
        assert kinds.count("AWS::Logs::DeliverySource") == kinds.count("AWS::Logs::Delivery") == types
    assert "LogConfig" not in hub().properties("Bus")
    assert "BusLogGroup" not in hub().present


def test_tags_of_the_stack_reach_every_region() -> None:
    """``sam deploy --tags`` tags what the StackSets create; the execution role may tag each type of it."""
    allowed = {action for statement in by_sid(hub()).values() for action in listed(statement["Action"])}
    tagging = {
        "AWS::Events::Rule": {"events:TagResource", "events:UntagResource"},
        "AWS::SQS::Queue": {"sqs:TagQueue", "sqs:UntagQueue"},
        "AWS::CloudWatch::Alarm": {"cloudwatch:TagResource", "cloudwatch:UntagResource"},
        "AWS::IAM::Role": {"iam:TagRole", "iam:UntagRole"},
        "AWS::SQS::QueuePolicy": set(),
    }
    types = {resource["Type"] for resource in instance(hub(), "AccountStackSet").resources.values()}
    assert types == set(tagging)
    assert set().union(*tagging.values()) <= allowed
