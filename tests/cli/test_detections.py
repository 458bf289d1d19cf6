"""``trailforward detections``."""

from __future__ import annotations

import json
import tomllib

from tests.support.command import trailforward
from trailforward import Config, detections
from trailforward.cli._toml import tables
from trailforward.patterns import Pattern
from trailforward.pipeline.routing import build_routes


def test_all_detections_are_listed() -> None:
    """Each detection has a line with its name and title; hints go to standard error."""
    done = trailforward("detections")
    assert done.code == 0
    lines = done.out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(detections.load_all())
    assert all(route.title in line for route, line in zip(detections.load_all().values(), lines, strict=True))
    assert "use =" in done.err


def test_programs_get_json() -> None:
    """--json prints every detection with its pattern and tests."""
    listed = json.loads(trailforward("detections", "--json").out)
    assert [route["name"] for route in listed] == list(detections.load_all())
    one = json.loads(trailforward("detections", "root-sign-in", "--json").out)
    assert one == next(route for route in listed if route["name"] == "root-sign-in")
    assert one["pattern"] == json.loads(detections.load("root-sign-in").pattern)
    assert {test["matches"] for test in one["tests"]} == {True, False}


def test_a_detection_is_printed_ready_to_paste() -> None:
    """NAME prints the pattern as JSON, and TOML for a route, by name and in full."""
    done = trailforward("detections", "open-security-group")
    assert done.code == 0
    assert detections.load("open-security-group").pattern in done.out
    by_name, in_full = ("[[routes]]\n" + part for part in done.out.split("[[routes]]\n")[1:])
    for text in (by_name.replace("…", "out"), in_full.replace("…", "out")):
        config = Config.from_toml(text + '\n[sinks.out]\nto = "stdout:"\n')
        compiled = build_routes(config)[0].pattern
        assert compiled is not None
        assert json.loads(compiled.text) == json.loads(detections.load("open-security-group").pattern)


def test_every_pattern_has_the_same_meaning_in_toml() -> None:
    """The TOML and the JSON of every detection have the same meaning."""
    for route in detections.load_all().values():
        pattern = json.loads(route.pattern)
        assert tomllib.loads(tables("pattern", pattern))["pattern"] == pattern
        Pattern(pattern)


def test_unusual_patterns_have_the_same_meaning_in_toml() -> None:
    """Keys and strings that need quotes, numbers, and empty tables do not change."""
    odd = {
        "a b": {"": ["'\"\\\n\x7fü"], "c.d": {}},
        "in": {"only": {"x": [1]}},
        "n": [1, 1.5, True, {"numeric": [">", 0]}],
        "q": ['"'],
    }
    assert tomllib.loads(tables("p", odd))["p"] == odd


def test_an_unknown_name_gives_similar_names() -> None:
    """A misspelled name gives exit status 2 and the similar names; any other name gives all."""
    done = trailforward("detections", "root-signin")
    assert (done.code, done.out) == (2, "")
    assert "root-sign-in" in done.err
    assert "access-denied" in trailforward("detections", "zzz").err
