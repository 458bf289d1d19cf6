"""``[[routes]]`` in the configuration: detections, formats per sink, tests, and problems."""

from __future__ import annotations

import jsonschema
import pytest

from trailforward import Config, ConfigError, readymade
from trailforward.config import json_schema
from trailforward.config.lint import lint

SINKS = """
[sinks.archive]
to = "file:archive.ndjson"

[sinks.siem]
to = "https://siem.example.com/in"
format = "record"
"""


def problems(text: str) -> dict[str, str]:
    """Key → problem and fix, of all problems with routes."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(SINKS + text)
    return {problem.key: f"{problem.message}. {problem.fix}" for problem in caught.value.problems}


def route(keys: str, sinks: str = '["archive", "siem"]') -> str:
    """The TOML of one route."""
    return f'[[routes]]\nname = "r"\nsinks = {sinks}\n{keys}\n'


def test_a_detection_is_used_by_name() -> None:
    """``use`` gives a route the pattern of a detection."""
    (compiled,) = Config.from_toml(SINKS + route('use = "root-sign-in"')).compiled_routes()
    assert compiled.pattern is not None
    assert compiled.pattern.text == readymade.load("root-sign-in").pattern


def test_an_unknown_detection_lists_similar_names() -> None:
    """The error for a misspelled name lists similar names; for an unknown name it lists all."""
    assert "root-sign-in" in problems(route('use = "root-signin"'))["routes.r.use"]
    strange = problems(route('use = "zzz"'))["routes.r.use"]
    assert all(name in strange for name in readymade.everything())


def test_use_and_pattern_exclude_each_other() -> None:
    """A route with two patterns is rejected, and the error names the fix."""
    text = problems(route('use = "root-sign-in"\npattern = { source = ["aws.iam"] }'))["routes.r"]
    assert text == "both `use` and `pattern`. remove one of them"


def test_each_sink_of_a_route_may_have_a_format() -> None:
    """A sink gets the route's format, or its own if the route names none."""
    config = Config.from_toml(SINKS + route("", '["siem", { sink = "archive", format = "text" }]'))
    (compiled,) = config.compiled_routes()
    assert compiled.sinks == ("siem", "archive")
    assert compiled.formats == {"siem": "record", "archive": "text"}


def test_stop_and_default_reach_the_router() -> None:
    """The two flags are part of the compiled route."""
    (compiled,) = Config.from_toml(SINKS + route("stop = true\ndefault = true")).compiled_routes()
    assert (compiled.stop, compiled.default) == (True, True)


@pytest.mark.parametrize(
    ("sinks", "key", "expected"),
    [
        ('["archive", "siem", { sink = "archiv" }]', "routes.r.sinks", "there is no sink 'archiv'"),
        ('["archive", { sink = "siem", format = "zip" }]', "routes.r.sinks[1].format", "raw, record, text"),
        ('["archive", { sink = "siem", format = "text" }]', "routes.r.sinks[1]", 'set batch = "single"'),
        ('["archive", "siem", "archive"]', "routes.r.sinks[2]", "name it once"),
        ('["archive", "siem", { format = "raw" }]', "routes.r.sinks[2].sink", "missing"),
        ('["archive", "siem", { sink = 1 }]', "routes.r.sinks[2].sink", "not text"),
        ('["archive", "siem", 1]', "routes.r.sinks[2]", "in quotes"),
        ('["archive", { sink = "siem", format = 1 }]', "routes.r.sinks[1].format", "not text"),
        ('["archive", "siem", { sink = "siem", form = "raw" }]', "routes.r.sinks[2].form", "write format"),
    ],
)
def test_a_wrong_sink_of_a_route_is_named_with_its_fix(sinks: str, key: str, expected: str) -> None:
    """Unknown sinks and formats, and formats that do not fit a sink, are configuration errors."""
    assert expected in problems(route("", sinks))[key]


@pytest.mark.parametrize(
    ("test", "key", "expected"),
    [
        ("matches = true", "", "neither `sample` nor `event`"),
        ('sample = "a"\nevent = "b"\nmatches = true', "", "both `sample` and `event`"),
        ('sample = "a"', ".matches", "missing"),
        ('sample = "a"\nmatches = "yes"', ".matches", "without quotes"),
        ('sample = "a"\nmatches = true\nunset = "detail"', ".unset", "not a list"),
        ('sample = "a"\nmatches = true\nset = "detail"', ".set", "not a table"),
        ('sample = "a"\nmatch = true\nmatches = true', ".match", "write matches"),
    ],
)
def test_a_wrong_test_is_named_with_its_fix(test: str, key: str, expected: str) -> None:
    """Tests of routes are checked with the configuration."""
    found = problems(route(f"[[routes.tests]]\n{test}"))
    assert expected in found[f"routes.r.tests[0]{key}"]


def test_the_schema_describes_routes() -> None:
    """The schema lists detections and formats, and accepts what the configuration accepts."""
    schema = json_schema()
    assert schema["$defs"]["RouteSettings"]["properties"]["use"]["enum"] == list(readymade.everything())
    assert schema["$defs"]["RouteSettings"]["properties"]["default"]["type"] == "boolean"
    assert schema["$defs"]["RouteTest"]["properties"]["set"]["type"] == "object"
    good = {
        "sinks": {"a": {"to": "stdout:"}},
        "routes": [
            {
                "name": "r",
                "sinks": ["a", {"sink": "a", "format": "text"}],
                "use": "root-sign-in",
                "stop": True,
                "default": False,
                "tests": [{"sample": "x", "matches": True, "set": {"detail.a": 1}, "unset": ["detail.b"]}],
            }
        ],
    }
    jsonschema.validate(good, schema)
    good["routes"][0]["sinks"] = [{"sink": "a", "format": "zip"}]  # type: ignore[index]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(good, schema)


def lints(routes: str) -> list[tuple[str, str]]:
    """Key and code of each lint finding."""
    return [(found.key, found.code) for found in lint(Config.from_toml(SINKS + routes))]


def test_lint_reports_routes_that_never_match() -> None:
    """Lint reports routes after one that matches everything and stops, and default routes next to one."""
    both = 'sinks = ["archive", "siem"]\n'
    text = f'[[routes]]\nname = "a"\n{both}stop = true\n[[routes]]\nname = "b"\n{both}'
    assert lints(text) == [("routes.b", "unreached")]
    assert lints(f'{text}[[routes]]\nname = "c"\n{both}default = true\n') == [
        ("routes.c", "unreached"),
        ("routes.b", "unreached"),
    ]
    default = f'[[routes]]\nname = "d"\n{both}default = true\nstop = true\n'
    assert lints(f'{default}[[routes]]\nname = "e"\n{both}default = true\n') == [("routes.e", "unreached")]
    assert lints(f'{default}[[routes]]\nname = "f"\n{both}use = "root-sign-in"\n') == []


def test_lint_reports_doubtful_patterns() -> None:
    """Lint reports patterns that match spoofed events, and patterns that do not mean what they seem to."""
    doubtful = "pattern = { detail = { eventName = [{ anything-but = 'a' }, { anything-but = 'b' }] } }"
    assert lints(route(doubtful)) == [
        ("routes.r.pattern", "several-anything-but"),
        ("routes.r.pattern", "no-source"),
    ]
    assert lints(route('pattern = { source = ["aws.iam"] }')) == []
