"""Trace: the path of one call, step by step, with the reason why each step passes, fails, or is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trailforward.doctor.delivery import reach
from trailforward.doctor.world.links import describe, read_arn, trail_link
from trailforward.doctor.world.regions import event_region

if TYPE_CHECKING:
    from trailforward.doctor.delivery import Verdict
    from trailforward.doctor.world.call import Call
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
