"""The detections are valid for EventBridge, match only AWS's events, and have tests that can fail."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.settings import read
from trailforward import detections
from trailforward.cli._detection_hits import count
from trailforward.config import RouteTest
from trailforward.matched import SEVERITIES
from trailforward.patterns import Pattern, lint
from trailforward.patterns.matcher import compile_rule
from trailforward.testing import route_tests

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = detections.load_all()
CASES = route_tests.detection_cases()
NAMED = pytest.mark.parametrize("route", [pytest.param(route, id=name) for name, route in ALL.items()])


def test_what_people_want_on_day_one_is_there() -> None:
    """Configurations may rely on these names."""
    assert set(ALL) >= {
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
    }
    assert len(ALL) >= 60


@pytest.mark.skipif("TRAILFORWARD_CORPUS" not in os.environ, reason="TRAILFORWARD_CORPUS is not set")
def test_the_page_says_how_often_they_match() -> None:
    """The numbers in docs/detections.md are those of the public events, and its ten are the most frequent."""
    files = map(str, Path(os.environ["TRAILFORWARD_CORPUS"]).glob("*.ndjson"))
    events, hits, _ = count(ALL, files)
    page = Path("docs/detections.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (\w+) \| (\d+) \|", page, re.MULTILINE)
    assert len(rows) == 10
    assert [int(found) for _, _, found in rows] == sorted(hits.values(), reverse=True)[:10]
    for name, severity, found in rows:
        assert (hits[name], ALL[name].severity) == (int(found), severity)
    for name, found in re.findall(r"`([a-z-]+)` \((\d+) hits\)", page):
        assert hits[name] == int(found)
    matching = sum(number > 0 for number in hits.values())
    assert f"over {events:,} public events" in page
    assert f"{matching} of the {len(ALL)} detections match at least one event" in page
    assert f"{len(ALL) - matching} match none, and together they match {sum(hits.values())} times" in page


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
    assert 0 < len(route.title) <= 80
    assert re.fullmatch(r"[^.]+\.", route.description)
    assert route.severity in SEVERITIES
    tests = [read(RouteTest, dict(test)) for test in route.tests]
    assert {test.matches for test in tests} == {True, False}


def test_all_of_their_own_tests_hold_when_routed_together() -> None:
    """The tests of all detections pass in one router of all detections."""
    together = list({case.route.name: case.route for case in CASES}.values())
    results = list(route_tests.run(together, CASES))
    assert [(r.case.route.name, r.case.label, r.reason) for r in results if not r.passed] == []
    assert len(results) > 400


@NAMED
def test_every_part_of_every_pattern_is_guarded_by_a_test(route: detections.Detection) -> None:
    """Removing any branch of ``$or`` or any field below detail makes a test of the detection fail."""
    cases = [case for case in CASES if case.route.name == route.name]
    rules = Pattern(route.pattern).rules

    def notifications(mutant: list[dict[str, Any]]) -> bool:
        checks = [compile_rule(rule) for rule in mutant]
        return any(any(check(case.event) for check in checks) != case.expected for case in cases)

    for number in range(len(rules)):
        assert notifications([dict(rule) for other, rule in enumerate(rules) if other != number]), number
    for path in {path for rule in rules for path in rule if path.startswith("detail.")}:
        assert notifications([{key: rule[key] for key in rule if key != path} for rule in rules]), path


@NAMED
def test_each_detection_names_attack_techniques_and_the_source_of_its_idea(
    route: detections.Detection,
) -> None:
    """Each detection has ATT&CK techniques, and a link to the public document that it follows."""
    assert route.tags
    assert all(re.fullmatch(r"attack\.t1[0-9]{3}(\.[0-9]{3})?", tag) for tag in route.tags)
    assert re.fullmatch(r"https://[a-z0-9.-]+/[A-Za-z0-9_.#/-]+", route.reference)


def test_each_event_name_is_one_of_the_service() -> None:
    """Each event name is an operation in botocore's models, or is known not to be one."""
    operations = _operations()
    unknown = {
        (source, name)
        for route in ALL.values()
        for source, name in _calls(json.loads(route.pattern))
        if not any(_is_one(name, operation) for one in source for operation in operations.get(one, ()))
    }
    assert {name for _, name in unknown} == NOT_OPERATIONS


#: Names that botocore has no operation for, and why.
NOT_OPERATIONS = {
    # The sign-in service has no API model (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/
    # cloudtrail-event-reference-aws-console-sign-in-events.html, and the page of Identity Center on sign-in).
    *("ConsoleLogin", "PasswordRecoveryRequested", "PasswordRecoveryCompleted", "PasswordUpdated"),
    *("CredentialVerification", "UserAuthentication"),
    # The console of Identity Center calls these, and CloudTrail records them
    # (https://docs.aws.amazon.com/singlesignon/latest/userguide/sso-info-in-cloudtrail.html).
    *("AssociateDirectory", "DisassociateDirectory", "AddMemberToGroup"),
    *("EnableExternalIdPConfigurationForDirectory", "DisableExternalIdPConfigurationForDirectory"),
    *("CreateExternalIdPConfigurationForDirectory", "UpdateExternalIdPConfigurationForDirectory"),
    # S3's event names differ from its API names.
    *("DeleteBucketPublicAccessBlock", "DeleteAccountPublicAccessBlock"),
    *("PutBucketPublicAccessBlock", "PutAccountPublicAccessBlock"),
}


def _operations() -> dict[str, set[str]]:
    """Returns the first part of eventSource → the operations of the services that use it."""
    import botocore.session

    session = botocore.session.get_session()
    sources = {source for route in ALL.values() for source in _services(json.loads(route.pattern))}
    wanted = {*sources, "cloudwatch", "sso-admin", "s3control", "accessanalyzer", "service-quotas"}
    found: dict[str, set[str]] = {}
    for service in sorted(wanted.intersection(session.get_available_services())):
        model = session.get_service_model(service)
        for name in {service, model.endpoint_prefix, model.signing_name}:
            found.setdefault(name, set()).update(model.operation_names)
    return found


def _services(pattern: dict[str, Any]) -> tuple[str, ...]:
    """Returns the first parts of eventSource that a pattern asks for."""
    return tuple(source.removeprefix("aws.") for source in pattern["source"] if isinstance(source, str))


def _calls(pattern: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yields the services of a pattern with each of its event names."""
    tables = [pattern["detail"]]
    for table in tables:
        tables += table.get("$or", [])
        for name in table.get("eventName", []):
            yield _services(pattern), name if isinstance(name, str) else f"{name['prefix']}*"


def _is_one(name: str, operation: str) -> bool:
    """Whether an event name is that of an operation; Lambda's names have a date that the models lack."""
    prefix = re.sub("[0-9]+", "", name.removesuffix("*"))
    return operation == name or (name.endswith("*") and operation == prefix)


def test_reading_one_detection_gives_what_reading_all_of_them_gives() -> None:
    """``load`` and ``load_set`` cut the tables out of the files, and find the same as a TOML parser."""
    without_tests = {name: route._replace(tests=()) for name, route in ALL.items()}
    assert {name: detections.load(name) for name in ALL} == without_tests
    for name in detections.SETS:
        members = tuple(route for route in without_tests.values() if name in route.sets)
        assert detections.load_set(name) == members


def test_each_set_has_detections_and_each_detection_a_known_set() -> None:
    """Every set has at least ten detections; ``essentials`` has only those of medium severity and above."""
    named = [name for route in ALL.values() for name in route.sets]
    assert set(named) == set(detections.SETS)
    assert all(named.count(name) >= 10 for name in detections.SETS)
    essentials = [route.severity for route in detections.load_set("essentials")]
    assert not {"informational", "low"} & set(essentials)


def test_the_cis_set_is_the_whole_monitoring_section() -> None:
    """The set ``cis`` has one detection for each event of the benchmark's section, 4.1 to 4.15."""
    numbers = [route.cis for route in detections.load_set("cis")]
    assert sorted(numbers, key=lambda number: int(number[2:])) == [f"4.{number}" for number in range(1, 16)]


def test_their_files_are_not_read_before_they_are_needed() -> None:
    """A configuration without detections does not even import the module that reads them."""
    program = (
        "import sys, trailforward; from trailforward.pipeline.routing import build_routes;"
        "build_routes(trailforward.Config.to('stdout:'));"
        "print('trailforward.detections' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
