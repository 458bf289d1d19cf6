"""World: reading and writing snapshots, leniently."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doctor.worlds import (
    CENTRAL,
    HERE,
    HOME,
    HUB,
    MEMBER,
    OTHER,
    QUEUE,
    ROLE,
    RULE_AT,
    TARGET_AT,
    allow,
    ask,
    call,
    direct,
    hub,
    resource,
    role,
    rule,
    said,
    trail,
)
from tests.support.depth import examples
from trailforward.doctor import Call, SnapshotError, World, reach
from trailforward.errors import TrailforwardError

BUS_AT = f"bus:{MEMBER}/{HERE}/default"


def test_round_trip() -> None:
    """A world stays the same when it is saved and read, and so does its text."""
    world = World.model_validate(
        hub(eventDataStores=[{"name": "lake", "account": MEMBER, "multiRegion": True}])
    )
    assert World.from_json(world.to_json()) == world
    assert World.from_json(world.to_json().encode()).to_json() == world.to_json()
    assert json.loads(world.to_json())["version"] == 1


def test_python_names() -> None:
    """A world can be built in Python, with snake_case names."""
    world = World(accounts={MEMBER: {HERE: "ENABLED"}}, destinations=(QUEUE,), event_data_stores=())
    verdict = reach(world, Call(account=MEMBER, region=HERE, service="ec2.amazonaws.com", event_name="X"))
    assert verdict.code == "NO_TRAIL"
    assert World.model_validate(world) is world


@pytest.mark.parametrize("version", [2, "1", 0, None, True])
def test_other_version(version: Any) -> None:
    """A snapshot with another version gives one clear error."""
    with pytest.raises(SnapshotError, match=r"has version .*, but this trailforward reads version 1"):
        World.model_validate(direct(version=version))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "a snapshot must be a JSON object, not list"),
        ("null", "a snapshot must be a JSON object, not null"),
        ('{"accounts": {', "the snapshot cannot be read: not JSON"),
        ("", "the snapshot cannot be read: expected JSON, got empty text"),
    ],
)
def test_invalid_snapshots(text: str, said: str) -> None:
    """Text that is not a snapshot gives a SnapshotError."""
    with pytest.raises(SnapshotError, match=said) as error:
        World.from_json(text)
    assert isinstance(error.value, TrailforwardError)


def test_unknown_keys() -> None:
    """Unknown keys are kept and named, and do not affect results."""
    data = direct(comment="mine", rules=[rule(tags={"a": "b"}, target={"odd": "x"})])
    data["trails"][0]["selectors"] = {"advanced": [{"FieldSelectors": [{"Field": "x", "Regex": [".*"]}]}]}
    world = World.model_validate(data)
    assert world.not_understood == (
        "comment: unknown key",
        "trails[0].selectors.advanced[0].FieldSelectors[0].Regex: unknown key",
        "rules[0].tags: unknown key",
        "rules[0].targets[0].odd: unknown key",
    )
    assert json.loads(world.to_json())["rules"][0]["tags"] == {"a": "b"}


ODD: list[tuple[dict[str, Any], list[str], tuple[Any, ...]]] = [
    (
        direct(rules=[{"name": "tf", "account": MEMBER}]),
        ["rules[0]: region: Field required"],
        ("unknown", "NOT_SEEN", BUS_AT),
    ),
    (direct(rules="oops"), ["rules: must be a list, not str"], ("unknown", "NOT_SEEN", BUS_AT)),
    (
        direct(rules=[{"account": MEMBER, "region": HOME}]),
        ["rules[0]: name: Field required"],
        (False, "NO_RULE", BUS_AT),
    ),
    (
        direct(trails=[{"name": "main", "account": OTHER}]),
        ["trails[0]: home: Field required"],
        ("unknown", "NOT_SEEN", f"trails:{MEMBER}/{HERE}"),
    ),
    (
        direct(organization=7, trails=[]),
        ["organization: Input should be a valid dictionary or instance of Organization"],
        ("unknown", "NOT_SEEN", f"trails:{MEMBER}/{HERE}"),
    ),
    (
        direct(resources=[{"arn": QUEUE, "fifo": "perhaps"}]),
        ["resources[0]: fifo: Input should be a valid boolean, unable to interpret input"],
        ("unknown", "NOT_SEEN", TARGET_AT),
    ),
    (
        direct(resources=[{"arn": QUEUE.replace(HERE, HOME), "fifo": "perhaps"}]),
        ["resources[0]: fifo: Input should be a valid boolean, unable to interpret input"],
        (False, "TARGET_MISSING", TARGET_AT),
    ),
    (
        hub(roles=[{"arn": ROLE, "trust": 7}]),
        ["roles[0]: trust: Input should be a valid tuple"],
        ("unknown", "NOT_SEEN", f"role:{ROLE}"),
    ),
    (
        hub(buses=[{"account": HUB, "region": HOME, "policy": []}]),
        ["buses[0]: name: Field required"],
        ("unknown", "NOT_SEEN", f"bus:{HUB}/{HOME}/central"),
    ),
    (
        direct(accounts={MEMBER: ["eu-west-1"]}),
        [f"accounts.{MEMBER}: Input should be a valid dictionary"],
        ("unknown", "ACCOUNT_NOT_VISIBLE", f"region:{MEMBER}/{HERE}"),
    ),
    (
        direct(accounts=[MEMBER]),
        ["accounts: must be an object, not list"],
        ("unknown", "ACCOUNT_NOT_VISIBLE", f"region:{MEMBER}/{HERE}"),
    ),
    (
        direct(destinations=[7, QUEUE]),
        ["destinations[0]: Input should be a valid string"],
        (True, "OK", None),
    ),
    (
        direct(destinations=[7]),
        ["destinations[0]: Input should be a valid string"],
        ("unknown", "NOT_SEEN", BUS_AT),
    ),
    (direct(own={"roles": 7}), ["own: roles: Input should be a valid tuple"], (True, "OK", None)),
    (direct(own=None, buses=None, organization=None), [], (True, "OK", None)),
    (
        direct(rules=[], unseen=[{"what": "nothing"}]),
        [
            (
                "unseen[0]: what: Input should be 'trails', 'rules', 'buses', 'roles', 'resources', "
                "'organization' or '*'"
            )
        ],
        ("unknown", "NOT_SEEN", BUS_AT),
    ),
]


@pytest.mark.parametrize(("data", "named", "expected"), ODD, ids=lambda _: None)
def test_set_aside(data: dict[str, Any], named: list[str], expected: tuple[Any, ...]) -> None:
    """An item that does not fit is named and kept, and what it may have meant is unknown."""
    world = World.model_validate(data)
    assert list(world.not_understood) == named
    again = World.from_json(world.to_json())
    assert again == world
    assert said(reach(again, Call.model_validate(call()))) == expected


def test_set_aside_again() -> None:
    """Items set aside by an earlier reading stay listed beside new ones."""
    data = json.loads(World.model_validate(direct(rules=[1])).to_json())
    data["roles"] = [2]
    assert len(World.model_validate(data).not_understood) == 2
    data["set_aside"] = data.pop("setAside")
    assert len(World.model_validate(data).not_understood) == 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 7) | st.sampled_from(["", "*", "arn:aws:sqs:::", "DISABLED"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["arn", "Field"]), inner),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every node of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


@settings(max_examples=examples(150))
@given(st.sampled_from([direct(), hub()]), st.data())
def test_anything(data: dict[str, Any], draw: st.DataObject) -> None:
    """Whatever a snapshot contains, there is a result, and saving keeps it."""
    data = json.loads(json.dumps(data))
    *way, last = draw.draw(st.sampled_from(places(data)[1:]))
    node: Any = data
    for step in way:
        node = node[step]
    node[last] = draw.draw(json_values)
    world = World.model_validate(data)
    asked = Call.model_validate(call())
    assert reach(World.from_json(world.to_json()), asked) == reach(world, asked)


def gap(what: str, account: str = "*", region: str = "*") -> list[dict[str, str]]:
    """One thing that could not be read."""
    return [{"what": what, "account": account, "region": region, "why": "AccessDenied"}]


UNSEEN: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
    (direct(rules=[], unseen=gap("rules", MEMBER, HERE)), ("unknown", "NOT_SEEN", BUS_AT)),
    (direct(rules=[], unseen=gap("*", MEMBER)), ("unknown", "NOT_SEEN", BUS_AT)),
    (direct(rules=[], unseen=gap("rules", MEMBER, HOME)), (False, "NO_RULE", BUS_AT)),
    (direct(rules=[], unseen=gap("rules", HUB)), (False, "NO_RULE", BUS_AT)),
    (direct(rules=[rule(state="DISABLED")], unseen=gap("rules")), ("unknown", "NOT_SEEN", BUS_AT)),
    (direct(unseen=gap("*")), (True, "OK", None)),
    (direct(trails=[], unseen=gap("trails")), ("unknown", "NOT_SEEN", f"trails:{MEMBER}/{HERE}")),
    (direct(trails=[], rules=[], unseen=gap("trails")), (False, "NO_RULE", BUS_AT)),
    (direct(resources=[], unseen=gap("resources")), ("unknown", "NOT_SEEN", TARGET_AT)),
    (hub(roles=[], unseen=gap("roles")), ("unknown", "NOT_SEEN", f"role:{ROLE}")),
    (hub(buses=[], unseen=gap("buses")), ("unknown", "NOT_SEEN", f"bus:{HUB}/{HOME}/central")),
    (hub(buses=[], roles=[role(trust=[])], unseen=gap("buses")), (False, "ROLE_TRUST", f"role:{ROLE}")),
]


@pytest.mark.parametrize(("data", "expected"), UNSEEN, ids=lambda _: None)
def test_unseen(data: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """What could not be read counts neither as missing nor as present; a definite break still counts."""
    verdict = ask(data)
    assert said(verdict) == expected
    if expected[1] == "NOT_SEEN":
        assert "could not be read (AccessDenied)" in verdict.why


def test_unseen_dead_letters() -> None:
    """A dead-letter queue does not count as missing if queues could not be read."""
    world = direct(rules=[rule(target={"dlq": QUEUE + "-dlq"})], unseen=gap("resources"))
    assert [warning.code for warning in ask(world).warnings] == ["NOT_SEEN"]


def test_masked() -> None:
    """A masked world contains no real account or organization ID, and gives the same results."""
    member = {"aws:PrincipalOrgID": "o-abcdefghij"}
    policy = [allow(CENTRAL, "*", Condition={"StringEquals": member})]
    world = World.model_validate(
        hub(
            organization={"id": "o-abcdefghij", "management": HUB, "accounts": [HUB, MEMBER]},
            buses=[{"account": HUB, "region": HOME, "name": "central", "policy": policy}],
        )
    )
    masked = world.masked()
    text = masked.to_json()
    assert not any(secret in text for secret in (MEMBER, HUB, "o-abcdefghij"))
    account = next(iter(masked.accounts))
    before = reach(world, Call.model_validate(call()))
    after = reach(masked, Call.model_validate(call(account=account)))
    assert (before.code, len(before.path)) == (after.code, len(after.path)) == ("OK", 10)


def test_what_if() -> None:
    """A changed copy has the results of the change; the original is unchanged."""
    world = World.model_validate(direct())
    asked = Call.model_validate(call())
    assert reach(world, asked).code == "OK"
    changed = world.model_copy(update={"trails": ()})
    assert reach(changed, asked).code == "NO_TRAIL"
    assert reach(world, asked).code == "OK"


def test_frozen() -> None:
    """A world is immutable."""
    world = World.model_validate(direct())
    with pytest.raises(ValueError, match="frozen"):
        world.destinations = ()  # type: ignore[misc]  # that it is refused is the point
    assert isinstance(world.rules, tuple)


def test_first_of_the_same_name() -> None:
    """Of two resources with the same ARN, the first counts."""
    closed: dict[str, Any] = {"arn": QUEUE, "policy": []}
    assert ask(direct(resources=[resource(QUEUE), closed])).code == "OK"
    assert ask(direct(resources=[closed, resource(QUEUE)])).code == "QUEUE_POLICY"


def test_order_of_trails() -> None:
    """Of several stopped trails, the first is named."""
    trails = [trail(name="b", logging=False), trail(name="a", logging=False)]
    assert ask(direct(trails=trails)).at == f"trail:{MEMBER}/{HOME}/b"
    assert ask(direct()).path[3] == RULE_AT
