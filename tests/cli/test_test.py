"""``trailforward test``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.support.command import trailforward

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
[sinks.out]
to = "file:out.ndjson"

[[routes]]
name = "keys"
sinks = ["out"]
stop = true
use = "access-key-created"

[[routes]]
name = "broken"
sinks = ["out"]
[routes.pattern]
source = ["aws.signin"]
[routes.pattern.detail]
eventname = ["ConsoleLogin"]
userIdentity = { type = ["root"] }
[[routes.tests]]
name = "root signs in"
sample = "root-console-login"
matches = true
[[routes.tests]]
sample = "trail-stopped"
matches = false

[[routes]]
name = "rest"
sinks = ["out"]
default = true
[[routes.tests]]
sample = "access-key-created"
matches = true
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Provides a configuration in which two tests fail."""
    path = tmp_path / "trailforward.toml"
    path.write_text(CONFIG)
    return path


def test_the_detections_pass() -> None:
    """With --shipped, the tests of the detections run and pass."""
    done = trailforward("test", "--shipped")
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"\d+ tests of 100 routes passed\n", done.out)


def test_a_failure_shows_which_field_was_not_met_and_what_is_there(config: Path) -> None:
    """The report is a diff of pattern and event, without colors if the output is not a terminal."""
    done = trailforward("test", config)
    assert done.code == 1
    assert done.out == (
        "FAIL broken: root signs in\n"
        "     should take this event, but its pattern does not match\n"
        '         source: ["aws.signin"]\n'
        '       - detail.eventname: ["ConsoleLogin"]\n'
        "       + detail.eventname: no value, because detail has no eventname; it has eventName\n"
        '       - detail.userIdentity.type: ["root"]\n'
        '       + detail.userIdentity.type: "Root"\n'
        "FAIL rest: access-key-created\n"
        "     is a default route, and another takes this event: keys\n"
        "2 of 3 tests failed\n"
    )
    assert done.err == f"Configuration: {config}\nWithout a test: keys\n"


def test_colors_need_a_terminal_and_respect_no_color(config: Path) -> None:
    """Wanted values are red, actual values green; NO_COLOR wins over FORCE_COLOR."""
    colored = trailforward("test", config, FORCE_COLOR="1", TERM="xterm").out
    assert '\x1b[31m- detail.userIdentity.type: ["root"]' in colored
    assert '\x1b[32m+ detail.userIdentity.type: "Root"' in colored
    uncolored = trailforward("test", config, FORCE_COLOR="1", TERM="xterm", NO_COLOR="1").out
    assert "\x1b[31m" not in uncolored
    assert "\x1b[32m" not in uncolored


def test_a_route_that_matches_too_much_is_shown_with_the_fields(tmp_path: Path) -> None:
    """If a route must not match an event, the report shows which fields match, and their values."""
    path = tmp_path / "c.toml"
    path.write_text(
        '[sinks.out]\nto = "stdout:"\n[[routes]]\nname = "r"\nsinks = ["out"]\n'
        '[routes.pattern]\nsource = [{ prefix = "aws." }]\n'
        '"$or" = [{ region = ["x"] }, { account = [{ exists = true }] }]\n'
        '[[routes.tests]]\nsample = "trail-stopped"\nmatches = false\n'
        '[[routes]]\nname = "all"\nsinks = ["out"]\n'
        '[[routes.tests]]\nsample = "trail-stopped"\nmatches = false\n'
    )
    done = trailforward("test", path)
    assert done.code == 1
    assert "$or makes 2 combinations; met: number 2\n" in done.out
    assert 'source: [{"prefix":"aws."}], has "aws.cloudtrail"\n' in done.out
    assert 'account: [{"exists":true}], has "111122223333"\n' in done.out
    assert done.out.count("should not take this event, but does") == 2


def test_a_route_that_another_hides_is_not_blamed(tmp_path: Path) -> None:
    """If an earlier route with stop hides a route, the report names that route instead of a diff."""
    path = tmp_path / "c.toml"
    path.write_text(
        '[sinks.out]\nto = "stdout:"\n[[routes]]\nname = "first"\nsinks = ["out"]\nstop = true\n'
        '[[routes]]\nname = "second"\nsinks = ["out"]\nuse = "trail-changed"\n'
        '[[routes.tests]]\nsample = "trail-stopped"\nmatches = true\n'
    )
    assert trailforward("test", path).out == (
        "FAIL second: trail-stopped\n"
        "     does not see this event: route first takes it and stops\n"
        "1 of 1 tests failed\n"
    )


def test_passed_tests_are_shown_if_asked(config: Path) -> None:
    """--verbose also lists tests that passed."""
    done = trailforward("test", config, "-v")
    assert "pass broken: trail-stopped\n" in done.out


def test_junit_has_every_test_with_the_same_words(config: Path) -> None:
    """--junit writes one suite per route, with the reason and the diff of each failure."""
    report = config.parent / "junit.xml"
    assert trailforward("test", config, "--junit", report).code == 1
    root = ET.parse(report).getroot()  # noqa: S314  # our own file
    assert root.attrib == {"name": "trailforward", "tests": "3", "failures": "2"}
    cases = [
        (case.get("classname"), case.get("name"), case.find("failure")) for case in root.iter("testcase")
    ]
    assert [case[:2] for case in cases] == [
        ("broken", "root signs in"),
        ("broken", "trail-stopped"),
        ("rest", "access-key-created"),
    ]
    assert cases[1][2] is None
    failure = cases[0][2]
    assert failure is not None
    assert failure.get("message") == "should take this event, but its pattern does not match"
    assert '+ detail.userIdentity.type: "Root"' in str(failure.text)
    assert [suite.get("failures") for suite in root.iter("testsuite")] == ["1", "1"]


def test_junit_replaces_illegal_characters(tmp_path: Path) -> None:
    """Control characters in the name of a test are replaced, so that the XML is valid."""
    path, report = tmp_path / "c.toml", tmp_path / "junit.xml"
    path.write_text(
        '[sinks.out]\nto = "stdout:"\n[[routes]]\nname = "r"\nsinks = ["out"]\n'
        '[[routes.tests]]\nname = "a\\u0000<b>"\nsample = "trail-stopped"\nmatches = true\n'
    )
    assert trailforward("test", path, "--junit", report).code == 0
    (case,) = ET.parse(report).getroot().iter("testcase")  # noqa: S314  # our own file
    assert case.get("name") == "a\ufffd<b>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no sink is configured"),
        ('[sinks.out]\nto = "stdout:"\n', "no route has [[routes.tests]]"),
        (CONFIG.replace('"trail-stopped"', '"trail-stoped"'), "routes.broken.tests[1].sample"),
    ],
)
def test_a_configuration_without_tests_gives_status_2(text: str, expected: str, tmp_path: Path) -> None:
    """An invalid configuration, or one without tests, is not a success."""
    path = tmp_path / "c.toml"
    path.write_text(text)
    done = trailforward("test", path)
    assert (done.code, done.out) == (2, "")
    assert expected in done.err


def test_a_report_that_cannot_be_written_gives_status_2(config: Path) -> None:
    """If the folder of the report does not exist, the error says so."""
    done = trailforward("test", config, "--junit", config.parent / "missing" / "junit.xml")
    assert done.code == 2
    assert "No such file" in done.err
