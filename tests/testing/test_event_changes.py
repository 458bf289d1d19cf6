"""Changes to events by dotted paths."""

from __future__ import annotations

from typing import Any

import pytest

from trailforward.testing.event_changes import apply_changes

EVENT: dict[str, Any] = {
    "source": "aws.s3",
    "detail": {"a": {"b": 1, "c": [{"d": 2}, {"d": 3}]}, "none": None, "x.y": {"z": 4}},
}


def test_the_event_itself_stays() -> None:
    """Changes apply to a deep copy."""
    value: dict[str, list[int]] = {"new": []}
    made = apply_changes(EVENT, {"detail.a.c.0.d": 5, "detail.v": value}, ["detail.a.b"])
    made["detail"]["v"]["new"].append(1)
    assert EVENT["detail"]["a"] == {"b": 1, "c": [{"d": 2}, {"d": 3}]}
    assert value == {"new": []}
    assert made["detail"]["a"] == {"c": [{"d": 5}, {"d": 3}]}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("source", "x", {"source": "x"}),
        ("detail.new.deep", 1, {"new": {"deep": 1}}),
        ("detail.none.deep", 1, {"none": {"deep": 1}}),
        ("detail.a", {"b": 9}, {"a": {"b": 9, "c": [{"d": 2}, {"d": 3}]}}),
        ("detail.a.c", [], {"a": {"b": 1, "c": []}}),
        ("detail.a.c.1", {"e": 1}, {"a": {"b": 1, "c": [{"d": 2}, {"d": 3, "e": 1}]}}),
        ("detail.x.y", 1, {"x.y": 1}),
        ("detail.a.b", {"now": "table"}, {"a": {"b": {"now": "table"}, "c": [{"d": 2}, {"d": 3}]}}),
    ],
)
def test_values_are_set(path: str, value: Any, expected: dict[str, Any]) -> None:
    """Missing objects are created, objects are merged, and other values are replaced."""
    made = apply_changes(EVENT, {path: value})
    assert (made if path == "source" else made["detail"]).items() >= expected.items()


def test_unset_comes_before_set() -> None:
    """Unsetting and setting one path replaces an object."""
    assert apply_changes(EVENT, {"detail": {"only": 1}}, ["detail"]) == {
        "source": "aws.s3",
        "detail": {"only": 1},
    }


def test_elements_of_arrays_are_removed() -> None:
    """A number is the index of an element."""
    assert apply_changes(EVENT, {}, ["detail.a.c.0"])["detail"]["a"]["c"] == [{"d": 3}]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"unset": ["detail.nope"]}, "cannot unset detail.nope:"),
        ({"unset": ["detail.nope.deeper"]}, "cannot unset detail.nope.deeper:"),
        ({"unset": ["detail.a.c.7"]}, "an array of 2, which has no '7'"),
        ({"unset": ["source.x"]}, "a scalar value, which has no 'x'"),
        ({"set": {"detail.a.c.2": 1}}, "an array of 2, which has no '2'"),
        ({"set": {"detail.a.c.d": 1}}, "an array of 2, which has no 'd'"),
        ({"set": {"source.deep": 1}}, "a scalar value, which has no 'deep'"),
        ({"set": {"": 1}}, "not a dotted path"),
    ],
)
def test_a_path_that_leads_nowhere_is_named(change: dict[str, Any], expected: str) -> None:
    """A misspelled path raises an error instead of testing something else."""
    with pytest.raises(ValueError, match=r"path|leads to|unset") as caught:
        apply_changes(EVENT, **{"set": {}, **change})
    assert expected in str(caught.value)
