"""A PatternSet matches many patterns at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.depth import examples
from trailforward.errors import EventError, PatternError
from trailforward.message import Message, Origin
from trailforward.patterns import Pattern, PatternSet, addresses

EVENT = {
    "source": "aws.iam",
    "detail-type": "AWS API Call via CloudTrail",
    "resources": ["arn:aws:iam::111122223333:role/a", "arn:aws:iam::111122223333:role/b"],
    "detail": {
        "eventName": "CreateRole",
        "sourceIPAddress": "192.0.2.7",
        "readOnly": False,
        "requestParameters": {"roleName": "team-7-admin", "maxSessionDuration": 3600, "path": None},
    },
}


def routes(count: int) -> dict[str, dict[str, Any]]:
    """Routes of all kinds; only the one named `hit` matches."""
    made: dict[str, dict[str, Any]] = {}
    for n in range(count):
        made[f"route-{n}"] = {
            "source": [("aws.iam", "aws.s3")[n % 2]],
            "detail": (
                {"eventName": [f"Delete{n}"]},
                {"eventName": [{"prefix": f"Put{n}"}, {"suffix": f"{n}x"}]},
                {"requestParameters": {"roleName": [{"wildcard": f"team-x{n}-*"}]}},
                {"sourceIPAddress": [f"198.51.100.{n % 250}"], "readOnly": [True]},
                {"requestParameters": {f"field{n}": [{"exists": True}]}},
            )[n % 5],
        }
    return {**made, "hit": {"source": ["aws.iam"], "detail": {"eventName": ["CreateRole"]}}}


@pytest.mark.parametrize("count", [0, 10, 1_000])
def test_only_plausible_routes_are_run(count: int) -> None:
    """Of a thousand routes, only those that the event's values allow are evaluated."""
    together = PatternSet(routes(count))
    assert len(together) == count + 1
    assert together.matches(EVENT) == ["hit"]
    assert together.candidates(EVENT) == 1


def test_results_keep_the_order_of_names() -> None:
    """Matching names are returned once each, in the order of the patterns."""
    either = {"$or": [{"source": ["aws.iam"]}, {"detail": {"readOnly": [False]}}]}
    together = PatternSet({"z": either, "a": {"source": ["aws.iam"]}, "m": Pattern(either)})
    assert together.matches(EVENT) == ["z", "a", "m"]


@pytest.mark.parametrize(
    "source",
    [
        {"a": ["x"]},
        {"a": [{"exactly": "x"}]},
        {"a": [1, "x"]},
        {"a": [True]},
        {"a": [None]},
        {"a": [{"exists": False}]},
        {"a": [{"exists": True}]},
        {"a": [{"prefix": ""}]},
        {"a": [{"prefix": "x"}, {"suffix": "yy"}]},
        {"a": [{"suffix": ""}]},
        {"a": [{"wildcard": "x*"}]},
        {"a": [{"wildcard": "*y"}]},
        {"a": [{"wildcard": "*x*"}]},
        {"a": [{"wildcard": "x"}]},
        {"a": [{"wildcard": ""}]},
        {"a": ["10.0.0.1"]},
        {"a": [{"cidr": "10.0.0.0/8"}]},
        {"a": [{"anything-but": "x"}]},
        {"a": [{"equals-ignore-case": "X"}]},
        {"a": {"b": ["x"]}},
        {"a": ["x"], "b": [{"exists": False}]},
        {".".join("a" * 40): ["x"]},
        {"$or": [{"a": ["x"]}, {"b": ["x"]}]},
    ],
)
@pytest.mark.parametrize(
    "value",
    [
        "x",
        "xy",
        "yy",
        "",
        1,
        True,
        None,
        [],
        ["q", "x"],
        {"b": "x"},
        [{"b": ["x"]}],
        "::ffff:a00:1",
        "010.0.0.1",
        {},
    ],
    ids=repr,
)
def test_the_index_never_hides_a_match(source: dict[str, Any], value: Any) -> None:
    """A set returns the same results as its patterns one by one, for all operators and values."""
    together = PatternSet({"it": source, "other": {"a": ["never"], "c": [1]}})
    for event in ({"a": value}, {"a.b": value}, {"b": value}, {}):
        assert together.matches(event) == ["it"] * Pattern(source).matches(event)


@pytest.mark.parametrize(
    "event",
    [
        {"a": [{"b": "x", "c": "y"}, {"b": "y", "c": "x"}]},
        {"a": [{"b": "x", "c": "x"}, {"b": "y"}]},
        {"a": [[{"b": "x"}], {"c": "x"}]},
        {"a": {"b": ["x"], "c": ["y", "x"]}},
        {"a": {"b": "x"}, "a.c": "x"},
        {"a": {"b": "x", "c": "y"}, "a.c": "x"},
        {"a.b": "x", "a.c": "x"},
    ],
    ids=repr,
)
def test_fields_that_belong_together_are_judged_together(event: dict[str, Any]) -> None:
    """Fields of an array's objects must match in one object, in a set as in a single pattern."""
    source = {"a": {"b": ["x"], "c": ["x"]}}
    assert PatternSet({"it": source}).matches(event) == ["it"] * Pattern(source).matches(event)


VALUES = st.sampled_from(["x", "y", "xx", "10.0.0.1", "010.0.0.1", 1, True, None])
MEMBERS = [
    *("x", 1, None, True, "10.0.0.1"),
    *({"exists": False}, {"exists": True}, {"anything-but": "y"}, {"cidr": "10.0.0.0/8"}),
    *({"prefix": "x"}, {"suffix": "x"}, {"wildcard": "x*"}, {"wildcard": "*x"}, {"wildcard": "x*y"}),
]
FIELDS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "a.b", "a.c", "b.c", "a.b.c"]),
    st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=3),
    min_size=1,
    max_size=4,
)
NESTED = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=6,
)


@settings(max_examples=examples(150), deadline=None)
@given(
    sources=st.lists(FIELDS, min_size=1, max_size=5),
    event=st.dictionaries(st.sampled_from(["a", "b", "c", "a.b", "a.c"]), NESTED, max_size=4),
)
def test_all_at_once_is_one_by_one(sources: list[dict[str, Any]], event: dict[str, Any]) -> None:
    """For any patterns and any event, the set finds exactly the patterns that match on their own."""
    patterns = {str(number): Pattern(source) for number, source in enumerate(sources)}
    alone = [name for name, pattern in patterns.items() if pattern.matches(event)]
    assert PatternSet(patterns).matches(event) == alone


def test_what_is_not_remembered_is_found_all_the_same() -> None:
    """More distinct values than the caches hold give the same results, the first time and again."""
    together = PatternSet(
        {"even": {"n": [{"suffix": "0"}]}, "odd": {"n": [{"anything-but": ["x"]}], "m": ["1"]}}
    )
    for _ in range(2):
        for number in range(3_000):
            event = {"n": str(number), "m": str(number % 3)}
            assert together.matches(event) == ["even"] * (number % 10 == 0) + ["odd"] * (number % 3 == 1)


def test_long_texts_are_matched_and_not_cached() -> None:
    """Events may contain texts of any length; the caches stay small."""
    together = PatternSet({"long": {"a": [{"prefix": "x"}]}, "net": {"a": [{"cidr": "10.0.0.0/8"}]}})
    before = addresses._cached.cache_info().currsize
    assert together.matches({"a": "x" * 100_000}) == ["long"]
    assert together.matches({"a": "::ffff:" + "0" * 1_000 + "a00:1"}) == ["net"]
    assert addresses._cached.cache_info().currsize == before
    assert together._index.indexes[0].cache == {}
    assert together.matches({"a": "xy"}) == ["long"]
    assert list(together._index.indexes[0].cache) == ["xy"]


def test_events_in_every_form() -> None:
    """A set accepts and rejects the same forms of event as a pattern."""
    together = PatternSet({"iam": {"source": ["aws.iam"]}})
    text = json.dumps(EVENT)
    assert together.matches(text) == together.matches(text.encode()) == ["iam"]
    assert together.matches(Message(text.encode(), Origin("test"))) == ["iam"]
    assert together.matches("[]") == []
    assert together.candidates("[]") == 0
    with pytest.raises(EventError):
        together.matches("{")


def test_invalid_patterns_are_named() -> None:
    """The error for an invalid pattern names it."""
    with pytest.raises(PatternError) as caught:
        PatternSet({"good": {"a": [1]}, "bad": {"a": 1}})
    assert "'bad'" in caught.value.__notes__[0]


def test_explain() -> None:
    """Explanations say for every pattern and field why it did not match."""
    found = PatternSet(routes(1)).explain(EVENT)
    assert found["hit"].matched
    assert str(found["hit"]) == "matches"
    (branch,) = found["route-0"].branches
    assert [mismatch.path for mismatch in branch] == ["detail.eventName"]
    assert branch[0].found == ("CreateRole",)
