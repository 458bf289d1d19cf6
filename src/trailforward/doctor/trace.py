"""Trace: the path of one call, step by step, with the reason why each step passes, fails, or is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trailforward.doctor.delivery import reach
from trailforward.doctor.rules.data_resources import data_resources
from trailforward.doctor.rules.read_only import read_only
from trailforward.doctor.world.call import Call
from trailforward.doctor.world.data_events import category_of
from trailforward.doctor.world.event_classes import CLASSES
from trailforward.doctor.world.links import describe, read_arn, trail_link
from trailforward.doctor.world.regions import event_region
from trailforward.patterns.cloudtrail import spelled

if TYPE_CHECKING:
    from trailforward.doctor.delivery import Verdict
    from trailforward.doctor.world.world import World


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step of the path.

    Attributes:
        link: the place on the path.
        passes: True, False, or ``"unknown"``.
        what: a description of the place, with its state.
        why: why the step fails or is unknown; empty if it passes.
    """

    link: str
    passes: bool | Literal["unknown"]
    what: str
    why: str = ""


#: Other names of services to their names in ``eventSource``.
_SERVICES = {
    "cloudwatch": "monitoring",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "stepfunctions": "states",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
}
CATEGORIES = {
    "management": "Management",
    "data": "Data",
    "network": "NetworkActivity",
    "networkactivity": "NetworkActivity",
    "insight": "Insight",
}


@dataclass(frozen=True, slots=True)
class NamedCall:
    """A call that was given by its name.

    Attributes:
        calls: the call; or several, if it is not known whether it is read-only, or a data event.
        open: what is not known about it, for a sentence; empty if there is one call.
    """

    calls: tuple[Call, ...]
    open: str = ""


def named_call(
    world: World,
    name: str,
    account: str,
    region: str,
    *,
    category: str = "",
    reading: bool | None = None,
) -> NamedCall:
    """A call from its name, as CloudTrail records it.

    Args:
        world: the snapshot; a data event gets a resource that the trails select, if they select one.
        name: ``SERVICE:EVENT``; the service in any spelling: ``ec2``, ``EC2``, ``aws.ec2``,
            ``ec2.amazonaws.com``.
        account: the account ID.
        region: the endpoint Region of the caller.
        category: a value of ``eventCategory``; empty to look it up.
        reading: whether the call is read-only; None to look it up.

    Raises:
        ValueError: the name is not ``SERVICE:EVENT``.
    """
    service, _, verb = (part.strip() for part in name.partition(":"))
    if not service or not verb:
        raise ValueError(f"{name}: write the call as SERVICE:EVENT, such as iam:CreateUser")
    service = service.lower().removeprefix("aws.").removesuffix(".amazonaws.com")
    service = _SERVICES.get(service, service)
    verb = spelled(service, verb) or verb
    if verb.lower() == "consolelogin":
        return NamedCall((next(kind for kind in CLASSES if kind.name == "sign-in").call(account, region),))
    source = f"{service}.amazonaws.com"
    usual, known = category_of(source, verb), read_only(verb)
    categories = [category] if category else [usual] if usual else ["Management", "Data"]
    readings = [reading] if reading is not None else [True, False] if known is None else [known]
    calls = tuple(
        _with_resource(
            world,
            Call(
                account=account,
                region=region,
                service=source,
                event_name=verb,
                category=one,
                read_only=read,
                identity={"type": "IAMUser", "accountId": account},
            ),
        )
        for one in categories
        for read in readings
    )
    questions = ["is a data event (--category)"] * (len(categories) > 1)
    questions += ["is read-only (--read-only or --write)"] * (len(readings) > 1)
    return NamedCall(calls, " and ".join(questions))


def _with_resource(world: World, call: Call) -> Call:
    if call.category != "Data":
        return call
    return call.model_copy(update={"resources": data_resources(world.index, call, {})})


def trace_steps(world: World, call: Call, verdict: Verdict | None = None) -> tuple[TraceStep, ...]:
    """Follows a call to the destination, or to the link that breaks, and explains each step."""
    verdict = verdict or reach(world, call)
    doubts = {finding.at: finding.why for finding in verdict.doubts}
    region, _ = event_region(call)
    first = f"{call.name} is called in {call.region} of account {call.account}"
    first += f" and recorded in {region}" if region != call.region else ""
    steps = [TraceStep(call.link, passes=True, what=first)]
    for link in verdict.path:
        what = _describe(world, link)
        what += f" [{world.declared[link]}]" if link in world.declared else ""
        if verdict.reaches is False and link == verdict.at:
            steps.append(TraceStep(link, passes=False, what=what, why=verdict.why))
        elif link in doubts:
            steps.append(TraceStep(link, passes="unknown", what=what, why=doubts[link]))
        else:
            steps.append(TraceStep(link, passes=True, what=what))
    return tuple(steps)


def _describe(world: World, link: str) -> str:
    """A link in plain English, with its state in the world."""
    kind, _, rest = link.partition(":")
    place = describe(link)
    place = place[0].upper() + place[1:]
    if kind == "region":
        account, region = rest.split("/")
        return f"{place}: {world.accounts.get(account, {}).get(region, 'not listed')}"
    if kind == "trail":
        trail = next((item for item in world.trails if trail_link(item) == link), None)
        return f"{place}: {'logging' if trail and trail.logging else 'not logging'}"
    if kind == "rule":
        rule = next((r for r in world.rules if link == f"rule:{r.account}/{r.region}/{r.bus}/{r.name}"), None)
        return f"{place}: {rule.state}" if rule else place
    if kind == "target":
        arn = _target_arn(world, rest)
        return f"{place}: to {arn}" if read_arn(arn) else place
    return place


def _target_arn(world: World, rest: str) -> str:
    for rule in world.rules:
        prefix = f"{rule.account}/{rule.region}/{rule.bus}/{rule.name}/"
        for target in rule.targets:
            if prefix + target.id == rest:
                return target.arn
    return ""
