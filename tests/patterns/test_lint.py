"""Lints report valid patterns that deserve a second look."""

from __future__ import annotations

from typing import Any

import pytest

from trailforward.errors import PatternError
from trailforward.patterns import Lint, Pattern, lint


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ('{"a":["x"],"a":["y"]}', "repeated-path"),
        ('{"":["x"]}', "empty-key"),
        ('{"a":["x"]} more', "trailing-text"),
        ({"a": ["x" * 2_100]}, "size"),
        ({"a": [{"wildcard": f"*{letter}"} for letter in "vwxyz"]}, "complexity"),
        (
            {"a": [{"exists": False}], "b": [{"wildcard": f"*{letter}*"} for letter in "wxyz"]},
            "complexity",
        ),
        ({"$or": [{"a": ["x"]}, {"a": ["x", "y"]}]}, "overlapping-or"),
        ({"a": [{"anything-but": "x"}, {"anything-but": "y"}]}, "several-anything-but"),
        ({"resources": [{"anything-but": "x"}]}, "anything-but-array"),
        ({"detail": {"resources": {"type": [{"exists": False}]}}}, "exists-false-array"),
        ({"detail": [{"exists": True}]}, "exists-object"),
        ({"detail": {"requestParameters": {"policyDocument": {"Version": ["x"]}}}}, "json-text"),
        ('{"a":[12345678901234567890]}', "inexact-number"),
        ('{"a":[1e23]}', "long-number"),
        ({"a": [0.1234567890123456]}, "long-number"),
        ({"a": [{"numeric": [">", 6e9]}]}, "numeric-range"),
        ({"a": [{"numeric": [">", 0, "<", 1e-7]}]}, "numeric-range"),
        ({"a": ["10.0.0.1"]}, "ip-literal"),
        ({"a": [{"cidr": "10.0.0.0/8"}]}, "cidr"),
        ({"a": [{"equals-ignore-case": "😀"}]}, "ignore-case-beyond-bmp"),
        ({"a": [{"anything-but": {"equals-ignore-case": ["x", "😀"]}}]}, "ignore-case-beyond-bmp"),
        ({"a": [{"exactly": "x"}]}, "exactly"),
    ],
)
def test_findings(source: Any, code: str) -> None:
    """Each doubtful construct gives its finding, and no other."""
    found = lint(source)
    assert [finding.code for finding in found] == [code]
    assert found[0].message in str(found[0])


@pytest.mark.parametrize(
    "source",
    [
        {
            "source": ["aws.iam"],
            "detail": {"eventName": [{"prefix": "Create"}], "errorCode": [{"exists": False}]},
        },
        {"a": [{"numeric": [">=", 0, "<", 5e9]}, 300, 0.5, {"anything-but": ["x", "y"]}]},
        {"$or": [{"a": ["x"]}, {"a": ["y"]}, {"b": ["x"]}]},
        {"a": [{"wildcard": "*x*"}]},
    ],
)
def test_clean(source: Any) -> None:
    """Ordinary patterns give no findings."""
    assert lint(source) == []


def test_portability() -> None:
    """On request, operators that Pipes or Lambda do not support are reported."""
    source = {"a": [{"anything-but": {"prefix": "x"}}], "b": [{"wildcard": "x*"}]}
    codes = {(finding.code, finding.path) for finding in lint(source, portable=True)}
    assert codes == {
        ("not-in-pipes", "a"),
        ("not-in-pipes", "b"),
        ("not-in-lambda-esm", "a"),
        ("not-in-lambda-esm", "b"),
    }
    assert [finding.path for finding in lint(Pattern({"b": [{"wildcard": "x*"}]}, dialect="pipes"))][:1] == [
        "b"
    ]


def test_differences_from_the_service_are_marked() -> None:
    """A finding says whether EventBridge may return another result than we do."""
    assert lint({"$or": [{"a": ["x"]}, {"a": ["x", "y"]}]})[0].service_may_differ
    assert not lint('{"a":["x"],"a":["y"]}')[0].service_may_differ


def test_findings_name_their_field() -> None:
    """A finding prints as one line that starts with its field, if it has one."""
    assert str(Lint("code", "a.b", "message")) == "a.b: message"
    assert str(Lint("code", "", "message")) == "message"


def test_invalid_patterns() -> None:
    """A pattern that EventBridge rejects raises an error instead of giving findings."""
    with pytest.raises(PatternError):
        lint({"a": 1})
