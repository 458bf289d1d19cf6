"""Loops: calls of the pipeline itself whose events would return to the pipeline.

For each of the pipeline's own roles and resources, the doctor checks the calls that they cause like any other
call, so event selectors, rule states and exclusions in patterns all count.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.delivery import reach
from trailforward.doctor.world.call import Call
from trailforward.doctor.world.links import read_arn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.arn import Arn
    from trailforward.doctor.delivery import Finding
    from trailforward.doctor.world.world import World

#: Service of an own resource to the data event of each delivery: its name, and the resource's type.
#: Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html
_DATA = {
    "sqs": ("SendMessage", "AWS::SQS::Queue"),
    "sns": ("Publish", "AWS::SNS::Topic"),
    "lambda": ("Invoke", "AWS::Lambda::Function"),
    "kinesis": ("PutRecords", "AWS::Kinesis::Stream"),
}
#: The caller, if a service makes the call.
_SERVICE = {"type": "AWSService", "invokedBy": "events.amazonaws.com"}


def find_loops(world: World) -> tuple[Finding, ...]:
    """One finding for each own role or resource that causes a loop, the most serious first."""
    found: dict[str, Finding] = {}
    for own, call in _own_calls(world):
        if own in found:
            continue
        verdict = reach(world, call)
        for finding in verdict.warnings:
            if finding.code == "LOOP_RISK" and verdict.reaches is not False:
                found[own] = finding
    return tuple(sorted(found.values(), key=lambda finding: finding.severity != "critical"))


def _own_calls(world: World) -> Iterator[tuple[str, Call]]:
    """Each own role or resource, with the calls that the pipeline makes necessarily."""
    roles = [(role, arn) for role in world.own.roles if (arn := read_arn(role))]
    for resource in world.own.resources:
        arn = read_arn(resource)
        if arn is not None and arn.service in _DATA:
            identities = [_role_session(role) for role, of in roles if of.account == arn.account]
            for identity in (_SERVICE, *identities):
                yield resource, _data_event(arn, identity)
    used = _role_regions(world)
    for role, arn in roles:
        for region in sorted(used.get(role, ())):
            yield role, _assume_role(role, arn.account, region)


def _role_regions(world: World) -> dict[str, set[str]]:
    """The Regions in which EventBridge assumes each role: those of the rules that use it."""
    used: dict[str, set[str]] = {}
    for rule in world.rules:
        for target in rule.targets:
            if target.role is not None:
                used.setdefault(target.role, set()).add(rule.region)
    return used


def _role_session(role: str) -> dict[str, Any]:
    return {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role}}}


def _data_event(arn: Arn, identity: dict[str, Any]) -> Call:
    name, kind = _DATA[arn.service]
    return Call(
        account=arn.account,
        region=arn.region,
        service=f"{arn.service}.amazonaws.com",
        event_name=name,
        read_only=False,
        category="Data",
        identity=identity,
        resources=[{"type": kind, "arn": str(arn)}],
    )


def _assume_role(role: str, account: str, region: str) -> Call:
    """EventBridge assumes a target's role: a read-only management event, every few minutes.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html
    """
    return Call(
        account=account,
        region=region,
        service="sts.amazonaws.com",
        event_name="AssumeRole",
        read_only=True,
        identity=_SERVICE,
        request_parameters={"roleArn": role},
        endpoint="regional",
    )
