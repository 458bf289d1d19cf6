"""Route tests as a library: their events, and the reasons of failures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trailforward import Config, ConfigError, detections
from trailforward.pipeline.routing import build_routes
from trailforward.testing import route_tests, samples

if TYPE_CHECKING:
    from trailforward.errors import Problem

HEAD = '[sinks.a]\nto = "stdout:"\n'


def config(*tables: str) -> Config:
    """A configuration with one sink and these routes."""
    return Config.from_toml(HEAD + "".join(f'[[routes]]\nsinks = ["a"]\n{table}\n' for table in tables))


def reasons(made: Config, folder: Path = Path()) -> dict[str, str]:
    """Route → why its test failed; empty if it passed."""
    problems: list[Problem] = []
    cases = route_tests.cases(made, folder=folder, problems=problems)
    assert problems == []
    return {result.case.route.name: result.reason for result in route_tests.run(build_routes(made), cases)}


def problem(test: str, folder: Path = Path()) -> Problem:
    """The problem with a test."""
    problems: list[Problem] = []
    made = config(f'name = "r"\n[[routes.tests]]\nmatches = true\n{test}')
    assert route_tests.cases(made, folder=folder, problems=problems) == []
    (found,) = problems
    return found


def test_the_router_judges_with_stop_and_default() -> None:
    """A test passes only if the route gets the event in production; the reason names what prevents it."""
    attached = '[[routes.tests]]\nsample = "policy-attached"\n'
    found = reasons(
        config(
            'name = "stops"\nstop = true\nuse = "trail-changed"',
            'name = "hidden"\n[[routes.tests]]\nsample = "trail-stopped"\nmatches = true',
            f'name = "wrong"\nuse = "root-sign-in"\n{attached}matches = true',
            f'name = "greedy"\n{attached}matches = false',
            f'name = "rest"\ndefault = true\n{attached}matches = true',
            f'name = "right"\nuse = "root-sign-in"\n{attached}matches = false',
        )
    )
    assert found == {
        "hidden": "does not see this event: route stops takes it and stops",
        "wrong": "should take this event, but its pattern does not match",
        "greedy": "should not take this event, but does",
        "rest": "is a default route, and another takes this event: hidden, greedy",
        "right": "",
    }


def test_a_default_route_after_one_that_stops() -> None:
    """Among default routes, too, the reason names the route that stops."""
    found = reasons(
        config(
            'name = "first"\ndefault = true\nstop = true',
            'name = "second"\ndefault = true\n[[routes.tests]]\nsample = "trail-stopped"\nmatches = true',
        )
    )
    assert found == {"second": "does not see this event: route first takes it and stops"}


def test_events_come_from_files_beside_the_configuration(tmp_path: Path) -> None:
    """A file contains an envelope, or a record as CloudTrail writes it to S3."""
    import json

    (tmp_path / "envelope.json").write_bytes(samples.load("trail-stopped"))
    record = json.loads(samples.load("trail-stopped"))["detail"]
    (tmp_path / "record.json").write_text(json.dumps(record, indent=2))
    tests = "".join(
        f'[[routes.tests]]\nevent = "{name}.json"\nmatches = true\n' for name in ("envelope", "record")
    )
    assert reasons(config(f'name = "r"\nuse = "trail-changed"\n{tests}'), tmp_path) == {"r": ""}


@pytest.mark.parametrize(
    ("test", "key", "expected"),
    [
        ('sample = "nope"', "routes.r.tests[0].sample", "trail-stopped"),
        ('event = "nope.json"', "routes.r.tests[0].event", "cannot read"),
        ('event = "bad.json"', "routes.r.tests[0].event", "does not contain an event"),
        (
            'sample = "trail-stopped"\nunset = ["detail.nope"]',
            "routes.r.tests[0]",
            "cannot unset detail.nope:",
        ),
        ('sample = "trail-stopped"\nset = { "region.x" = 1 }', "routes.r.tests[0]", "a scalar value"),
    ],
)
def test_an_event_that_cannot_be_had_is_a_problem(test: str, key: str, expected: str, tmp_path: Path) -> None:
    """Missing samples, files, and paths are reported with their key and the fix."""
    (tmp_path / "bad.json").write_text("{oops")
    found = problem(test, tmp_path)
    assert found.key == key
    assert expected in str(found)


def test_labels_tell_tests_apart() -> None:
    """The label is the test's name, else its event and changes; equal labels get their index."""
    sample = 'sample = "trail-stopped"\nmatches = true\n'
    tests = [
        sample,
        f'{sample}unset = ["detail.requestID"]\nset = {{ region = "x" }}\n',
        sample,
        f'{sample}name = "named"\n',
    ]
    made = config('name = "r"\n' + "".join(f"[[routes.tests]]\n{test}" for test in tests))
    assert [case.label for case in route_tests.cases(made, folder=Path(), problems=[])] == [
        "trail-stopped",
        "trail-stopped, without detail.requestID, region = 'x'",
        "trail-stopped [2]",
        "named",
    ]


def test_a_detection_with_an_invalid_test_is_not_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that cannot run is never skipped."""
    test = {"sample": "nope", "matches": True}
    broken = detections.load("root-sign-in")._replace(name="r", tests=(test,))
    monkeypatch.setattr(detections, "load_all", lambda: {"r": broken})
    with pytest.raises(ConfigError, match="unknown sample"):
        route_tests.detection_cases()


def test_a_test_of_a_set_passes_if_any_of_its_detections_matches() -> None:
    """The tests of a route with a set see it as one route, and a restriction or drop rule as the reason."""
    table = """name = "essentials"
use = "set:essentials"
only = { region = ["eu-west-1"] }
[[routes.tests]]
sample = "trail-stopped"
set = { region = "eu-west-1" }
matches = true
[[routes.tests]]
sample = "trail-stopped"
matches = true
[[routes.tests]]
sample = "root-console-login"
set = { region = "eu-west-1" }
matches = true
[[routes.tests]]
sample = "sso-user"
matches = true
"""
    drop = 'name = "noise"\ndrop = true\npattern = { source = ["aws.signin"] }\n'
    made = Config.from_toml(f"{HEAD}[[routes]]\n{drop}[[routes]]\nsinks = ['a']\n{table}")
    problems: list[Problem] = []
    results = list(
        route_tests.run(build_routes(made), route_tests.cases(made, folder=Path(), problems=problems))
    )
    assert problems == []
    assert [result.reason for result in results] == [
        "",
        "should take this event, but its pattern `only` does not match",
        "does not see this event: route noise drops it",
        "should take this event, but its pattern does not match",
    ]
    assert results[0].taken_by == ("essentials",)
