"""``trailforward sigma``: rules become routes, and the routes match what the rules match."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.command import trailforward
from trailforward.sigma.clauses import NotConvertibleError
from trailforward.sigma.conversion import Converted, convert
from trailforward.sigma.evaluate import evaluator
from trailforward.sigma.reading import read
from trailforward.sigma.rule import Refusal, Rule

RULE = """\
title: Trail stopped
id: 3d1d6d0c-98a1-4c3e-9c0c-4d8d3c9a5a10
status: test
description: Somebody stopped a trail.
references: [https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StopLogging.html]
author: Rosa Diaz, Dora Example
tags: [attack.t1562.008]
logsource: {product: aws, service: cloudtrail}
detection:
    selection:
        eventSource: cloudtrail.amazonaws.com
        eventName: [StopLogging, DeleteTrail]
    condition: selection
level: high
"""


def rule_of(detection: dict[str, Any], folder: Path) -> Rule:
    """A rule with a detection, as it is read from a file."""
    document = {
        "title": "A rule",
        "logsource": {"product": "aws", "service": "cloudtrail"},
        "detection": detection,
    }
    file = folder / "rule.yml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    (rule,) = read([str(file)])
    assert isinstance(rule, Rule), rule
    return rule


def converted(folder: Path, condition: str = "selection", /, **selections: Any) -> Converted:
    """The conversion of a rule with these selections."""
    return convert(rule_of({**selections, "condition": condition}, folder))


def event(**detail: Any) -> dict[str, Any]:
    """An envelope with a record."""
    return {"source": "aws.iam", "detail-type": "AWS API Call via CloudTrail", "detail": detail}


def test_a_rule_becomes_a_route_with_all_that_people_need(tmp_path: Path) -> None:
    """A route has the severity, title, author, link, and tags of its rule, and its tests pass."""
    (tmp_path / "Trail_Stopped.yml").write_text(RULE, encoding="utf-8")
    routes = tmp_path / "routes.toml"
    done = trailforward("sigma", "convert", tmp_path, "--out", routes)
    assert done.code == 0, done.err
    assert done.out.startswith("exact ")
    (route,) = tomllib.loads(routes.read_text(encoding="utf-8"))["routes"]
    assert {key: route[key] for key in ("name", "severity", "title", "author", "tags", "description")} == {
        "name": "trail-stopped",
        "severity": "high",
        "title": "Trail stopped",
        "author": "Rosa Diaz, Dora Example",
        "tags": ["attack.t1562.008"],
        "description": "Somebody stopped a trail.",
    }
    assert route["runbook"].endswith("API_StopLogging.html")
    assert [test["matches"] for test in route["tests"]] == [True, False]
    assert trailforward("validate", "--strict", routes).code == 0
    assert trailforward("test", routes).code == 0


def test_every_document_is_reported(tmp_path: Path) -> None:
    """What is not converted has one sentence with its file and the reason, and the rest is converted."""
    (tmp_path / "good.yml").write_text(RULE, encoding="utf-8")
    changes = {
        "azure": ("product: aws, service: cloudtrail", "product: azure, service: signinlogs"),
        "modifier": ("eventName:", "eventName|nosuch:"),
        "count": ("condition: selection", "condition: selection | count() by userName > 5"),
        "other-field": ("eventName:", "userIdentity.arn|fieldref:"),
        "words": ("    condition: selection", "    other: [text]\n    condition: selection and other"),
        "broken": ("detection:", "detection: ["),
    }
    for name, (old, new) in changes.items():
        (tmp_path / f"{name}.yml").write_text(RULE.replace(old, new), encoding="utf-8")
    (tmp_path / "notes.yaml").write_text("a: note", encoding="utf-8")
    (tmp_path / "counts.yml").write_text("correlation: {type: event_count}\ntitle: x", encoding="utf-8")
    done = trailforward("sigma", "convert", tmp_path, "--json")
    assert done.code == 1
    report = json.loads(done.out)
    reasons = {Path(one["file"]).stem: one.get("reason", "") for one in report["rules"] + report["skipped"]}
    assert reasons["good"] == ""
    assert "azure" in reasons["azure"]
    assert "nosuch" in reasons["modifier"]
    assert "without timeframe" in reasons["count"]
    assert "does not list rules" in reasons["counts"]
    assert "another field, StopLogging" in reasons["other-field"]
    assert "whole event" in reasons["words"]
    assert "not valid YAML" in reasons["broken"]
    assert "not a rule" in reasons["notes"]
    assert report["summary"] | {"exact": 1, "not_convertible": 6, "skipped": 2} == report["summary"]


@pytest.mark.parametrize("logsource", ["service: cloudtrail", "product: aws, service: iam", "product: AWS"])
def test_other_ways_to_say_cloudtrail_are_read(tmp_path: Path, logsource: str) -> None:
    """Rules that name the service of the calls, or leave out a part of the log source, are converted, too."""
    file = tmp_path / "rule.yml"
    file.write_text(RULE.replace("product: aws, service: cloudtrail", logsource), encoding="utf-8")
    assert [type(one) for one in read([str(file)])] == [Rule]


def test_read_only_calls_and_what_cloudtrail_never_writes_are_reported(tmp_path: Path) -> None:
    """A rule says which of its calls the rule state ENABLED hides, and what CloudTrail never writes."""
    reads = converted(tmp_path, selection={"eventName": ["ListBuckets", "DeleteBucket"]}).judgement
    assert (reads.read_only, reads.only_read_only) == (("ListBuckets",), False)
    assert converted(tmp_path, selection={"eventName": "listbuckets"}).judgement.read_only == ()
    only = converted(tmp_path, selection={"eventName": "GetCallerIdentity"}).judgement
    assert only.only_read_only
    data = {"eventSource": "s3.amazonaws.com", "eventName": "GetObject"}
    assert not converted(tmp_path, selection=data).judgement.read_only
    never = converted(tmp_path, selection={"errorCode": ["Success", "AccessDenied"]}).judgement
    assert "omits the field" in never.never[0]
    text = converted(tmp_path, selection={"requestParameters|contains": "Suspended"}).judgement
    assert text.impossible
    assert "object" in text.never[0]
    assert not converted(tmp_path, selection={"userIdentity.type": "root"}).judgement.never


@pytest.mark.parametrize(
    ("selection", "yes", "no"),
    [
        ({"a": "Abc"}, ["aBC", ["x", "ABC"]], ["abcd", None, 1]),
        ({"a": "true"}, ["TRUE", True], [False, "false", None]),
        ({"a": "7"}, ["7", 7], ["70", 70]),
        ({"a|startswith": "Ab"}, ["abx", "AB"], ["xab"]),
        ({"a|endswith": "Bc"}, ["xBC"], ["bcx"]),
        ({"a|contains": "/:/"}, ["x/:/y", "/:/"], ["/:"]),
        ({"a|contains|all": ["b-", "a-"]}, ["xa-b-", "b-a-"], ["a-", "b-"]),
        ({"a|cased": "Ab"}, ["Ab"], ["ab"]),
        ({"a": "*"}, ["", "x", 0, False], [None]),
        ({"a": None}, [None], ["", 0]),
        ({"a|exists": True}, ["", None], []),
        ({"a|cidr": ["192.0.2.0/24", "2001:db8::/32"]}, ["192.0.2.9", "2001:db8::1"], ["198.51.100.1", "x"]),
        ({"a|gte": 5}, [5, 6.5], [4, "a"]),
        ({"a|re": "^x(1|2)y$"}, ["x1y", "x2y"], ["x3y", "zx1y", "x1yz"]),
        ({"a": r"x\*y"}, ["x*y"], ["xzy"]),
        ({"a|windash|startswith": "-s"}, ["-S y", "/s y"], ["s y"]),
    ],
)
def test_values_match_as_in_sigma(
    tmp_path: Path, selection: dict[str, Any], yes: list[Any], no: list[Any]
) -> None:
    """Texts ignore case, booleans may be texts, and each modifier and its negation do what Sigma says."""
    named = {f"requestParameters.{field}": value for field, value in selection.items()}
    positive = converted(tmp_path, selection=named)
    negative = converted(tmp_path, "not selection", selection=named)
    for value, expected in [*((one, True) for one in yes), *((one, False) for one in no)]:
        made = event(requestParameters={"a": value})
        assert positive.matches(made) is expected, value
        if not isinstance(value, list):
            assert negative.matches(made) is not expected, value
    assert positive.matches(event(requestParameters={})) is (named == {"requestParameters.a": None})
    assert negative.matches(event(requestParameters={})) is (named != {"requestParameters.a": None})


def test_any_value_but_one_excludes_null(tmp_path: Path) -> None:
    """A field that must have a value, and not a certain one, does not match null, as in the rule."""
    for present, null in (
        ({"requestParameters.a": "*"}, False),
        ({"requestParameters.a|exists": True}, True),
    ):
        one = converted(tmp_path, "s and not n", s=present, n={"requestParameters.a": "x"})
        found = [
            one.matches(event(requestParameters=made)) for made in ({"a": "y"}, {"a": "X"}, {"a": None}, {})
        ]
        assert (one.status, found) == ("approximate", [True, False, null, False])


def test_two_conditions_on_one_field_need_two_patterns(tmp_path: Path) -> None:
    """Conditions that do not fit into one pattern go into the route's `only`, without loss."""
    selection = {"userAgent|startswith": "Aws-", "requestParameters.x": "true"}
    other = {"userAgent|endswith": "/CLI"}
    one = converted(tmp_path, "selection and other", selection=selection, other=other)
    assert (one.status, len(one.patterns)) == ("exact", 2)
    assert one.matches(event(userAgent="AWS-x/cli", requestParameters={"x": True}))
    assert not one.matches(event(userAgent="AWS-x/clo", requestParameters={"x": True}))


def test_routes_are_not_bound_by_the_limits_of_eventbridge(tmp_path: Path) -> None:
    """Long lists and many wildcards become a route, and its configuration is valid."""
    agents = [f"{word}-Tool-{at}" for at in range(12) for word in ("red", "blue")]
    names = [f"DeleteSomethingWithALongName{at}" for at in range(150)]
    detection = {"userAgent|contains": agents, "eventName": names}
    one = converted(tmp_path, selection=detection)
    assert one.matches(event(userAgent="a RED-TOOL-7 b", eventName="deletesomethingwithalongname149"))
    routes = tmp_path / "routes.toml"
    assert trailforward("sigma", "convert", tmp_path / "rule.yml", "--out", routes).code == 0
    assert trailforward("validate", "--strict", routes).code == 0
    assert trailforward("test", routes).code == 0


def test_contradictions_are_reported(tmp_path: Path) -> None:
    """A rule that contradicts itself becomes no route, and the report says so."""
    one = converted(tmp_path, "a and not b", a={"eventName": "X"}, b={"eventName": "x"})
    assert one.patterns == ()
    assert one.judgement.impossible


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x]\n"
        + "".join(
            f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
            for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "a: &a [*a]",
        "[" * 5000,
        "? " * 5000,
        f"a: {'9' * 5000}",
        "x" * 600_000,
        "title: a\ntitle: [",
        "!!python/object/apply:os.system [ls]",
        "\x00",
    ],
)
def test_hostile_files_are_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    """Aliases without end, depth, size, and tags of programs cost one sentence, not the run."""
    file = tmp_path / "hostile.yml"
    file.write_text(text, encoding="utf-8")
    found = list(read([str(file)]))
    assert found
    assert all(isinstance(one, Refusal) and "\n" not in one.reason and len(one.reason) < 400 for one in found)


def test_text_of_a_rule_cannot_add_keys_to_the_configuration(tmp_path: Path) -> None:
    """Line breaks and control characters in a rule stay inside comments and strings."""
    hostile = RULE.replace("title: Trail stopped", 'title: "x\\n[sinks.evil]\\nto = \\"\\x1b[2J\\""')
    (tmp_path / "a.yml").write_text(hostile.replace("Rosa Diaz", '"R\\u2028[x]"'), encoding="utf-8")
    (tmp_path / "a.yaml").write_text(hostile, encoding="utf-8")
    done = trailforward("sigma", "convert", tmp_path, "--out", "-")
    assert "\x1b" not in done.out + done.err
    made = tomllib.loads(done.out)
    assert list(made["sinks"]) == ["alerts"]
    assert len({route["name"] for route in made["routes"]}) == len(made["routes"]) > 0


def test_check_prints_every_difference(tmp_path: Path) -> None:
    """`check` is silent if routes and rules agree, and names rule, event, and side where they do not."""
    rule, events = tmp_path / "rule.yml", tmp_path / "events.ndjson"
    rule.write_text(
        RULE.replace("eventName: [StopLogging, DeleteTrail]", "userAgent|contains: Tool"), encoding="utf-8"
    )
    rows = [event(eventSource="cloudtrail.amazonaws.com", userAgent=agent) for agent in ("a Tool", "a tOoL")]
    whole = {"version": "0", "id": "1", "account": "111122223333", "region": "eu-west-1", "resources": []}
    whole["time"] = "2026-01-01T00:00:00Z"
    events.write_text("".join(json.dumps(whole | row) + "\n" for row in rows), encoding="utf-8")
    done = trailforward("sigma", "check", rule, "--events", events)
    assert done.code == 1, done.err
    assert done.out == f"{rule}: {events}:2: only the rule matches\n"
    assert "2 events of CloudTrail" in done.err
    made = json.loads(trailforward("sigma", "check", rule, "--events", events, "--json").out)
    assert [(one["rule"], one["route"]) for one in made["rules"]] == [(2, 1)]
    rule.write_text(RULE, encoding="utf-8")
    assert trailforward("sigma", "check", rule, "--events", events).code == 0


def test_the_evaluation_of_hostile_rules_and_values_ends(tmp_path: Path) -> None:
    """Neither many wildcards on a long value, nor half of a surrogate pair, stops the comparison."""
    rule = rule_of({"s": {"userAgent": "a*" * 30 + "b"}, "condition": "s"}, tmp_path)
    (check,) = map(evaluator, rule.conditions)
    assert not check({"userAgent": "a" * 20_000})
    assert check({"userAgent": "a" * 30 + "\ud800B"})
    expression = rule_of({"s": {"userAgent|re": "(a+)+$"}, "condition": "s"}, tmp_path)
    (search,) = map(evaluator, expression.conditions)
    assert not search({"userAgent": "a" * 20_000 + "\udfffb"})


def test_missing_paths_are_named(tmp_path: Path) -> None:
    """A path that does not exist, or a folder without rules, ends the command with status 2."""
    done = trailforward("sigma", "convert", tmp_path / "nowhere")
    assert (done.code, "nowhere: No such file" in done.err) == (2, True)
    assert trailforward("sigma", "convert", tmp_path).code == 2


_FIELDS = st.sampled_from(
    ["eventName", "userAgent", "requestParameters.a", "requestParameters.b", "readOnly"]
)
_WORDS = st.sampled_from(["-", "1", "12", "true", "*", "1*", "*2", "*1*", "-*-", "", "?"])
_MODIFIERS = st.sampled_from(["", "|contains", "|startswith", "|endswith", "|cased"])
_ITEMS = st.one_of(
    st.tuples(_FIELDS, _MODIFIERS, st.one_of(_WORDS, st.lists(_WORDS, min_size=1, max_size=3))),
    st.tuples(_FIELDS, st.just("|exists"), st.booleans()),
    st.tuples(_FIELDS, st.just(""), st.one_of(st.none(), st.booleans(), st.integers(-1, 12))),
    st.tuples(_FIELDS, st.sampled_from(["|lt", "|gte"]), st.integers(-1, 12)),
)
_SELECTIONS = st.lists(_ITEMS, min_size=1, max_size=3).map(
    lambda items: {field + modifier: value for field, modifier, value in items}
)
_CONDITIONS = st.sampled_from(
    [
        "s1 and not s2",
        "not (s1 or s2)",
        "1 of s*",
        "not all of s*",
        "s1 and not (s2 and s3)",
        "s1 or (s2 and not s3)",
    ]
)
_TEXTS = st.sampled_from(["-", "1", "12", "true", "TRUE", "", "x1", "12x", "-1-", "2"])
_VALUES = st.one_of(_TEXTS, st.booleans(), st.integers(-1, 12), st.none())
_RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "eventName": _TEXTS,
        "userAgent": _TEXTS,
        "requestParameters": st.fixed_dictionaries({}, optional={"a": _VALUES, "b": _VALUES}),
        "readOnly": st.booleans(),
    },
)


@settings(max_examples=150 if "TRAILFORWARD_DEEP" not in os.environ else 5000, deadline=None)
@given(st.lists(_SELECTIONS, min_size=3, max_size=3), _CONDITIONS, st.lists(_RECORDS, min_size=8, max_size=8))
def test_exact_routes_match_exactly_what_the_rules_match(
    tmp_path_factory: pytest.TempPathFactory,
    selections: list[dict[str, Any]],
    condition: str,
    records: list[dict[str, Any]],
) -> None:
    """Whatever a condition combines and negates, a route that is called exact agrees with its rule."""
    detection = {f"s{at}": selection for at, selection in enumerate(selections, 1)}
    rule = rule_of({**detection, "condition": condition}, tmp_path_factory.getbasetemp())
    try:
        one = convert(rule)
    except NotConvertibleError:
        return
    if any("is a list" not in note for note in one.notes):  # the records have no lists
        return
    (check,) = map(evaluator, rule.conditions)
    for record in records:
        assert one.matches(event(**record)) is check(record), (one.patterns, record)


@pytest.mark.skipif("TRAILFORWARD_SIGMA" not in os.environ, reason="TRAILFORWARD_SIGMA is not set")
def test_public_rules_become_routes_that_pass_their_tests(tmp_path: Path) -> None:
    """Nearly all public rules convert, and the result passes validate --strict and test."""
    routes = tmp_path / "routes.toml"
    done = trailforward("sigma", "convert", os.environ["TRAILFORWARD_SIGMA"], "--json", "--out", routes)
    summary = json.loads(done.out)["summary"]
    assert summary["exact"] >= 0.76 * summary["rules"]
    assert summary["not_convertible"] <= 0.05 * summary["rules"]
    assert trailforward("validate", "--strict", routes).code == 0
    assert trailforward("test", routes).code == 0


@pytest.mark.skipif(
    not {"TRAILFORWARD_SIGMA", "TRAILFORWARD_CORPUS"} <= os.environ.keys(),
    reason="TRAILFORWARD_SIGMA or TRAILFORWARD_CORPUS is not set",
)
def test_public_rules_agree_with_their_routes_about_public_events() -> None:
    """No route differs from its rule on any event of the corpus."""
    files = sorted(Path(os.environ["TRAILFORWARD_CORPUS"]).glob("*.ndjson"))
    options = [part for file in files for part in ("--events", str(file))]
    done = trailforward("sigma", "check", os.environ["TRAILFORWARD_SIGMA"], *options, "--json")
    made = json.loads(done.out)
    assert made["differences"] == []
    assert sum(one["rule"] > 0 for one in made["rules"]) > 20
