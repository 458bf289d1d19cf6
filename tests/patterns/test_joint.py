"""Many combinations and many routes are tested on one event together."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.patterns.test_arrays import EVENTS, MEMBERS, PATHS, _by_definition
from tests.support.depth import examples
from trailforward.patterns import Pattern, PatternSet
from trailforward.patterns.joint import JointRules
from trailforward.patterns.leaves import matching_keys

NAMES = "abc"


def combinations(count: int, *, optional: str = "") -> str:
    """A pattern of ``count`` to the power of three combinations, whose fields belong to one object."""
    choices = []
    for name in NAMES:
        more: list[Any] = [{"exists": False}] * (name in optional)
        branches = [{"r": {name: [f"{name}{number}", *more]}} for number in range(count)]
        choices.append(f'"$or":{json.dumps(branches, separators=(",", ":"))}')
    return "{" + ",".join(choices) + "}"


def routes(count: int) -> PatternSet:
    """The same combinations as routes of their own."""
    every = product(range(count), repeat=3)
    return PatternSet(
        {str(chosen): {"r": {n: [f"{n}{i}"] for n, i in zip(NAMES, chosen, strict=True)}} for chosen in every}
    )


def visits(patterns: PatternSet) -> int:
    """The values that were visited so far."""
    joint = patterns._index._joint
    return joint.visits if joint else 0


COUNT = 3_000
LARGE: dict[str, Any] = {
    "no element matches": [{"a": f"a{n % 10}", "b": f"b{n % 10}", "c": "x"} for n in range(COUNT)]
    + [{"c": "c1"}],
    "one field in each element": [{NAMES[n % 3]: f"{NAMES[n % 3]}{n % 10}"} for n in range(COUNT)],
    "nested arrays": [[{"a": "a1"}, [{"b": "b1", "c": "x"}]] for n in range(COUNT)] + [{"c": "c1"}],
}


@pytest.mark.parametrize("optional", ["", "c", "ab"])
@pytest.mark.parametrize("elements", LARGE.values(), ids=LARGE)
def test_work_does_not_multiply_with_the_combinations(elements: list[Any], optional: str) -> None:
    """The cost of 512 combinations on a large event is a few steps for each of its values."""
    pattern = Pattern(combinations(8, optional=optional))
    assert len(pattern.rules) == 512
    pattern.matches({"r": elements})
    assert pattern._together is not None
    assert visits(pattern._together) < 40 * COUNT


@pytest.mark.parametrize("key", ["y", "z"])
def test_work_does_not_multiply_with_absent_fields(key: str) -> None:
    """512 combinations of fields that may be absent cost a few steps for each value and field."""
    fields = {f"o{number}": {"$or": [{"x": [{"exists": False}]}, {"y": ["q"]}]} for number in range(9)}
    pattern = Pattern({"r": fields})
    assert len(pattern.rules) == 512
    pattern.matches({"r": [{f"o{n % 9}": {key: "q"}} for n in range(COUNT)]})
    assert pattern._together is not None
    assert visits(pattern._together) < 40 * COUNT


@pytest.mark.parametrize("elements", LARGE.values(), ids=LARGE)
def test_work_does_not_multiply_with_the_routes(elements: list[Any]) -> None:
    """The cost of 512 routes on a large event is a few steps for each of its values."""
    together = routes(8)
    assert together.matches({"r": elements}) == []
    assert visits(together) < 40 * COUNT


def test_keys_of_large_objects_are_looked_up() -> None:
    """An object with any number of keys costs a lookup for each way to continue the path."""

    class Large(dict[Any, Any]):
        def __iter__(self) -> Any:
            raise AssertionError("all keys were visited")

    value = Large(dict.fromkeys(range(10)) | dict.fromkeys(["a", "a.b", "a.b.c", "b", "", "c"]))
    assert list(matching_keys(value, "a.b.c", 0)) == [("a", 2), ("a.b", 4), ("a.b.c", 6)]
    assert list(matching_keys(value, "a.b.c", 4)) == [("c", 6)]
    assert list(matching_keys(value, "a.", 2)) == [("", 3)]
    assert list(matching_keys(value, "a", 2)) == []


@given(
    keys=st.lists(st.sampled_from(["a", "b", "", "a.b", "b.a", "a.", ".a", "a.b.a", "ab"]), unique=True),
    path=st.lists(st.sampled_from(["a", "b", "", "ab"]), min_size=1, max_size=4).map(".".join),
    part=st.integers(0, 3),
)
def test_lookups_find_what_a_search_finds(keys: list[str], path: str, part: int) -> None:
    """However many keys an object has, the same ones continue a path."""
    at = sum(len(name) + 1 for name in path.split(".")[:part])
    small = [found for key in keys for found in matching_keys({key: 0}, path, at)]
    assert sorted(matching_keys(dict.fromkeys([*keys, *range(9)]), path, at)) == sorted(small)


RULES = st.dictionaries(PATHS, MEMBERS, min_size=1, max_size=4).map(
    lambda fields: "{" + ",".join(f'"{path}":[{",".join(members)}]' for path, members in fields.items()) + "}"
)


@settings(max_examples=examples(300), deadline=None)
@given(texts=st.lists(RULES, min_size=1, max_size=12), event=EVENTS)
def test_rules_tested_together_follow_the_definition(texts: list[str], event: dict[str, Any]) -> None:
    """Rules that are tested together match exactly the events that each of them matches on its own."""
    rules = [Pattern(text).rules[0] for text in texts]
    expected = [_by_definition(rule, event) for rule in rules]
    joint = JointRules(rules)
    found = joint.matching(event, (1 << len(rules)) - 1)
    assert [bool(found >> number & 1) for number in range(len(rules))] == expected
    odd = sum(1 << number for number in range(1, len(rules), 2))
    assert joint.matching(event, odd) == found & odd
    named = {str(number): text for number, text in enumerate(texts)}
    assert PatternSet(named).matches(event) == [str(n) for n, matches in enumerate(expected) if matches]


MIXED = st.sampled_from(["x", "X", "xy", "10.0.0.1", "010.0.0.1", "", 1, 1.0, 0.1, True, False, None])
OPERATORS = st.sampled_from(
    [
        *("x", "xy", 1, True, None, "10.0.0.1", {"exists": True}, {"exists": False}, {"prefix": "x"}),
        *({"anything-but": "x"}, {"anything-but": [1]}, {"numeric": [">", 0]}, {"cidr": "10.0.0.0/8"}),
        *({"wildcard": "*y"}, {"equals-ignore-case": "X"}, {"exactly": "x"}),
    ]
)


@settings(max_examples=examples(200), deadline=None)
@given(
    sources=st.lists(
        st.dictionaries(st.sampled_from(NAMES), st.lists(OPERATORS, min_size=1, max_size=2), min_size=1),
        min_size=2,
        max_size=12,
    ),
    elements=st.lists(st.dictionaries(st.sampled_from(NAMES), MIXED), max_size=4),
)
def test_every_operator_is_tested_together(
    sources: list[dict[str, Any]], elements: list[dict[str, Any]]
) -> None:
    """A pattern with many combinations matches exactly if one of its combinations does."""
    event = {"r": elements}
    alone = [Pattern({"r": source}).checks[0](event) for source in sources]
    branches = [{"r": source} for source in sources]
    assert Pattern({"$or": branches}).matches(event) is any(alone)
    assert PatternSet({str(n): branch for n, branch in enumerate(branches)}).matches(event) == [
        str(number) for number, matches in enumerate(alone) if matches
    ]
