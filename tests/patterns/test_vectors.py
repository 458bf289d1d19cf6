"""Responses recorded from AWS and Event Ruler's test suite, both kept outside the repository."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from trailforward.patterns import InvalidPatternError, Pattern, PatternSet
from trailforward.patterns.complexity import complexity
from trailforward.patterns.invalid import PREFIX


def _folder() -> Path | None:
    if named := os.environ.get("TRAILFORWARD_VECTORS"):
        return Path(named)
    if corpus := os.environ.get("TRAILFORWARD_CORPUS"):
        beside = Path(corpus).parent / "vectors"
        return beside if beside.is_dir() else None
    return None


FOLDER = _folder()
pytestmark = pytest.mark.skipif(
    FOLDER is None,
    reason="no vectors: TRAILFORWARD_VECTORS, or a folder 'vectors' beside TRAILFORWARD_CORPUS, has them",
)
FILES = ("service.json", "ruler_tests.json")


def _vectors(name: str) -> list[dict[str, Any]]:
    assert FOLDER is not None
    everything = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return [vector for vector in everything if vector.get("layer") != "api"]


def _result(vector: dict[str, Any]) -> Any:
    try:
        pattern = Pattern(vector["pattern"])
    except InvalidPatternError:
        return "exception"
    return "ok" if vector["event"] is None else pattern.matches(vector["event"])


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_result_is_reproduced(name: str) -> None:
    """Every recorded match, mismatch, and error is reproduced."""
    vectors = _vectors(name)
    wrong = [
        (vector["name"], vector["pattern"], vector["event"])
        for vector in vectors
        if _result(vector) != vector.get("expect_strict_or", vector["expect"])
    ]
    assert not wrong, f"{len(wrong)} of {len(vectors)}"


@pytest.mark.parametrize("name", FILES)
def test_every_error_message_is_eventbridges(name: str) -> None:
    """Every error has EventBridge's exact message, with line and column."""
    for vector in _vectors(name):
        if vector.get("expect_strict_or", vector["expect"]) != "exception":
            continue
        with pytest.raises(InvalidPatternError) as caught:
            Pattern(vector["pattern"])
        # The recording replaced values by placeholders in two messages; its columns count the real values.
        text = vector["error_message"].replace("<partition>", "aws").replace("<region>", "us-east-1")
        assert str(caught.value).removeprefix(PREFIX) == text.removeprefix(PREFIX)


def test_wildcard_scores_are_the_references() -> None:
    """Wildcard complexity gets the same score as in Event Ruler."""
    for vector in _vectors("service.json"):
        if vector["expect"] != "exception":
            assert complexity(Pattern(vector["pattern"]).rules) == vector.get("complexity", 0)


@pytest.mark.parametrize("name", FILES)
def test_an_index_over_all_patterns_finds_those_that_match(name: str) -> None:
    """One index over the patterns of all vectors finds exactly those that match on their own."""
    vectors = [vector for vector in _vectors(name) if vector["event"] is not None]
    patterns = {}
    for vector in vectors:
        if _result(vector) != "exception":
            patterns[vector["pattern"]] = Pattern(vector["pattern"])
    together = PatternSet(patterns)
    for event in {vector["event"] for vector in vectors[::3]}:
        parsed = json.loads(event)
        expected = [name for name, pattern in patterns.items() if pattern.matches(parsed)]
        assert together.matches(parsed) == expected


@pytest.mark.parametrize("name", FILES)
def test_truncated_and_mutated_patterns_are_rejected_or_work(name: str) -> None:
    """Cutting a pattern anywhere or changing a character gives a pattern or InvalidPatternError."""
    for number, vector in enumerate(_vectors(name)):
        text = vector["pattern"]
        cut = number * 7919 % (len(text) + 1)
        swapped = '{}[]",:*\\0-n\x00é😀'[number % 15]
        for mutant in (text[:cut], text[:cut] + swapped + text[cut + 1 :], text[:cut] + text[cut + 1 :]):
            try:
                Pattern(mutant).matches(vector["event"] or "{}")
            except InvalidPatternError as error:
                assert error.reason  # noqa: PT017  # most mutants are invalid, some are not
