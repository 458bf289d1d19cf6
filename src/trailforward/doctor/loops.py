"""Loops: calls of the pipeline itself whose events would come back to it.

For every role and resource of its own the doctor asks what it asks of any call, so selectors, rule states and
exclusions in patterns all count.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.call import Call
from trailforward.doctor.delivery import reach
from trailforward.doctor.links import read_arn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.arn import Arn
    from trailforward.doctor.delivery import Finding
    from trailforward.doctor.world import World

#: Service of an own resource to the data event that each delivery causes: its name, and the resource's type.
#: Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html
_DATA = {
    "sqs": ("SendMessage", "AWS::SQS::Queue"),
    "sns": ("Publish", "AWS::SNS::Topic"),
    "lambda": ("Invoke", "AWS::Lambda::Function"),
    "kinesis": ("PutRecords", "AWS::Kinesis::Stream"),
}
#: Who does it: the service itself, or whoever holds one of the pipeline's roles.
_SERVICE = {"type": "AWSService", "invokedBy": "events.amazonaws.com"}


def find_loops(world: World) -> tuple[Finding, ...]:
    """What would feed itself, the most serious first; one finding for each role or resource."""
    found: dict[str, Finding] = {}
    for own, call in _own_calls(world):
        if own in found:
            continue
        answer = reach(world, call)
        for finding in answer.warnings:
            if finding.code == "LOOP_RISK" and answer.reaches is not False:
                found[own] = finding
    return tuple(sorted(found.values(), key=lambda finding: finding.severity != "critical"))


def _own_calls(world: World) -> Iterator[tuple[str, Call]]:
    """Each own role or resource, with the calls that the pipeline cannot but make."""
    roles = [(role, arn) for role in world.own.roles if (arn := read_arn(role))]
    for resource in world.own.resources:
        arn = read_arn(resource)
        if arn is not None and arn.service in _DATA:
            holders = [_holder(role) for role, of in roles if of.account == arn.account]
            for identity in (_SERVICE, *holders):
                yield resource, _data_event(arn, identity)
    used = _places_of_roles(world)
    for role, arn in roles:
        for region in sorted(used.get(role, ())):
            yield role, _taken(role, arn.account, region)


def _places_of_roles(world: World) -> dict[str, set[str]]:
    """The Regions in which EventBridge takes each role: those of the rules that name it."""
    used: dict[str, set[str]] = {}
    for rule in world.rules:
        for target in rule.targets:
            if target.role is not None:
                used.setdefault(target.role, set()).add(rule.region)
    return used


def _holder(role: str) -> dict[str, Any]:
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


def _taken(role: str, account: str, region: str) -> Call:
    """EventBridge takes a target's role: a read-only management event, every few minutes.

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
