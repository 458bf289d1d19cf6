"""``trailforward routes``."""

from __future__ import annotations

import json
import tomllib

from tests.support.command import trailforward
from trailforward import Config, readymade
from trailforward.cli._toml import tables
from trailforward.patterns import Pattern
from trailforward.routing import build_routes


def test_all_routes_are_listed() -> None:
    """Each route has a line with its name and what it takes; words for people go to standard error."""
    done = trailforward("routes")
    assert done.code == 0
    lines = done.out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(readymade.everything())
    assert all(
        route.title in line for route, line in zip(readymade.everything().values(), lines, strict=True)
    )
    assert "use =" in done.err


def test_programs_get_json() -> None:
    """--json gives every route with its pattern and tests."""
    listed = json.loads(trailforward("routes", "--json").out)
    assert [route["name"] for route in listed] == list(readymade.everything())
    one = json.loads(trailforward("routes", "root-sign-in", "--json").out)
    assert one == next(route for route in listed if route["name"] == "root-sign-in")
    assert one["pattern"] == json.loads(readymade.load("root-sign-in").pattern)
    assert {test["matches"] for test in one["tests"]} == {True, False}


def test_a_route_is_printed_ready_to_paste() -> None:
    """NAME prints the pattern as JSON, and TOML that is a configuration by name and in full."""
    done = trailforward("routes", "open-security-group")
    assert done.code == 0
    assert readymade.load("open-security-group").pattern in done.out
    by_name, in_full = ("[[routes]]\n" + part for part in done.out.split("[[routes]]\n")[1:])
    for text in (by_name.replace("…", "out"), in_full.replace("…", "out")):
        config = Config.from_toml(text + '\n[sinks.out]\nto = "stdout:"\n')
        compiled = build_routes(config)[0].pattern
        assert compiled is not None
        assert json.loads(compiled.text) == json.loads(readymade.load("open-security-group").pattern)


def test_every_pattern_survives_the_way_through_toml() -> None:
    """The TOML of every ready-made route means what its JSON means."""
    for route in readymade.everything().values():
        pattern = json.loads(route.pattern)
        assert tomllib.loads(tables("pattern", pattern))["pattern"] == pattern
        Pattern(pattern)


def test_odd_patterns_survive_the_way_through_toml() -> None:
    """Keys and strings that TOML must quote, numbers and empty tables stay what they are."""
    odd = {
        "a b": {"": ["'\"\\\n\x7fü"], "c.d": {}},
        "in": {"only": {"x": [1]}},
        "n": [1, 1.5, True, {"numeric": [">", 0]}],
        "q": ['"'],
    }
    assert tomllib.loads(tables("p", odd))["p"] == odd


def test_an_unknown_name_is_answered_with_those_alike() -> None:
    """A misspelt name ends with 2 and says what is there."""
    done = trailforward("routes", "root-signin")
    assert (done.code, done.out) == (2, "")
    assert "root-sign-in" in done.err
    assert "access-denied" in trailforward("routes", "zzz").err
