"""In an array, one field may match in any element; several fields must match in the same element."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.depth import examples
from trailforward.patterns import Pattern
from trailforward.patterns.consistency import Consistency, Field
from trailforward.patterns.operators import leaf_test

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trailforward.patterns.parser import Rule


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        ('{"a":["x"],"b":["y"]}', {"a": ["x", "z"], "b": ["w", "y"]}, True),
        ('{"a":[{"anything-but":"x"}]}', {"a": ["x", "y"]}, True),
        ('{"p":{"first":["Ada"],"last":["Byron"]}}', {"p": [{"first": "Ada", "last": "Byron"}]}, True),
        (
            '{"p":{"first":["Ada"],"last":["Byron"]}}',
            {"p": [{"first": "Ada", "last": "King"}, {"first": "Lord", "last": "Byron"}]},
            False,
        ),
        ('{"p":{"first":["Ada"],"last":["Byron"]}}', {"p": [[{"first": "Ada"}, {"last": "Byron"}]]}, False),
        ('{"p":{"first":["Ada"],"last":["Byron"]}}', {"p": [[{"first": "Ada", "last": "Byron"}]]}, True),
        ('{"p":{"x":[1],"y":[2]}}', {"p": [{"x": [1, 5], "y": [3, 2]}]}, True),
        ('{"p":["v"],"p":{"q":["w"]}}', {"p": ["v", {"q": "w"}]}, True),
        ('{"p":["v"],"p":{"q":["w"]}}', {"p": [["v"], {"q": "w"}]}, False),
        ('{"p":["v"],"p":{"q":["w"]}}', {"p": "v"}, False),
        ('{"p":["v"],"p":{"q":[{"exists":false}]}}', {"p": "v"}, True),
        ('{"p":[{"exists":false}],"p":{"q":["w"]}}', {"p": {"q": "w"}}, True),
        ('{"p":{"x":[1],"y":[{"exists":false}]}}', {"p": [{"x": 1}, {"y": 2}]}, True),
        ('{"p":{"x":[{"exists":false}],"y":[2]}}', {"p": [{"x": 1}, {"y": 2}]}, False),
        ('{"p":{"x":[1],"y":[5,{"exists":false}]}}', {"p": [{"x": 1, "y": 4}, {"y": 5}]}, False),
        ('{"p":{"x":[1]},"r":{"x":[1]}}', {"p": [{"x": 1}], "r": [{"x": 2}, {"x": 1}]}, True),
        ('{"p":{"x":[1],"y":[1]}}', {"p": [{"x": 1}], "p.y": 1}, True),
        ('{"p":{"x":{"u":[1]},"y":[1]}}', {"p": [{"x.u": 1, "y": 1}]}, True),
        ('{"p":{"x":{"u":[1]},"y":[1]}}', {"p": [{"x.u": 1}, {"y": 1}]}, False),
        ('{"p":{"x":[1]}}', {"p": [1, None, [], {}, [[{"x": 1}]]]}, True),
        ('{"p":{"x":[{"exists":false}]}}', {"p": [1, [], {}, [[{"y": 1}]]]}, True),
    ],
)
def test_consistency(pattern: str, event: dict[str, Any], *, expected: bool) -> None:
    """Fields in an array of objects must match in the same element."""
    assert Pattern(pattern).matches(event) is expected


def test_one_list_in_two_parents_is_two_arrays() -> None:
    """A Python list that occurs twice in an event counts as two arrays, as in JSON."""
    shared = [{"x": 1}, {"y": 1}]
    pattern = Pattern({"r": {"a": {"x": [1]}, "b": {"y": [1]}, "c": [{"exists": False}]}})
    event = {"r": [{"a": shared, "b": shared}]}
    assert pattern.matches(event)
    assert pattern.matches(json.dumps(event))


Leaf = tuple[str, Any, dict[int, int]]


def _flatten(value: Any, path: str | None, places: dict[int, int], arrays: Iterator[int]) -> Iterator[Leaf]:
    """All leaves of an event with their path, value, and the element of each array that contains them."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flatten(item, key if path is None else f"{path}.{key}", places, arrays)
    elif isinstance(value, list):
        array = next(arrays)
        for index, item in enumerate(value):
            inside = {**places, array: index} if isinstance(item, (dict, list)) else places
            yield from _flatten(item, path, inside, arrays)
    else:
        yield path or "", value, places


def _by_definition(rule: Rule, event: dict[str, Any]) -> bool:
    """The definition of consistency, implemented literally and without optimization."""
    leaves = list(_flatten(event, None, {}, iter(range(10_000))))
    paths = sorted(rule, key=lambda path: path.encode("utf-16-be"))

    def agree(one: dict[int, int], other: dict[int, int]) -> bool:
        return all(other.get(array, index) == index for array, index in one.items())

    def choose(turn: int, bound: dict[int, int]) -> bool:
        if turn == len(paths):
            return True
        condition = rule[paths[turn]]
        test = leaf_test(condition.members)
        here = [(v, m) for path, v, m in leaves if path == paths[turn] and agree(m, bound)]
        if any(test(v) and choose(turn + 1, {**bound, **m}) for v, m in here):
            return True
        return condition.optional and not here and choose(turn + 1, bound)

    return choose(0, {})


KEYS = st.sampled_from(["a", "b", "a.b", "a-b", "b.a"])
EVENTS = st.dictionaries(
    KEYS,
    st.recursive(
        st.sampled_from([1, 2]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=12,
    ),
    max_size=4,
)
MEMBERS = st.lists(
    st.sampled_from(["1", "2", '{"exists":false}', '{"exists":true}', '{"anything-but":1}']),
    min_size=1,
    max_size=2,
)
PATHS = st.sampled_from(["a", "b", "a.b", "a.a", "b.a", "a.b.a", "a.a.b", "a-b", "a-b.a", "b.a-b", "b.a.b"])


@settings(max_examples=examples(600), deadline=None)
@given(fields=st.dictionaries(PATHS, MEMBERS, min_size=1, max_size=4), event=EVENTS)
def test_every_result_follows_from_the_definition(
    fields: dict[str, list[str]], event: dict[str, Any]
) -> None:
    """The compiled matcher follows the definition of consistency for any nesting."""
    text = "{" + ",".join(f'"{path}":[{",".join(members)}]' for path, members in fields.items()) + "}"
    pattern = Pattern(text)
    expected = _by_definition(pattern.rules[0], event)
    assert pattern.matches(event) is expected
    assert pattern.matches(json.dumps(event)) is expected
    compiled = [
        Field(path, leaf_test(condition.members), condition.optional)
        for path, condition in pattern.rules[0].items()
    ]
    assert Consistency(compiled, 0).holds(event) is expected


def _visits(fields: list[tuple[str, bool]], event: Any) -> int:
    """The number of values visited until it is clear that the last field does not match."""
    compiled = [Field(path, lambda leaf: leaf == 1, optional) for path, optional in fields]
    judge = Consistency([*compiled, Field("r.zz", lambda _: False, optional=False)], 0)
    assert not judge.holds(event)
    return judge.visits


def test_work_does_not_multiply_with_the_elements() -> None:
    """The cost of ten fields in arrays of a hundred elements is the sum of the sizes, not the product."""
    names = "abcdefghij"
    fields = [(f"r.{name}.x", False) for name in names]
    event = {"r": [{**{name: [{"x": 1}] * 100 for name in names}, "zz": 0}]}
    assert _visits(fields, event) < 20 * 100 * len(names)


def test_work_is_bounded_with_optional_fields() -> None:
    """Optional fields between the others do not change the cost."""
    fields = [(f"r.{name}.x", name in "bdf") for name in "abcdefg"]
    event = {"r": [{"zz": 0, **{name: [{"x": 1}, {"y": 1}] * 30 for name in "abcdefg"}}] * 3}
    assert _visits(fields, event) < 50_000


def test_one_element_binds_the_rest() -> None:
    """Once an element is chosen, later fields are searched in that element only."""
    count = 5_000
    event = {"r": [{"a": 1, "b": 2, "c": 3, "zz": 0} for _ in range(count)]}
    assert _visits([("r.a", False), ("r.c", True)], event) < 20 * count


@pytest.mark.parametrize("first", ["a", "y"])
@pytest.mark.parametrize("wrap", [lambda item: item, lambda item: [item]], ids=["objects", "arrays"])
def test_work_does_not_multiply_with_absent_fields(first: str, wrap: Callable[[Any], Any]) -> None:
    """Sixty fields that must be absent from five thousand elements are not searched in each one by one."""
    count = 5_000
    absent = [(f"r.m{number:02}", True) for number in range(60)]
    event = {"r": [wrap({first: 1}) for _ in range(count)]}
    assert _visits([(f"r.{first}", False), *absent], event) < 80 * count


def test_work_does_not_multiply_with_names_that_share_a_beginning() -> None:
    """Names that sort between a field and the fields below it do not multiply the work."""
    names = [f"a{'-' * count}" for count in range(8)]
    fields = [(f"r.{name}{below}", False) for name in names for below in ("", ".b")]
    event = {"r": [{"zz": 0, **{name: [[1], [1], [1, {"b": 1}]] * 4 for name in names}}]}
    assert _visits([*fields, ("r.z", True)], event) < 50_000


def test_paths_of_thousands_of_steps() -> None:
    """A path of two thousand keys is followed without recursion."""
    path = ".".join("a" * 1_900)
    event: Any = [1]
    for _ in range(1_900):
        event = {"a": event}
    assert Pattern({path: [1]}).matches(event)
    assert Pattern({path: [1], "b": [{"exists": False}]}).matches(event)
    assert not Pattern({path: [2]}).matches(event)
