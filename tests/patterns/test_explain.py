"""Why an event did not match, in words."""

from __future__ import annotations

from typing import Any

import pytest

from trailforward.errors import EventError
from trailforward.patterns import Pattern


def words(source: Any, event: Any) -> str:
    """An explanation as text."""
    return str(Pattern(source).explain(event))


def test_values_that_differ() -> None:
    """A field with another value is named with what was found and what was wanted, as written."""
    text = words('{"a": {"b": ["x",  {"prefix": "y"}]}}', {"a": {"b": ["p", "q"]}})
    assert text == """does not match\n  a.b: 'p', 'q' is not in ["x",  {"prefix": "y"}]"""


def test_missing_fields() -> None:
    """A field that is not there is named as missing; one that may be missing is not."""
    source = {"a": ["x"], "b": [{"exists": False}], "c": [{"exists": False}]}
    text = words(source, {"c": 1})
    assert "a: no value there" in text
    assert "b:" not in text
    assert "c: 1 is not in" in text


def test_branches() -> None:
    """Each combination of $or gets its own reasons."""
    source = {"$or": [{"a": ["x"]}, {"b": ["x"]}]}
    text = words(source, {"a": "y"})
    assert "$or combination 1:\n    a: 'y'" in text
    assert "$or combination 2:\n    b: no value" in text
    found = Pattern(source).explain({"b": "x"})
    assert found.matched
    assert found.branches[1] == ()
    assert found.branches[0]


def test_elements_that_do_not_go_together() -> None:
    """Where every field holds somewhere, but in different elements of an array, it says so."""
    text = words({"a": {"x": [1], "y": [1]}}, {"a": [{"x": 1}, {"y": 1}]})
    assert "not in the same element of an array" in text
    assert "a.x, a.y" in text


@pytest.mark.parametrize("event", [[], 1, "[]"])
def test_events_that_are_no_objects(event: Any) -> None:
    """An event that is no object is told so."""
    assert "not a JSON object" in words({"a": ["x"]}, event)


def test_events_that_are_not_json() -> None:
    """What is not JSON raises as it does in matches."""
    with pytest.raises(EventError):
        Pattern({"a": ["x"]}).explain("{")
