"""``trailforward detections``."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from tests.support.command import trailforward
from trailforward import Config, detections
from trailforward.cli._toml import tables
from trailforward.patterns import Pattern
from trailforward.pipeline.routing import build_routes
from trailforward.testing import samples


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


def test_a_set_is_listed_by_its_name() -> None:
    """set:NAME lists the detections of a set."""
    lines = trailforward("detections", "set:cis").out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == [route.name for route in detections.load_set("cis")]


def test_hits_are_counted_over_files(tmp_path: Path) -> None:
    """--hits counts the events that each detection matches, the most frequent first."""
    file = tmp_path / "events.ndjson"
    names = ("root-console-login", "root-console-login", "trail-stopped", "guardduty-finding")
    file.write_bytes(b"\n".join(samples.load(name) for name in names))
    done = trailforward("detections", "--hits", str(file))
    assert done.code == 0
    first, second = (line.split() for line in done.out.splitlines()[1:3])
    assert {first[0], second[0]} == {"root-sign-in", "root-activity"}
    assert first[1:] == ["2", "500.0"]
    assert "4 events" in done.err
    counts = json.loads(trailforward("detections", "set:evasion", "--json", "--hits", str(file)).out)
    assert counts["events"] == 4
    assert counts["hits"]["trail-changed"] == 1
    assert counts["hits"].keys() == {route.name for route in detections.load_set("evasion")}


def test_hits_say_what_they_cannot_read(tmp_path: Path) -> None:
    """A missing file, or a line that is not an event, is reported, and the exit status is 2."""
    file = tmp_path / "events.ndjson"
    file.write_bytes(b'{"neither": 1}\n' + samples.load("trail-stopped"))
    done = trailforward("detections", "--hits", str(file), "--hits", str(tmp_path / "none"))
    assert done.code == 2
    assert "events.ndjson:1" in done.err
    assert "No such file" in done.err
    assert "1 events" in done.err


def test_the_page_of_the_documentation_is_current() -> None:
    """docs/detections.md is what --markdown prints; write it again after each change of a detection."""
    done = trailforward("detections", "--markdown")
    assert done.out == Path("docs/detections.md").read_text("utf-8")
    assert all(f"### `{name}`" in done.out for name in detections.load_all())
