"""Properties of every world: more permissions never break a path, fewer never open one."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doctor.worlds import (
    CENTRAL,
    HERE,
    HOME,
    HUB,
    HUB_QUEUE,
    LONG,
    MEMBER,
    QUEUE,
    ROLE,
    allow,
    resource,
    role,
    rule,
    trail,
)
from tests.support.depth import examples
from trailforward.doctor import CLASSES, Call, EventClass, Verdict, World, load_codes, reach

REGIONS = (HERE, HOME)
QUEUES = [f"arn:aws:sqs:{region}:{account}:in" for account in (MEMBER, HUB) for region in REGIONS]
BUSES = [
    CENTRAL,
    *(f"arn:aws:events:{HERE}:{account}:event-bus/{name}" for account in (MEMBER, HUB) for name in "xy"),
]
TOPICS = [f"arn:aws:sns:{HERE}:{MEMBER}:t"]
ROLES = [f"arn:aws:iam::{account}:role/forward" for account in (MEMBER, HUB)]

#: Values that a field of a part may take instead of the good ones.
CHANGES: dict[str, dict[str, list[Any]]] = {
    "trails": {
        "logging": [False],
        "multiRegion": [False],
        "home": ["af-south-1", HERE],
        "selectors": [{"basic": [{"ReadWriteType": "WriteOnly"}]}],
        "deliveryError": ["AccessDenied"],
    },
    "rules": {
        "state": ["DISABLED", "ENABLED", "ODD"],
        "pattern": [{"source": ["x"]}, {"account": [HUB]}, {"source": [{"odd": 1}]}],
        "region": list(REGIONS),
        "bus": ["default", "x", "y"],
        "targets": [
            [],
            *([{"id": "t", "arn": arn}] for arn in [*QUEUES, *BUSES, *TOPICS]),
            *([{"id": "t", "arn": arn, "role": ROLE}] for arn in [*QUEUES, *BUSES, *TOPICS]),
        ],
    },
    "buses": {"policy": [[], [allow("*", "*")]]},
    "roles": {"trust": [[]], "allow": [[], [{"action": "sqs:*", "resource": "*"}]]},
    "resources": {"policy": [[], [allow("*", "*")]], "encryption": [{"type": "aws-managed-key"}]},
}


def good() -> dict[str, Any]:
    """Two accounts with two Regions, with every kind of path open."""
    everywhere = [(account, region) for account in (MEMBER, HUB) for region in REGIONS]
    forward = [
        rule(CENTRAL, name="f", account=account, region=region, state=LONG, target={"role": arn})
        for (account, region), arn in zip(everywhere, [arn for arn in ROLES for _ in REGIONS], strict=True)
    ]
    on_x = {"account": MEMBER, "region": HERE, "bus": "x", "state": LONG}
    return {
        "organization": {"id": "o-1", "management": HUB, "accounts": [MEMBER, HUB]},
        "accounts": {account: dict.fromkeys(REGIONS, "ENABLED") for account in (MEMBER, HUB)},
        "trails": [trail(), trail(name="org", account=HUB, organization=True)],
        "rules": [
            *forward,
            rule(HUB_QUEUE, name="in", account=HUB, region=HOME, bus="central", state=LONG),
            rule(BUSES[1], name="x", target={"role": ROLE}),
            rule(CENTRAL, name="on", target={"role": ROLE}, **on_x),
            rule(TOPICS[0], name="topic"),
            rule(QUEUE, name="queue"),
        ],
        "buses": [
            {"account": HUB, "region": HOME, "name": "central", "policy": [allow(CENTRAL, "*")]},
            {"account": MEMBER, "region": HERE, "name": "x", "policy": []},
        ],
        "roles": [role(arn) for arn in ROLES],
        "resources": [
            *(resource(arn) for arn in QUEUES),
            *(resource(arn, subscriptions=[HUB_QUEUE]) for arn in TOPICS),
        ],
        "destinations": [HUB_QUEUE],
    }


#: All changes to a good world: a list, an index, a field (None for the whole item), and a new value.
SPOILERS = [
    (part, number, field, new)
    for part, changes in CHANGES.items()
    for field, values in [*changes.items(), (None, [None])]
    for number in range(len(good()[part]))
    for new in values
]


def spoil(spoilers: list[tuple[str, int, str | None, Any]], destinations: list[str]) -> dict[str, Any]:
    """A good world with some items changed or removed."""
    world = good() | {"destinations": destinations}
    for part, number, field, new in spoilers:
        world[part][number][field or "gone"] = new
    for part in CHANGES:
        world[part] = [item for item in world[part] if "gone" not in item]
    return world


worlds = st.builds(
    spoil,
    st.lists(st.sampled_from(SPOILERS), max_size=12),
    st.sampled_from([[HUB_QUEUE], [QUEUE], TOPICS, [CENTRAL]]),
)
rules = st.sampled_from(good()["rules"])
calls = st.builds(
    lambda account, region, read: Call(
        account=account, region=region, service="ec2.amazonaws.com", event_name="X", read_only=read
    ),
    st.sampled_from([MEMBER, MEMBER, HUB]),
    st.sampled_from(REGIONS),
    st.booleans(),
)
#: From a definite no to a definite yes.
ORDER = {False: 0, "unknown": 1, True: 2}


def value(data: dict[str, Any], call: Call) -> int:
    """The result as a number; higher is better."""
    return ORDER[reach(World.model_validate(data), call).reaches]


@given(worlds, calls, rules)
def test_more_rules(data: dict[str, Any], call: Call, extra: dict[str, Any]) -> None:
    """Adding a rule never makes a covered or unknown Region blind."""
    more = {**data, "rules": [*data["rules"], extra]}
    assert value(more, call) >= value(data, call)


@given(worlds, calls, st.data())
def test_fewer_trails(data: dict[str, Any], call: Call, draw: st.DataObject) -> None:
    """Removing a trail never makes a Region covered."""
    kept = data["trails"][: draw.draw(st.integers(0, 1))]
    assert value({**data, "trails": kept}, call) <= value(data, call)


@given(worlds, calls, st.sampled_from(["buses", "resources"]))
def test_more_permissions(data: dict[str, Any], call: Call, part: str) -> None:
    """Allowing everyone to send to a bus or a resource never breaks a path."""
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    more = [{**item, "policy": [*item["policy"], everybody]} for item in data[part]]
    assert value({**data, part: more}, call) >= value(data, call)


@given(worlds, calls)
def test_deny(data: dict[str, Any], call: Call) -> None:
    """Denying everything never opens a path."""
    nobody = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
    less = [{**item, "policy": [*item["policy"], nobody]} for item in data["resources"]]
    assert value({**data, "resources": less}, call) <= value(data, call)


@given(worlds, calls, st.sampled_from(["rules", "trails", "buses", "roles", "resources", "*"]))
def test_unseen(data: dict[str, Any], call: Call, what: str) -> None:
    """What could not be read can only turn a no into an unknown, and never changes a yes."""
    before = value(data, call)
    after = value({**data, "unseen": [{"what": what}]}, call)
    assert (after == before) or (before, after) == (0, 1)


@given(worlds, calls)
def test_disabled_region(data: dict[str, Any], call: Call) -> None:
    """Nothing arrives from a Region that is not enabled."""
    dark = {**data["accounts"], call.account: {call.region: "DISABLED"}}
    verdict = reach(World.model_validate({**data, "accounts": dark}), call)
    assert (verdict.reaches, verdict.code) == (False, "REGION_DISABLED")


#: Parts of policies that depend on the event; with each, what a question finds must not be kept for the next.
ON_EVENTS = [
    {"StringEquals": {"events:source": "aws.ec2"}},
    {"StringLike": {"Events:Detail-Type": "*Sign*"}},
    {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
]


@settings(max_examples=examples(200))
@given(
    worlds,
    st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from([MEMBER, HUB]), st.sampled_from(REGIONS))),
    st.sampled_from([None, *ON_EVENTS]),
    st.sampled_from(["buses", "roles"]),
)
def test_what_is_kept_between_questions_changes_no_verdict(
    data: dict[str, Any], asked: list[tuple[EventClass, str, str]], condition: Any, part: str
) -> None:
    """Many questions to one world have the same verdicts as each of them to a new world."""
    if condition is not None and part == "buses":
        data["buses"] = [
            {**bus, "policy": [allow(CENTRAL, "*", Condition=condition)]} for bus in data["buses"]
        ]
    elif condition is not None:
        granted = [{"action": "events:PutEvents", "resource": "*", "condition": condition}]
        data["roles"] = [{**one, "allow": granted} for one in data["roles"]]
    shared = World.model_validate(data)
    for kind, account, region in asked:
        call = kind.call(account, region)
        assert reach(shared, call) == reach(World.model_validate(data), call)


@settings(max_examples=examples(200))
@given(worlds, calls)
def test_consistent(data: dict[str, Any], call: Call) -> None:
    """Result, kind of code, link, path and doubts of a verdict are consistent."""
    verdict = reach(World.model_validate(data), call)
    kinds: dict[Any, str] = {True: "ok", False: "break", "unknown": "unknown"}
    assert load_codes()[verdict.code].kind == kinds[verdict.reaches]
    assert (verdict.at is None) is (verdict.reaches is True)
    assert verdict.path[0] == f"region:{call.account}/{call.region}"
    assert all(_worded(item) for item in (verdict, *verdict.doubts, *verdict.warnings))
    if verdict.reaches is True:
        assert not verdict.doubts
        assert verdict.path[-1].partition(":")[0] in {"destination", "topic", "bus"}
    if verdict.reaches == "unknown":
        assert verdict.doubts[0].code == verdict.code
    if verdict.reaches is False:
        assert verdict.path[-1] == verdict.at


@given(worlds, calls)
def test_repeatable(data: dict[str, Any], call: Call) -> None:
    """The same call in the same world has the same result, also after saving the world."""
    world = World.model_validate(data)
    assert reach(world, call) == reach(world, call) == reach(World.from_json(world.to_json()), call)


def _worded(item: Any) -> bool:
    assert isinstance(item, Verdict) or item.severity
    return bool(item.why and item.fix and item.source) and "{where}" not in item.why + item.fix
