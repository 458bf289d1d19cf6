"""Plans of Terraform and OpenTofu: the same World as from templates."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import DataObject, SearchStrategy, data, integers, sampled_from

from tests.doctor.plan_pairs import PAIRS, Pair
from tests.doctor.plans import plan, written
from tests.doctor.worlds import HERE, MEMBER
from trailforward.doctor import CLASSES, World, reach
from trailforward.doctor.plan import apply_plan, parse_plan
from trailforward.doctor.report import survey
from trailforward.doctor.template import TemplateError, apply_template, parse_template


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


def reached(world: World) -> dict[str, Any]:
    """Whether an event of each class arrives."""
    return {kind.name: reach(world, kind.call(MEMBER, HERE)).reaches for kind in CLASSES}


@cache
def whole(name: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The destinations and the verdicts of a pair's plan."""
    world = world_of(plan(PAIRS[name].plan))
    ends = [target.arn for rule in world.rules for target in rule.targets if ":event-bus/" not in target.arn]
    ends += [str(each.endpoint) for one in world.resources for each in one.subscriptions or ()]  # type: ignore[union-attr]
    return tuple(ends), reached(world.model_copy(update={"destinations": tuple(ends)}))


def forget(found: dict[str, Any], change: dict[str, Any], attribute: str, way: str) -> None:
    """Makes an attribute of a resource unknown."""
    what = change["change"]
    if way == "sensitive":
        what["after_sensitive"][attribute] = True
        return
    for item in found["planned_values"]["root_module"]["resources"]:
        if item["address"] == change["address"]:
            item["values"].pop(attribute, None)
    what["after"].pop(attribute, None)
    for item in found["configuration"]["root_module"]["resources"]:
        if item["address"] == change["address"]:
            item["expressions"][attribute] = {"references": ["local.x"]}
    if way == "absent":
        what.pop("after_unknown", None)
    elif "after_unknown" in what:
        what["after_unknown"][attribute] = True


def marked(marks: Any, path: list[Any]) -> Any:
    """Marks of what is unknown, with one more at a path."""
    if not path or marks is True:
        return True
    step, *rest = path
    if isinstance(step, str):
        found = dict(marks or {})
        return {**found, step: marked(found.get(step), rest)}
    listed = [*(marks or []), *[False] * (step + 1 - len(marks or []))]
    return [*listed[:step], marked(listed[step], rest), *listed[step + 1 :]]


def forget_inside(found: dict[str, Any], change: dict[str, Any], path: list[Any]) -> None:
    """Makes a part of an attribute unknown."""
    what = change["change"]
    what["after_unknown"] = marked(what.get("after_unknown"), path)
    items = found["planned_values"]["root_module"]["resources"]
    for values in (what["after"], *(one["values"] for one in items if one["address"] == change["address"])):
        node = values
        for step in path[:-1]:
            node = node[step]
        if isinstance(path[-1], str):
            node.pop(path[-1], None)
        else:
            node[path[-1]] = None
    for item in found["configuration"]["root_module"]["resources"]:
        if item["address"] == change["address"]:
            item["expressions"][path[0]] = {"references": ["local.x"]}


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data())
def test_a_value_that_is_not_known_never_changes_a_verdict_into_its_opposite(drawn: DataObject) -> None:
    """If values of a plan are unknown, sensitive, or absent, a verdict stays as it is or becomes unknown."""
    name = drawn.draw(sampled_from(list(PAIRS)))
    ends, before = whole(name)
    found = json.loads(json.dumps(plan(PAIRS[name].plan)))
    for _ in range(drawn.draw(integers(1, 3))):
        change = drawn.draw(sampled_from(found["resource_changes"]))
        if attributes := list(change["change"]["after"]):
            way = drawn.draw(sampled_from(["unknown", "sensitive", "absent", "inside"]))
            path: list[Any] = [drawn.draw(sampled_from(attributes))]
            node = change["change"]["after"][path[0]]
            while isinstance(node, (dict, list)) and node:
                path.append(
                    drawn.draw(sampled_from(list(node) if isinstance(node, dict) else range(len(node))))
                )
                node = node[path[-1]]
            if way == "inside" and len(path) > 1:
                forget_inside(found, change, path)
            else:
                forget(found, change, path[0], way)
    after = reached(world_of(found).model_copy(update={"destinations": ends}))
    assert {kind: now for kind, now in after.items() if now not in {before[kind], "unknown"}} == {}


ODD: SearchStrategy[Any] = sampled_from(
    [None, 1, -1, "", "x", [], {}, [{}], [None], True, {"references": ["a"]}, [["x"]], "a[", "module."]
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(data())
def test_mutated_plans_end_in_a_report_or_one_sentence(drawn: DataObject) -> None:
    """Whatever is removed or replaced in a plan, reading it ends in a world or in one sentence."""
    found: Any = json.loads(json.dumps(plan(PAIRS[drawn.draw(sampled_from(list(PAIRS)))].plan)))
    for _ in range(drawn.draw(integers(1, 4))):
        node = found
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = drawn.draw(sampled_from(keys))
            if isinstance(node[key], (dict, list)) and drawn.draw(integers(0, 5)):
                node = node[key]
                continue
            if drawn.draw(integers(0, 1)) and isinstance(node, dict):
                del node[key]
            else:
                node[key] = json.loads(json.dumps(drawn.draw(ODD)))
            break
    sentence = ""
    try:
        reached(world_of(found))
    except TemplateError as error:
        sentence = str(error)
    assert "\n" not in sentence
