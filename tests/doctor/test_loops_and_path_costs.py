from __future__ import annotations

from typing import Any

import pytest

from tests.doctor.worlds import (
    HERE,
    HOME,
    HUB,
    HUB_QUEUE,
    LONG,
    MEMBER,
    QUEUE,
    ROLE,
    direct,
    hub,
    resource,
    role,
    rule,
    trail,
)
from trailforward.doctor import World
from trailforward.doctor.loops import find_loops
from trailforward.doctor.path_costs import path_costs, prices_as_of

SQS_DATA = {
    "basic": [
        {
            "DataResources": [{"Type": "AWS::SQS::Queue", "Values": ["arn:aws:sqs"]}],
            "IncludeManagementEvents": True,
        }
    ]
}
ANY = {"source": [{"prefix": "aws."}]}


def loops(world: dict[str, Any]) -> list[tuple[str, str]]:
    """Severity and call of every loop."""
    return [(finding.severity, finding.at) for finding in find_loops(World.model_validate(world))]


def bill(world: dict[str, Any]) -> list[tuple[float, float, tuple[tuple[str, str], ...]]]:
    """Lowest price, highest price, and places."""
    return [(cost.low, cost.high, cost.places) for cost in path_costs(World.model_validate(world))]


def test_data_events_of_the_own_queue_are_critical() -> None:
    """If a trail logs data events of the pipeline's queue, every event causes another."""
    world = direct(trails=[trail(selectors=SQS_DATA)], own={"resources": [QUEUE]})
    assert loops(world) == [("critical", "call:sqs.amazonaws.com/SendMessage")]


@pytest.mark.parametrize(
    "change",
    [
        {"trails": [trail()]},  # management events only
        {"own": {}, "destinations": [QUEUE.replace(":in", ":other")]},
        {"own": {"resources": ["no ARN", f"arn:aws:firehose:{HERE}:{MEMBER}:deliverystream/x"]}},
        {"rules": [rule(pattern={**ANY, "detail": {"eventCategory": ["Management"]}})]},
    ],
)
def test_no_loop(change: dict[str, Any]) -> None:
    """There is no loop without data events, with other resources, or if the pattern excludes the calls."""
    world = direct(**{"trails": [trail(selectors=SQS_DATA)], "own": {"resources": [QUEUE]}, **change})
    assert loops(world) == []


def test_the_long_state_without_exclusion_is_a_warning() -> None:
    """With all management events, EventBridge assuming the pipeline's role is a loop; otherwise it is not."""
    own = {"roles": [ROLE, "no ARN"]}
    assert loops(hub(own=own)) == []
    rules = [{**one, "state": LONG} for one in hub()["rules"]]
    assert loops(hub(own=own, rules=rules)) == [("warn", "call:sts.amazonaws.com/AssumeRole")]


def test_an_exclusion_in_the_pattern_prevents_the_loop() -> None:
    """A pattern that excludes the pipeline's role is safe in the long state."""
    without = {"detail": {"requestParameters": {"roleArn": [{"exists": False}, {"anything-but": [ROLE]}]}}}
    rules = [{**one, "state": LONG, "pattern": {**ANY, **without}} for one in hub()["rules"]]
    assert loops(hub(own={"roles": [ROLE]}, rules=rules)) == []


def test_the_own_role_writing_data_is_found_too() -> None:
    """Data events caused by the pipeline's role count, even if those of AWS services are excluded."""
    only = {**ANY, "detail": {"userIdentity": {"type": ["AssumedRole"]}}}
    world = direct(
        trails=[trail(selectors=SQS_DATA)],
        rules=[rule(pattern=only)],
        own={"resources": [QUEUE], "roles": [ROLE]},
    )
    assert loops(world) == [("critical", "call:sqs.amazonaws.com/SendMessageBatch")]


def test_the_central_bus_costs_what_the_facts_say() -> None:
    """Regional rule, central bus, queue, function: $1.57 to $1.78 for a million events."""
    assert (1.57, 1.78, ((MEMBER, HERE),)) in bill(hub())


def test_a_regional_function_costs_what_the_facts_say() -> None:
    """Regional rule, regional function: about $0.30, log lines not counted."""
    function = f"arn:aws:lambda:{HERE}:{MEMBER}:function:f"
    assert bill(direct(function)) == [(0.30, 0.30, ((MEMBER, HERE),))]


def test_a_regional_topic_pays_for_the_sends_of_its_queue() -> None:
    """Regional rule, regional topic, central queue: publish, transfer, receives and deletes, function."""
    topic = f"arn:aws:sns:{HERE}:{MEMBER}:t"
    queue = resource(HUB_QUEUE)
    queue["policy"][0]["Principal"] = {"Service": "sns.amazonaws.com"}
    world = direct(
        topic, resources=[resource(topic, subscriptions=[HUB_QUEUE]), queue], destinations=[HUB_QUEUE]
    )
    low, high = (0.50 + transfer + 0.2 * 0.40 + 0.03 for transfer in (0.06, 0.27))
    assert bill(world) == [(round(low, 2), round(high, 2), ((MEMBER, HERE),))]


def test_a_queue_of_the_hub_in_the_same_region_costs_what_the_facts_say() -> None:
    """Member rule, queue of the hub account in the same Region: about $0.56."""
    queue = f"arn:aws:sqs:{HERE}:{HUB}:in"
    there = resource(queue)
    there["policy"][0]["Principal"] = "*"
    world = direct(queue, rules=[rule(queue, target={"role": ROLE})], resources=[there], roles=[role()])
    assert bill(world) == [(0.56, 0.56, ((MEMBER, HERE),))]


def test_only_paths_that_arrive_cost() -> None:
    """Blind and disabled Regions have no cost; streams are not in the price list."""
    assert bill(direct(accounts={MEMBER: {HERE: "DISABLED", HOME: "ENABLED_BY_DEFAULT"}})) == []
    stream = f"arn:aws:kinesis:{HERE}:{MEMBER}:stream/s"
    world = direct(stream, rules=[rule(stream, target={"role": ROLE})], roles=[role()])
    assert bill(world) == [(0.0, 0.0, ((MEMBER, HERE),))]
    assert prices_as_of() >= "2026"
