"""``[[routes]]`` in a configuration: detections, formats per sink, tests, and their problems."""

from __future__ import annotations

import tomllib

import jsonschema
import pytest

from trailforward import Config, ConfigError, detections
from trailforward.config import json_schema
from trailforward.config.lint import lint
from trailforward.pipeline.routing import build_routes

SINKS = """
[sinks.archive]
to = "file:archive.ndjson"

[sinks.siem]
to = "https://siem.example.com/in"
format = "record"
"""


def problems(text: str) -> dict[str, str]:
    """Returns key → what is wrong with the routes, and the fix."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(SINKS + text)
    return {problem.key: f"{problem.message}. {problem.fix}" for problem in caught.value.problems}


def route(keys: str, sinks: str = '["archive", "siem"]') -> str:
    """Returns the TOML of one route."""
    return f'[[routes]]\nname = "r"\nsinks = {sinks}\n{keys}\n'


def test_a_route_can_use_a_detection() -> None:
    """``use`` gives a route the pattern of a detection."""
    (compiled,) = build_routes(Config.from_toml(SINKS + route('use = "root-sign-in"')))
    assert compiled.pattern is not None
    assert compiled.pattern.text == detections.load("root-sign-in").pattern


def test_an_unknown_detection_names_similar_ones() -> None:
    """The error for a misspelled name suggests similar names; for any other name it lists all."""
    assert "root-sign-in" in problems(route('use = "root-signin"'))["routes.r.use"]
    strange = problems(route('use = "zzz"'))["routes.r.use"]
    assert all(name in strange for name in detections.load_all())


def test_use_and_pattern_exclude_each_other() -> None:
    """A route with two patterns is refused, and the error gives the fix."""
    text = problems(route('use = "root-sign-in"\npattern = { source = ["aws.iam"] }'))["routes.r"]
    assert text == "has both `use` and `pattern`. remove one of them"


def test_each_sink_of_a_route_may_have_a_format() -> None:
    """A sink gets the format that the route names, else its own format."""
    config = Config.from_toml(SINKS + route("", '["siem", { sink = "archive", format = "text" }]'))
    (compiled,) = build_routes(config)
    assert compiled.sinks == ("siem", "archive")
    assert compiled.formats == {"siem": "record", "archive": "text"}


def test_stop_and_default_reach_the_router() -> None:
    """The two flags are fields of the route that the router gets."""
    (compiled,) = build_routes(Config.from_toml(SINKS + route("stop = true\ndefault = true")))
    assert (compiled.stop, compiled.default) == (True, True)


@pytest.mark.parametrize(
    ("sinks", "key", "expected"),
    [
        ('["archive", "siem", { sink = "archiv" }]', "routes.r.sinks", "no sink is named 'archiv'"),
        ('["archive", { sink = "siem", format = "zip" }]', "routes.r.sinks[1].format", "raw, record, text"),
        ('["archive", { sink = "siem", format = "text" }]', "routes.r.sinks[1]", 'set batch = "single"'),
        ('["archive", "siem", "archive"]', "routes.r.sinks[2]", "name it once"),
        ('["archive", "siem", { format = "raw" }]', "routes.r.sinks[2].sink", "missing"),
        ('["archive", "siem", { sink = 1 }]', "routes.r.sinks[2].sink", "not a string"),
        ('["archive", "siem", 1]', "routes.r.sinks[2]", "in quotes"),
        ('["archive", { sink = "siem", format = 1 }]', "routes.r.sinks[1].format", "not a string"),
        ('["archive", "siem", { sink = "siem", form = "raw" }]', "routes.r.sinks[2].form", "write format"),
    ],
)
def test_a_wrong_sink_of_a_route_is_reported_with_its_key_and_fix(
    sinks: str, key: str, expected: str
) -> None:
    """Unknown sinks and formats, and formats that do not fit a sink, are errors in the configuration."""
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
def test_a_wrong_test_is_reported_with_its_key_and_fix(test: str, key: str, expected: str) -> None:
    """The tests of a route are validated with the configuration."""
    found = problems(route(f"[[routes.tests]]\n{test}"))
    assert expected in found[f"routes.r.tests[0]{key}"]


def test_the_schema_has_every_key_of_a_route() -> None:
    """Editors complete names of detections and formats, and accept what the configuration accepts."""
    schema = json_schema()
    names = schema["$defs"]["RouteSettings"]["properties"]["use"]["enum"]
    assert names == [*detections.load_all(), *(f"set:{name}" for name in detections.SETS)]
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
    """Returns the key and code of each lint."""
    return [(found.key, found.code) for found in lint(Config.from_toml(SINKS + routes))]


def test_lints_name_routes_that_never_match() -> None:
    """A route after a catch-all with ``stop``, or a default route beside a catch-all, never gets an event."""
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


def test_lints_name_doubtful_patterns() -> None:
    """Patterns that a forged event can match, and patterns that mean something unexpected, are reported."""
    doubtful = "pattern = { detail = { eventName = [{ anything-but = 'a' }, { anything-but = 'b' }] } }"
    assert lints(route(doubtful)) == [
        ("routes.r.pattern", "several-anything-but"),
        ("routes.r.pattern", "no-source"),
    ]
    assert lints(route('pattern = { source = ["aws.iam"] }')) == []


@pytest.mark.parametrize(
    ("keys", "key", "expected"),
    [
        ('use = "set:essentail"', ".use", "unknown set. write set:essentials"),
        ('use = "set:zzz"', ".use", "use one of set:essentials"),
        ('severity = "severe"', ".severity", 'write one of "informational", "low"'),
        ('runbook = "http://example.com"', ".runbook", "https://"),
        ('runbook = "https://user@example.com"', ".runbook", "https://"),
        ('tags = ["two words"]', ".tags[0]", "malformed"),
        (f'title = "{"x" * 151}"', ".title", "at most 150"),
        ("drop = true\nstop = true", "", "has both `drop` and `stop`"),
        ('drop = true\nseverity = "low"', "", "has both `drop` and `severity`"),
        ('disable = ["root-sign-in"]', "", "has `disable`, which changes a set"),
        ('use = "root-sign-in"\noverride.root-sign-in.severity = "low"', "", "has `override`"),
        ('use = "set:cis"\ndisable = ["public-bucket"]', "", "`disable` names 'public-bucket'"),
        ('use = "set:cis"\noverride.public-bucket.severity = "low"', "", "`override` names 'public-bucket'"),
        (
            'use = "set:cis"\noverride.root-activity.severity = 1',
            ".override.root-activity.severity",
            "unknown",
        ),
        ('use = "set:cis"\ntitle = "x"', "", "has `title`, but uses a set"),
        ('only = "x"', ".only", "EventBridge would reject it"),
        (
            f'use = "set:cis"\ndisable = {[one.name for one in detections.load_set("cis")]}',
            "",
            "every detection",
        ),
    ],
)
def test_keys_of_detections_that_make_no_sense_are_refused(keys: str, key: str, expected: str) -> None:
    """Each error names the key and the fix."""
    assert expected in problems(route(keys))[f"routes.r{key}"]


def test_only_a_drop_rule_may_omit_its_sinks() -> None:
    """A drop rule without sinks applies to all; a sink that only a drop rule names gets no events."""
    rule = '[[routes]]\nname = "noise"\ndrop = true\n'
    config = Config.from_toml(SINKS + rule + route(""))
    assert [one.drop for one in build_routes(config)] == [True, False]
    assert build_routes(config)[0].stop
    found = problems(rule + 'sinks = ["archive"]\n' + route("", '["siem"]'))
    assert found == {"sinks.archive": "no route uses this sink. name it in a route, or remove it"}


def test_a_bad_minimum_severity_is_refused() -> None:
    """``min_severity`` is one of five words."""
    with pytest.raises(ConfigError, match="min_severity"):
        Config.from_toml(SINKS + 'min_severity = "severe"\n' + route(""))


def texts(text: str) -> list[str]:
    """The lints of a configuration, as printed."""
    return [str(one) for one in lint(Config.from_toml(text))]


def test_routes_that_are_too_harmless_for_a_sink_are_linted() -> None:
    """A route that can never send to a sink with ``min_severity`` gets a lint; one that can does not."""
    text = SINKS + 'min_severity = "high"\n'
    plain = texts(text + route(""))
    assert plain == [
        "routes.r: never sends to siem, whose min_severity is high: it has no severity [below-severity]"
    ]
    assert "at most low" in texts(text + route('severity = "low"'))[0]
    assert texts(text + route('use = "set:essentials"')) == []
    assert texts(text + route('use = "set:cis"\nseverity = "critical"')) == []
    rated = 'use = "console-sign-in-failed"\nseverity = "high"'
    assert texts(text + route(rated)) == []


def test_a_detection_that_a_sink_gets_twice_is_linted() -> None:
    """The lint names the detection, the sink, and the other route; disabling it removes the lint."""
    second = '[[routes]]\nname = "set"\nuse = "set:essentials"\nsinks = ["siem"]\n'
    (found,) = texts(SINKS + route('use = "root-sign-in"') + second)
    assert found.startswith("routes.set: sends root-sign-in to siem, as route r does")
    assert texts(SINKS + route('use = "root-sign-in"') + second + 'disable = ["root-sign-in"]\n') == []


def test_drop_rules_and_restrictions_are_linted() -> None:
    """A drop rule for every event hides later routes; ``only`` has the lints of patterns."""
    rule = '[[routes]]\nname = "noise"\ndrop = true\n'
    assert "noise matches every event and has drop = true" in texts(SINKS + rule + route(""))[0]
    some = rule + 'sinks = ["siem"]\n' + route("default = true")
    assert texts(SINKS + some) == []
    odd = 'only = { detail = { eventName = [{ anything-but = "a" }, { anything-but = "b" }] } }'
    assert texts(SINKS + route(odd))[0].startswith("routes.r.only: detail.eventName")
    restricted = 'use = "set:cis"\noverride.root-activity.' + odd
    assert texts(SINKS + route(restricted))[0].startswith("routes.r.override.root-activity.only")


@pytest.mark.parametrize(
    ("keys", "valid"),
    [
        ('use = "set:cis"\ndisable = ["root-activity"]\nsinks = ["a"]', True),
        ('use = "set:cis"\noverride.root-activity.severity = "low"\nsinks = ["a"]', True),
        ('disable = ["root-activity"]\nsinks = ["a"]', False),
        ('use = "root-activity"\ndisable = ["root-activity"]\nsinks = ["a"]', False),
        ("drop = true", True),
        ("drop = false", False),
        ('severity = "severe"\nsinks = ["a"]', False),
        ('use = "root-activity"\npattern = {}\nsinks = ["a"]', False),
    ],
)
def test_the_schema_knows_which_keys_of_a_route_need_which(keys: str, *, valid: bool) -> None:
    """Editors accept the combinations that the configuration accepts."""
    text = '[sinks.a]\nto = "stdout:"\n[[routes]]\nname = "r"\n' + keys
    accepted = jsonschema.Draft202012Validator(json_schema()).is_valid(tomllib.loads(text))
    assert accepted is valid
