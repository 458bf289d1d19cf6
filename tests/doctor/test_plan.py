"""Plans of Terraform and OpenTofu: the same World as from templates."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.doctor.plan_pairs import PAIRS, Pair
from tests.doctor.plans import plan, written
from tests.doctor.worlds import HERE, MEMBER
from trailforward.doctor import CLASSES, World, reach
from trailforward.doctor.plan import apply_plan, parse_plan
from trailforward.doctor.report import survey
from trailforward.doctor.template import apply_template, parse_template


def world_of(found: dict[str, Any], **options: Any) -> World:
    """The world with a plan applied, in the member's account."""
    return apply_plan(parse_plan(written(found)), account=MEMBER, **options).world


def items_of(world: World) -> dict[str, Any]:
    """What is in a world, by name; policies are compared by the verdicts."""
    return {
        "rules": {(one.region, one.bus, one.name): one.targets for one in world.rules},
        "resources": {
            (one.arn, one.fifo, len(one.subscriptions or ()), one.encryption and one.encryption.type)
            for one in world.resources
        },
        "roles": {one.arn for one in world.roles},
        "buses": {(one.region, one.name) for one in world.buses},
        "trails": {one.name: one.model_dump() for one in world.trails},
    }


def verdicts_of(world: World) -> dict[str, Any]:
    """The verdict on every class of events, and on every call of every rule."""
    ends = [target.arn for rule in world.rules for target in rule.targets if ":event-bus/" not in target.arn]
    ends += [str(each.endpoint) for one in world.resources for each in one.subscriptions or ()]  # type: ignore[union-attr]
    world = world.model_copy(update={"destinations": tuple(ends)})
    classes = {
        kind.name: (verdict.reaches, verdict.code)
        for kind in CLASSES
        for verdict in [reach(world, kind.call(MEMBER, HERE))]
    }
    found = survey(world, narrow_rules=True)
    rules = {
        (rule.name, call.call): (call.status, call.finding and call.finding.code)
        for rule in found.rules
        for call in rule.calls
    }
    return {"classes": classes, "rules": rules, "exit code": found.exit_code}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
def test_a_plan_and_a_template_of_the_same_stack_have_equal_verdicts(pair: Pair) -> None:
    """Whether a stack is written for CloudFormation or for Terraform, the doctor says the same about it."""
    template = parse_template(json.dumps({"Resources": pair.template}))
    by_template = apply_template(template, [(MEMBER, HERE)], {}).world
    by_plan = world_of(plan(pair.plan))
    if pair is not PAIRS["target that is not known"]:  # its reason differs
        assert items_of(by_plan) == items_of(by_template)
    assert verdicts_of(by_plan) == verdicts_of(by_template)
