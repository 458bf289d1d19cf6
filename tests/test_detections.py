"""The detections are valid for EventBridge, match only AWS's events, and have tests that can fail."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.support.settings import read
from trailforward import detections
from trailforward.config import RouteTest
from trailforward.patterns import Pattern, lint
from trailforward.patterns.matcher import compile_rule
from trailforward.testing import route_tests

ALL = detections.load_all()
NAMED = pytest.mark.parametrize("route", [pytest.param(route, id=name) for name, route in ALL.items()])


def test_what_people_want_on_day_one_is_there() -> None:
    """Configurations may rely on these names."""
    assert list(ALL) == [
        "open-security-group",
        "root-sign-in",
        "root-activity",
        "console-sign-in-without-mfa",
        "console-sign-in-failed",
        "trail-changed",
        "access-key-created",
        "iam-policy-attached",
        "admin-policy-attached",
        "kms-key-disabled",
        "public-bucket",
        "public-access-block-removed",
        "detection-disabled",
        "access-denied",
        "organization-changed",
    ]


@NAMED
def test_each_pattern_is_one_that_the_service_takes(route: detections.Detection) -> None:
    """Each pattern is valid, has no lints, and is within the default quota."""
    pattern = Pattern(route.pattern)
    assert lint(pattern) == []
    assert len(route.pattern) <= 2_048


@NAMED
def test_each_pattern_takes_nothing_that_could_be_forged(route: detections.Detection) -> None:
    """Each pattern requires AWS's sources and CloudTrail's detail-types, which no account can send."""
    pattern = json.loads(route.pattern)
    for source in pattern["source"]:
        assert (source["prefix"] if isinstance(source, dict) else source).startswith("aws.")
    for kind in pattern["detail-type"]:
        assert (kind["suffix"] if isinstance(kind, dict) else kind).endswith(" via CloudTrail")


@NAMED
def test_each_route_is_explained_and_tested_both_ways(route: detections.Detection) -> None:
    """Each detection has a title, a reason of one sentence, and tests for matching and similar events."""
    assert route.title
    assert re.fullmatch(r"[^.]+\.", route.why)
    tests = [read(RouteTest, dict(test)) for test in route.tests]
    assert {test.matches for test in tests} == {True, False}


def test_all_of_their_own_tests_hold_when_routed_together() -> None:
    """The tests of all detections pass in one router of all detections."""
    cases = route_tests.detection_cases()
    together = list({case.route.name: case.route for case in cases}.values())
    results = list(route_tests.run(together, cases))
    assert [(r.case.route.name, r.case.label, r.reason) for r in results if not r.passed] == []
    assert len(results) > 90


@NAMED
def test_every_part_of_every_pattern_is_guarded_by_a_test(route: detections.Detection) -> None:
    """Removing any branch of ``$or`` or any field below detail makes a test of the detection fail."""
    cases = [case for case in route_tests.detection_cases() if case.route.name == route.name]
    rules = Pattern(route.pattern).rules

    def notifications(mutant: list[dict[str, Any]]) -> bool:
        checks = [compile_rule(rule) for rule in mutant]
        return any(any(check(case.event) for check in checks) != case.expected for case in cases)

    for number in range(len(rules)):
        assert notifications([dict(rule) for other, rule in enumerate(rules) if other != number]), number
    for path in {path for rule in rules for path in rule if path.startswith("detail.")}:
        assert notifications([{key: rule[key] for key in rule if key != path} for rule in rules]), path


def test_their_file_is_not_read_before_it_is_needed() -> None:
    """A configuration without detections does not read their file."""
    program = (
        "import sys, trailforward; from trailforward.pipeline.routing import build_routes;"
        "build_routes(trailforward.Config.to('stdout:'));"
        "from trailforward import detections; print(detections.load_all.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
