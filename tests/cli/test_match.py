"""``trailforward match``."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.command import piped, trailforward
from tests.support.events import envelope
from trailforward.testing import samples

if TYPE_CHECKING:
    from pathlib import Path

STOPS = '{"detail": {"eventName": ["StopLogging"]}}'


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Provides a file with every sample event."""
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"".join(samples.load(name) + b"\n" for name in samples.names()))
    return path


def place(path: Path, name: str) -> str:
    """Returns the position of a sample in the file."""
    return f"{path}:{samples.names().index(name) + 1}"


def test_the_places_of_matching_events_are_printed(events: Path) -> None:
    """Positions go to standard output, one per line, and the exit status is 0."""
    done = trailforward("match", STOPS, events)
    assert (done.code, done.out, done.err) == (0, f"{place(events, 'trail-stopped')}\n", "")


def test_no_match_gives_status_1(events: Path) -> None:
    """As with grep, the exit status is 1 if no event matches; a hint goes to standard error."""
    done = trailforward("match", '{"source": ["aws.nothing"]}', events)
    assert (done.code, done.out) == (1, "")
    assert "--explain" in done.err


def test_patterns_come_from_files_and_detections(events: Path, tmp_path: Path) -> None:
    """PATTERN is JSON, a file, or the @NAME of a detection."""
    path = tmp_path / "pattern.json"
    path.write_text(STOPS)
    assert trailforward("match", path, events).out == f"{place(events, 'trail-stopped')}\n"
    found = trailforward("match", "@trail-changed", events).out.split()
    assert found == [place(events, "trail-deleted"), place(events, "trail-stopped")]


def test_events_come_from_pipes_and_log_files(tmp_path: Path) -> None:
    """Standard input, gzipped CloudTrail log files, and pretty-printed JSON are read."""
    log_file = tmp_path / "trail.json.gz"
    records = [json.loads(envelope(0, eventName=name))["detail"] for name in ("StartLogging", "StopLogging")]
    log_file.write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps(json.loads(samples.load("trail-stopped")), indent=2))
    done = piped("match", STOPS, log_file, pretty, "-", stdin=samples.load("trail-stopped"))
    assert done.code == 0
    assert done.out.splitlines() == [f"{log_file}#1", str(pretty), "stdin:1"]
    assert piped("match", STOPS, stdin=samples.load("trail-stopped")).out == "stdin:1\n"


def test_any_json_object_can_be_matched() -> None:
    """A JSON object that is not a CloudTrail event is matched as it is, like any event on a bus."""
    assert piped("match", '{"a": [1]}', stdin=b'{"a": 1}\n{"a": 2}\n[1]\n').out == "stdin:1\n"


def test_explain_shows_every_event_field_by_field() -> None:
    """--explain shows for each event which fields match, and the values of the others."""
    pattern = """{
      "source": ["aws.cloudtrail"],
      "detail": {
        "eventName": [
          "DeleteTrail",
          "UpdateTrail"
        ],
        "errorCode": [{"exists": false}],
        "requestParameters": {"name": {"deeper": ["x"]}},
        "userIdentity": ["x"],
        "resources": {"ARN": ["x"]}
      }
    }"""
    done = piped("match", pattern, "--explain", stdin=samples.load("trail-stopped"))
    assert done.code == 1
    assert done.err == ""
    lines = done.out.splitlines()
    assert lines[:6] == [
        "stdin:1: does not match",
        '    source: ["aws.cloudtrail"]',
        '  - detail.eventName: ["DeleteTrail", "UpdateTrail"]',
        '  + detail.eventName: "StopLogging"',
        '    detail.errorCode: [{"exists": false}]',
        '  - detail.requestParameters.name.deeper: ["x"]',
    ]
    assert lines[6].startswith("  + detail.requestParameters.name.deeper: no value, because detail.request")
    assert lines[8].startswith('  + detail.userIdentity: not a scalar value, but {"type": "AssumedRole"')
    assert lines[8].endswith("…")
    assert lines[10] == "  + detail.resources.ARN: no value, because detail has no resources"


def test_explain_shows_values_in_different_elements() -> None:
    """Fields must match in the same element of an array, and --explain says so."""
    event = {"a": [{"x": 1, "y": 0}, {"x": 0, "y": 1, "z": [1, 2, 3, 4, 5, 6, 7]}]}
    missing = piped("match", '{"a": {"X": [1]}}', "--explain", stdin=json.dumps(event).encode())
    assert "+ a.X: no value, because a has no X; it has x" in missing.out
    done = piped(
        "match", '{"a": {"x": [1], "y": [1], "z": [7]}}', "--explain", stdin=json.dumps(event).encode()
    )
    assert done.code == 1
    assert "1, 2, 3, 4, 5, …" in done.out
    assert "not in the same element of an array" in done.out.splitlines()[-1]


def test_explain_escapes_control_characters() -> None:
    """Control characters and invalid Unicode in an event are escaped; other text is not."""
    event = b'{"a": "\xc2\x9b2J\\u001b[2J", "b": "\\ud800", "c": "b\xc3\xbccher", "Dd\xc2\x9b": 1}'
    done = piped("match", '{"a": ["x"], "b": ["x"], "c": ["x"], "dd": ["x"]}', "--explain", stdin=event)
    assert '+ a: "\\u009b2J\\u001b[2J"' in done.out
    assert '+ b: "\\ud800"' in done.out
    assert '+ c: "bücher"' in done.out
    assert "\x9b" not in done.out


def test_explain_shows_the_closest_combination() -> None:
    """With ``$or``, --explain shows the combination with the fewest differences."""
    pattern = '{"$or": [{"source": ["x"], "region": ["y"]}, {"source": ["aws.cloudtrail"], "region": ["y"]}]}'
    done = piped("match", pattern, "--explain", stdin=samples.load("trail-stopped"))
    assert "  $or makes 2 combinations; closest: number 2\n" in done.out
    assert piped("match", STOPS, "--explain", stdin=samples.load("trail-stopped")).code == 0


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{"a": "x"}', '"a" must be an object or an array'),
        ('{"a": [{"NUMERIC": ["=", 1]}]}', "Fix: operators are lower case"),
        ("@root-signin", "Use one of root-sign-in"),
        ("@zzz", "access-denied"),
        ("missing.json", "missing.json: No such file"),
    ],
)
def test_an_invalid_pattern_gives_status_2(pattern: str, expected: str) -> None:
    """The error for an invalid pattern has the words of EventBridge; other errors say what to give."""
    done = trailforward("match", pattern, "-")
    assert (done.code, done.out) == (2, "")
    assert expected in done.err


def test_a_pattern_file_that_is_not_text_gives_status_2(tmp_path: Path) -> None:
    """The error says that the file is not UTF-8."""
    path = tmp_path / "pattern"
    path.write_bytes(b"\xff{}")
    done = trailforward("match", path)
    assert done.code == 2
    assert "not UTF-8" in done.err


def test_invalid_events_are_named_and_the_others_matched(tmp_path: Path) -> None:
    """Unreadable events give exit status 2, after all other events were matched."""
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(samples.load("trail-stopped"))[:-9])
    stdin = samples.load("trail-stopped") + b"\n{oops\n" + samples.load("trail-stopped")
    done = piped("match", STOPS, "-", tmp_path / "missing", cut, stdin=stdin)
    assert done.code == 2
    assert done.out.split()[:2] == ["stdin:1", "stdin:3"]
    assert "stdin:2: not JSON" in done.err
    assert "missing: No such file" in done.err
    assert "damaged or truncated gzip" in done.err


def test_a_closed_pipe_ends_the_command_quietly(tmp_path: Path) -> None:
    """If the reader closes the pipe, like ``head``, there is neither a traceback nor an error."""
    source = tmp_path / "in"
    source.write_bytes((samples.load("trail-stopped") + b"\n") * 5_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "trailforward", "match", STOPS, str(source)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    _, text = process.communicate()
    assert process.returncode == 141
    assert text == b""
