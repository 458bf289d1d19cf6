"""Less knowledge changes a result only to unknown, never to its opposite."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doctor.test_properties import calls, worlds
from tests.doctor.worlds import HOME, HUB, MEMBER, ask, hub, role, rule
from tests.support.depth import examples
from trailforward.doctor import Call, World, reach
from trailforward.doctor.rules import judge_rules
from trailforward.doctor.world.unknown import unknown

#: The readers of AWS, templates, and plans always know where an item is.
PLACE = ("account", "region", "home")
PARTS = ("trails", "rules", "buses", "roles", "resources")


def texts(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every text in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [place for key, item in items for place in texts(item, (*path, key))]
    return [*found, path] if isinstance(value, str) and path[-1] not in PLACE else found


def hide(data: dict[str, Any], place: tuple[Any, ...], first: int, last: int) -> dict[str, Any]:
    """A snapshot in which some parts of a text, between its colons, are not known."""
    less: dict[str, Any] = json.loads(json.dumps(data))
    *way, key = place
    node: Any = less
    for step in way:
        node = node[step]
    parts = node[key].split(":")
    first, last = sorted((first % len(parts), last % len(parts)))
    node[key] = ":".join([*parts[:first], unknown("the parameter X"), *parts[last + 1 :]])
    return less


@st.composite
def hidden(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A snapshot, and the same snapshot in which a text, or a part of it, is not known."""
    data = draw(worlds)
    place = draw(st.sampled_from(texts({part: data[part] for part in PARTS})))
    return data, hide(data, place, *draw(st.tuples(st.integers(0, 9), st.integers(0, 9))))


def outcome(data: dict[str, Any], call: Call) -> Any:
    """Whether the call reaches a destination."""
    return reach(World.model_validate(data), call).reaches


@settings(max_examples=examples(1_000))
@given(hidden(), calls)
def test_an_unknown_text_gives_no_opposite(both: tuple[dict[str, Any], dict[str, Any]], call: Call) -> None:
    """If any text of a snapshot, or a part of it, is not known, the result stays or is unknown."""
    data, less = both
    assert outcome(less, call) in {outcome(data, call), "unknown"}


@settings(max_examples=examples(150))
@given(hidden())
def test_an_unknown_text_gives_no_opposite_verdict_on_rules(
    both: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    """If any text of a snapshot is not known, no rule that works is blamed, and no broken rule is praised."""
    data, less = both
    before = {verdict.link: verdict for verdict in judge_rules(World.model_validate(data))}
    for verdict in judge_rules(World.model_validate(less)):
        if known := before.get(verdict.link):
            assert not (known.status in {"arrives", "elsewhere"} and verdict.blind), verdict
            assert not (known.status in {"never", "undelivered"} and verdict.status == "arrives"), verdict


@settings(max_examples=examples(1_000))
@given(worlds, calls, st.data())
def test_an_unread_item_gives_no_opposite(data: dict[str, Any], call: Call, draw: st.DataObject) -> None:
    """If an item is missing because it could not be read, the result stays or is unknown."""
    part = draw.draw(st.sampled_from([part for part in PARTS if data[part]]))
    number = draw.draw(st.integers(0, len(data[part]) - 1))
    less = {
        **data,
        part: [item for at, item in enumerate(data[part]) if at != number],
        "unseen": [{"what": part, "account": "*", "region": "*", "why": "AccessDenied"}],
    }
    assert outcome(less, call) in {outcome(data, call), "unknown"}


UNKNOWN = unknown("the parameter X")
#: A part of the good hub that is not known: its list, the item, the field, and the value.
HIDDEN: list[tuple[str, int, str, Any]] = [
    ("buses", 0, "name", UNKNOWN),
    ("roles", 0, "arn", f"arn:aws:iam::{MEMBER}:role/{UNKNOWN}"),
    ("resources", 0, "arn", UNKNOWN),
    ("rules", 0, "bus", UNKNOWN),
    ("rules", 0, "pattern", {"source": [{"prefix": UNKNOWN}]}),
]


@pytest.mark.parametrize(("part", "number", "field", "value"), HIDDEN, ids=lambda value: str(value)[:20])
def test_what_a_name_leaves_open_is_unknown(part: str, number: int, field: str, value: Any) -> None:
    """A bus, role, resource, or rule that is only partly known makes the result unknown, not blind."""
    data = hub()
    assert ask(data).reaches is True
    data[part][number][field] = value
    assert ask(data).reaches == "unknown"
    assert not any(verdict.blind for verdict in judge_rules(World.model_validate(data)))


def test_a_rule_on_an_unknown_bus_may_forward() -> None:
    """A rule of the hub is not called unreachable if a rule on an unknown bus may forward to its bus."""
    data = hub()
    data["buses"][0]["policy"] = []
    alone = {**data, "rules": data["rules"][1:]}
    (verdict,) = judge_rules(World.model_validate(alone))
    assert (verdict.status, verdict.calls[0].finding.code) == ("never", "RULE_ON_NON_DEFAULT_BUS")  # type: ignore[union-attr]
    data["rules"][0]["bus"] = UNKNOWN
    assert "never" not in {verdict.status for verdict in judge_rules(World.model_validate(data))}


def test_another_rule_may_forward_where_the_known_one_fails() -> None:
    """If the known forwarder of a rule is broken, a rule with an unknown target may still forward to it."""
    data = hub(roles=[role(trust=[])])
    at = f"rule:{HUB}/{HOME}/central/in"
    broken = {verdict.link: verdict for verdict in judge_rules(World.model_validate(data))}
    assert broken[at].status == "never"
    data["rules"].append(rule(UNKNOWN, name="other"))
    found = {verdict.link: verdict for verdict in judge_rules(World.model_validate(data))}
    assert found[at].status == "unknown"
