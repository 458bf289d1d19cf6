"""Explanations say why an event did not match."""

from __future__ import annotations

from typing import Any

import pytest

from trailforward.errors import EventError
from trailforward.patterns import Pattern


def explanation(source: Any, event: Any) -> str:
    """An explanation as text."""
    return str(Pattern(source).explain(event))


def test_values_that_differ() -> None:
    """A field with another value is reported with the values found and the expected array as written."""
    text = explanation('{"a": {"b": ["x",  {"prefix": "y"}]}}', {"a": {"b": ["p", "q"]}})
    assert text == """does not match\n  a.b: 'p', 'q' is not in ["x",  {"prefix": "y"}]"""


def test_missing_fields() -> None:
    """A missing field is reported as missing, unless it may be missing."""
    source = {"a": ["x"], "b": [{"exists": False}], "c": [{"exists": False}]}
    text = explanation(source, {"c": 1})
    assert "a: missing, expected" in text
    assert "b:" not in text
    assert "c: 1 is not in" in text


def test_branches() -> None:
    """Each combination of $or has its own reasons."""
    source = {"$or": [{"a": ["x"]}, {"b": ["x"]}]}
    text = explanation(source, {"a": "y"})
    assert "$or combination 1:\n    a: 'y'" in text
    assert "$or combination 2:\n    b: missing" in text
    found = Pattern(source).explain({"b": "x"})
    assert found.matched
    assert found.branches[1] == ()
    assert found.branches[0]


def test_fields_in_different_elements() -> None:
    """If all fields match, but in different elements of an array, the explanation says so."""
    text = explanation({"a": {"x": [1], "y": [1]}}, {"a": [{"x": 1}, {"y": 1}]})
    assert "not in the same element of an array" in text
    assert "a.x, a.y" in text


@pytest.mark.parametrize("event", [[], 1, "[]"])
def test_events_that_are_not_objects(event: Any) -> None:
    """An event that is not an object is reported as such."""
    assert "not a JSON object" in explanation({"a": ["x"]}, event)


def test_events_that_are_not_json() -> None:
    """Text that is not JSON raises the same error as in ``matches``."""
    with pytest.raises(EventError):
        Pattern({"a": ["x"]}).explain("{")
