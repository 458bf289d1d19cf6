"""The limit on wildcard complexity."""

from __future__ import annotations

from typing import Any

import pytest

from trailforward.patterns import InvalidPatternError, Limits, Pattern
from trailforward.patterns.complexity import MAX_WORK, TOO_COMPLEX, complexity

FREE = Limits(size=10**6, complexity=10**6)


def score(source: dict[str, Any], **options: Any) -> int:
    """The complexity of a pattern, without limits."""
    return complexity(Pattern(source, limits=FREE).rules, **options)


def wildcards(*texts: str) -> list[dict[str, str]]:
    """An array of wildcards."""
    return [{"wildcard": text} for text in texts]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("plain",), 1),
        (("",), 1),
        ((r"x\*y",), 1),
        (("*",), 2),
        (("log-*",), 2),
        (("log-*.gz",), 2),
        (("*log*",), 3),
        (("*/log/*",), 4),
        (("*x*x*x*x*",), 9),
        (("*oo*oo*",), 7),
        (("*zzz*",), 5),
        (("1*2*3*4*",), 5),
        (("*x*", "*y*"), 6),
        (("*x*", "*y*", "*z*", "*w*"), 12),
        (("*.gz", "*.xz", "*.7z"), 6),
        (("in/*", "out/*"), 2),
        (("*é*",), 3),
    ],
)
def test_scores(texts: tuple[str, ...], expected: int) -> None:
    """The score is the largest number of wildcard positions that one value can keep active."""
    assert score({"a": wildcards(*texts)}) == expected


def test_no_wildcard_scores_nothing() -> None:
    """Other operators do not count."""
    assert score({"a": ["x", {"prefix": "y"}]}) == 0


def test_lists_below_anything_but_share() -> None:
    """The texts of one anything-but list share their common prefix and their end."""
    assert score({"a": [{"anything-but": {"wildcard": ["*x*", "*y*", "*z*", "*w*"]}}]}) == 6
    assert score({"a": [{"anything-but": {"wildcard": ["*/in/*", "*/on/*"]}}]}) == 5
    assert score({"a": [{"anything-but": {"wildcard": ["abc", "abd"]}}]}) == 1


def test_gate() -> None:
    """Above the limit (10 by default), a pattern is rejected with EventBridge's message."""
    source = {"a": wildcards("*x*", "*y*", "*z*", "*w*")}
    with pytest.raises(InvalidPatternError) as caught:
        Pattern(source)
    assert caught.value.reason == TOO_COMPLEX
    assert caught.value.line is None
    Pattern(source, limits=Limits(complexity=12))
    Pattern({"a": wildcards("*v", "*w", "*x", "*y", "*z")})


def test_fields_are_scored_one_by_one() -> None:
    """Wildcards add up only for the same field in $or branches that can match together."""
    assert score({"a": wildcards("*x*"), "b": wildcards("*y*")}) == 3
    assert score({"$or": [{"a": wildcards("*x*")}, {"a": wildcards("*y*")}]}) == 6
    assert score({"$or": [{"a": ["1"], "b": wildcards("*x*")}, {"a": ["2"], "b": wildcards("*y*")}]}) == 3
    assert score({"$or": [{"a": ["1"], "b": wildcards("*x*")}, {"a": ["1"], "b": wildcards("*y*")}]}) == 6
    assert score({"$or": [{"a": wildcards("*x*")}, {"b": [1]}], "c": [1]}) == 3
    bridged = [{"a": [1], "b": wildcards("*x*")}, {"a": [2], "b": wildcards("*y*")}]
    assert score({"$or": [*bridged, {"a": [1, 2], "b": wildcards("*z*")}]}) == 9


def test_repeated_conditions_count_once_more() -> None:
    """A wildcard written twice in a list counts like two texts of one list."""
    assert score({"a": wildcards("*x*", "*x*")}) >= score({"a": wildcards("*x*")})


def test_fields_behind_an_absent_one() -> None:
    """After a field with only exists:false, Event Ruler stops counting; a thorough score continues."""
    source = {"a": [{"exists": False}], "b": wildcards("*x*")}
    assert score(source) == 0
    assert score(source, thorough=True) == 3


def test_search_ends() -> None:
    """The search is bounded for any wildcards, and stops at the first score above the limit."""
    source = {"a": wildcards("*x*", "*y*", "*z*", "*w*", "*v*")}
    assert 10 < score(source, stop=10) < score(source)
    long = {"a": wildcards("*" + "*".join("ab" * 8) + "*", "*" + "ab" * 200)}
    assert score(long, stop=10**6) > 10
    assert MAX_WORK <= 100_000
