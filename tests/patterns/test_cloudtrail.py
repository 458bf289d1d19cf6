"""Lints about CloudTrail: what no event can satisfy is reported, and nothing that a real event satisfies."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.depth import part
from tests.support.real_events import real_events
from trailforward import detections
from trailforward.errors import PatternError
from trailforward.patterns import Pattern, lint, lint_codes
from trailforward.patterns.cloudtrail import CODES, KINDS, combinations

if TYPE_CHECKING:
    from collections.abc import Iterator

CALL = "AWS API Call via CloudTrail"
IAM: dict[str, Any] = {"source": ["aws.iam"], "detail-type": [CALL]}

SLIPS = tomllib.loads(Path(__file__).with_name("cloudtrail_slips.toml").read_text("utf-8"))["slip"]


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip["pattern"][-40:])
def test_slips(slip: dict[str, str]) -> None:
    """Each slip gives exactly one lint, which names the field and what to write."""
    (found,) = lint(slip["pattern"])
    assert (found.code, found.path) == (slip["code"], slip["path"])
    assert slip["words"] in found.message


def test_every_code_has_a_slip() -> None:
    """Every code about CloudTrail is reported for some slip, and is listed with its meaning."""
    assert {slip["code"] for slip in SLIPS} == CODES.keys()
    assert CODES.items() <= lint_codes().items()


@pytest.mark.parametrize(
    "source",
    [
        {
            "source": ["aws.ec2"],
            "detail-type": ["EC2 Instance State-change Notification"],
            "resources": ["arn:x"],
        },
        {"source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"]},
        {"source": ["my.shop"], "detail": {"eventName": ["OrderPlaced"], "readOnly": ["no"]}},
        {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": ["b"]}}},
        {**IAM, "detail": {"eventName": ["CreateUserWithPasskey"]}},
        {"source": ["aws.quantumledger2030"], "detail-type": [CALL]},
        {**IAM, "detail": {"errorcode": [{"anything-but": ["x"]}]}, "detail-type": ["Scheduled Event"]},
        {
            "source": ["aws.s3"],
            "detail-type": [CALL],
            "detail": {"eventName": ["PutBucketPublicAccessBlock"]},
        },
        {
            "source": ["aws.lambda"],
            "detail-type": [CALL],
            "detail": {"eventName": ["CreateFunction20150331"]},
        },
        {"source": ["aws.signin"], "detail-type": [kind for one in KINDS for kind in one.detail_types]},
        {**IAM, "detail": {"eventName": ["createUser", "CreateUser"]}},
        {
            **IAM,
            "detail": {"insightDetails": {"state": [{"exists": False}]}},
            "resources": [{"exists": False}],
        },
        {**IAM, "detail": {"requestParameters": {"prefix": ["a"], "policy*": ["*"]}}},
        {
            **IAM,
            "detail": {"userIdentity": {"type": ["Wizard"]}, "readOnly": [{"anything-but": ["x"]}, None]},
        },
    ],
)
def test_what_may_match_is_not_reported(source: dict[str, Any]) -> None:
    """Other events, new names, CloudTrail's own names, and alternatives that can match give no lint."""
    assert lint(source) == []


def test_shipped_detections_have_no_lints() -> None:
    """No shipped detection has a lint."""
    found = {name: lint(one.pattern) for name, one in detections.load_all().items()}
    assert {name: lints for name, lints in found.items() if lints} == {}


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path, value


@pytest.mark.skipif("TRAILFORWARD_CORPUS" not in os.environ, reason="TRAILFORWARD_CORPUS is not set")
def test_real_records_are_never_impossible() -> None:
    """A pattern made of all fields of a real event has no reason why no event could match it."""
    checked = 0
    for event in part(real_events(), 10):
        fields = {path: [value] for path, value in _leaves(event) if path != "resources"}
        try:
            pattern = Pattern(json.dumps(fields))
        except PatternError:  # longer than a pattern may be
            continue
        (combination,) = combinations(pattern)
        assert combination.reasons == (), event["detail"]["eventName"]
        assert combination.about
        checked += 1
    assert checked > 300


_names = st.sampled_from(
    [
        *("source", "detail-type", "detail", "details", "resources", "eventName", "eventSource"),
        *("readOnly", "userIdentity", "type", "anything-but", "requestParameters", "account", "", "a.b", "é"),
    ]
)
_values = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from([CALL, "aws.iam", "iam.amazonaws.com", "CreateUser", "false", "*", " ", "aws."]),
        st.booleans(),
        st.none(),
        st.integers(),
        st.sampled_from([{"prefix": "a"}, {"exists": False}, {"anything-but": ["x"]}, {"wildcard": "*a"}]),
        st.sampled_from([{"numeric": [">", 0]}, {"cidr": "192.0.2.0/24"}, {"exists": True}]),
    ),
    min_size=1,
    max_size=4,
)
_patterns = st.recursive(
    st.dictionaries(_names, _values, min_size=1, max_size=3),
    lambda inner: st.dictionaries(_names, st.one_of(_values, inner), min_size=1, max_size=4),
    max_leaves=12,
)


@given(_patterns)
def test_any_pattern_gets_an_answer(source: dict[str, Any]) -> None:
    """Every valid pattern is compared without an error, and every problem has a known code."""
    for combination in combinations(Pattern(source)):
        problems = [*combination.reasons, *(one for found in combination.problems.values() for one in found)]
        assert {one.code for one in problems} <= CODES.keys()
        assert not (combination.reasons and combination.possible)


def test_hostile_patterns() -> None:
    """A thousand combinations, and a list as long as a pattern may be, give few different lints."""
    names = [{"eventName": [f"CreateUser{number}"]} for number in range(10)]
    wide = {"$or": names, "requestParameters": {"$or": [{"a": [f"{number}"]} for number in range(100)]}}
    assert lint({**IAM, "detail": wide}) == []
    long = ["createuser", *("Createuse" + "x" * number for number in range(70))]
    assert {found.code for found in lint({**IAM, "detail": {"eventName": long}})} == {
        "size",
        "event-name",
    }
