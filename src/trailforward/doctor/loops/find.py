"""Find: follows the pipeline's own calls, and reports those whose events return to it.

For each of the pipeline's own roles and resources, the doctor follows the calls that they cause like any
other call, so event selectors, rule states and exclusions in patterns all count.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trailforward.doctor.delivery import reach
from trailforward.doctor.delivery.path_warnings import MAY_RETURN, RETURNS
from trailforward.doctor.loops.calls import loop_calls
from trailforward.doctor.loops.trails import trail_loops
from trailforward.doctor.world.resources import Own

if TYPE_CHECKING:
    from trailforward.doctor.delivery import Finding
    from trailforward.doctor.world.world import World

_SEVERITIES = ("critical", "warn", "info")


def find_loops(world: World) -> tuple[Finding, ...]:
    """One finding for each own role or resource that causes a loop, and for each trail that records itself.

    The most serious come first. A loop that is not certain says "may": a trail, a selector, or a rule was not
    read, or it is not documented that the call is recorded.
    """
    world = _with_own(world)
    found: dict[str, Finding] = {}
    recorded: dict[str, bool] = {}
    for own, call, certain in loop_calls(world):
        if own in found and _rank(found[own]) == (0, 0):
            continue
        if call.category == "Data":
            if call.account not in recorded:
                recorded[call.account] = _may_record_data(world, call.account)
            if not recorded[call.account]:
                continue
        verdict = reach(world, call)
        if verdict.reaches is False:
            continue
        for finding in verdict.warnings:
            if finding.code != "LOOP_RISK":
                continue
            loop = finding if certain else _uncertain(finding)
            if own not in found or _rank(loop) < _rank(found[own]):
                found[own] = loop
    return tuple(sorted([*found.values(), *trail_loops(world)], key=_rank))


def _with_own(world: World) -> World:
    """The world with what belongs to the pipeline: as the snapshot says, or what leads to a destination."""
    if world.own.roles or world.own.resources:
        return world
    targets = [(rule, target) for rule in world.rules for target in rule.targets]
    roles = {role for rule, target in targets if (role := target.role or rule.role)}
    resources = {*world.destinations, *(target.dlq for _, target in targets if target.dlq)}
    own = Own(roles=tuple(sorted(roles)), resources=tuple(sorted(resources)))
    return world.model_copy(update={"own": own})


def _may_record_data(world: World, account: str) -> bool:
    """Whether any trail may record data events of an account. Most trails do not, which saves most work."""
    if world.index.any_unseen("trails"):
        return True
    trails = world.index.trails(account)
    return any(trail.selectors is not None or "selectors" in trail.unread for trail in trails)


def _uncertain(finding: Finding) -> Finding:
    return replace(finding, why=finding.why.replace(RETURNS, MAY_RETURN), evidence="uncertain")


def _rank(finding: Finding) -> tuple[int, int]:
    """Serious and certain loops come first."""
    return _SEVERITIES.index(finding.severity), int(MAY_RETURN in finding.why)
