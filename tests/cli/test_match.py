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
    """Every sample, a line each."""
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"".join(samples.load(name) + b"\n" for name in samples.names()))
    return path


def place(path: Path, name: str) -> str:
    """Where a sample is."""
    return f"{path}:{samples.names().index(name) + 1}"


def test_the_places_of_matching_events_are_printed(events: Path) -> None:
    """Positions go to standard output, one a line, and the command ends with 0."""
    done = trailforward("match", STOPS, events)
    assert (done.code, done.out, done.err) == (0, f"{place(events, 'trail-stopped')}\n", "")


def test_no_match_ends_with_1(events: Path) -> None:
    """As with grep, finding nothing is told by the exit code; where to look is told to people."""
    done = trailforward("match", '{"source": ["aws.nothing"]}', events)
    assert (done.code, done.out) == (1, "")
    assert "--explain" in done.err


def test_patterns_come_from_files_and_ready_made_routes(events: Path, tmp_path: Path) -> None:
    """PATTERN is JSON text, a file, or @NAME."""
    path = tmp_path / "pattern.json"
    path.write_text(STOPS)
    assert trailforward("match", path, events).out == f"{place(events, 'trail-stopped')}\n"
    found = trailforward("match", "@trail-changed", events).out.split()
    assert found == [place(events, "trail-deleted"), place(events, "trail-stopped")]


def test_events_come_from_pipes_and_trail_files(tmp_path: Path) -> None:
    """Standard input, gzipped trail files with bare records, and pretty-printed JSON are read."""
    trail = tmp_path / "trail.json.gz"
    records = [json.loads(envelope(0, eventName=name))["detail"] for name in ("StartLogging", "StopLogging")]
    trail.write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps(json.loads(samples.load("trail-stopped")), indent=2))
    done = piped("match", STOPS, trail, pretty, "-", stdin=samples.load("trail-stopped"))
    assert done.code == 0
    assert done.out.splitlines() == [f"{trail}#1", str(pretty), "stdin:1"]
    assert piped("match", STOPS, stdin=samples.load("trail-stopped")).out == "stdin:1\n"


def test_any_json_object_can_be_matched() -> None:
    """What is no CloudTrail event is matched as it is: patterns are for all events of a bus."""
    assert piped("match", '{"a": [1]}', stdin=b'{"a": 1}\n{"a": 2}\n[1]\n').out == "stdin:1\n"


def test_explain_shows_every_event_field_by_field() -> None:
    """--explain says for each event what is met, what is not, and what is there instead."""
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
    assert lines[6].startswith("  + detail.requestParameters.name.deeper: nothing there, detail.request")
    assert lines[8].startswith('  + detail.userIdentity: no plain value there, but {"type": "AssumedRole"')
    assert lines[8].endswith("…")
    assert lines[10] == "  + detail.resources.ARN: nothing there, detail has no resources"


def test_explain_tells_values_that_do_not_meet_in_one_element() -> None:
    """Fields of different elements of an array do not count together, and that is said."""
    event = {"a": [{"x": 1, "y": 0}, {"x": 0, "y": 1, "z": [1, 2, 3, 4, 5, 6, 7]}]}
    missing = piped("match", '{"a": {"X": [1]}}', "--explain", stdin=json.dumps(event).encode())
    assert "+ a.X: nothing there, a has no X; it has x" in missing.out
    done = piped(
        "match", '{"a": {"x": [1], "y": [1], "z": [7]}}', "--explain", stdin=json.dumps(event).encode()
    )
    assert done.code == 1
    assert "1, 2, 3, 4, 5, …" in done.out
    assert "not in the same element of an array" in done.out.splitlines()[-1]


def test_explain_shows_nothing_that_moves_a_terminal() -> None:
    """Control characters and broken Unicode of an event are shown escaped; other languages as they are."""
    event = b'{"a": "\xc2\x9b2J\\u001b[2J", "b": "\\ud800", "c": "b\xc3\xbccher", "Dd\xc2\x9b": 1}'
    done = piped("match", '{"a": ["x"], "b": ["x"], "c": ["x"], "dd": ["x"]}', "--explain", stdin=event)
    assert '+ a: "\\u009b2J\\u001b[2J"' in done.out
    assert '+ b: "\\ud800"' in done.out
    assert '+ c: "bücher"' in done.out
    assert "\x9b" not in done.out


def test_explain_shows_the_closest_combination() -> None:
    """With ``$or``, the combination with the fewest differences is shown; an event that matches says so."""
    pattern = '{"$or": [{"source": ["x"], "region": ["y"]}, {"source": ["aws.cloudtrail"], "region": ["y"]}]}'
    done = piped("match", pattern, "--explain", stdin=samples.load("trail-stopped"))
    assert "  $or makes 2 combinations; closest: number 2\n" in done.out
    assert piped("match", STOPS, "--explain", stdin=samples.load("trail-stopped")).code == 0


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{"a": "x"}', '"a" must be an object or an array'),
        ('{"a": [{"NUMERIC": ["=", 1]}]}', "Fix: operators are lower case"),
        ("@root-signin", "there is root-sign-in"),
        ("@zzz", "access-denied"),
        ("missing.json", "missing.json: No such file"),
    ],
)
def test_an_unusable_pattern_ends_with_2(pattern: str, expected: str) -> None:
    """A pattern the service would refuse is answered in its words; a missing one with what to give."""
    done = trailforward("match", pattern, "-")
    assert (done.code, done.out) == (2, "")
    assert expected in done.err


def test_a_pattern_file_that_is_no_text_ends_with_2(tmp_path: Path) -> None:
    """A file that is not UTF-8 is named."""
    path = tmp_path / "pattern"
    path.write_bytes(b"\xff{}")
    done = trailforward("match", path)
    assert done.code == 2
    assert "not UTF-8" in done.err


def test_unusable_events_are_named_and_the_rest_judged(tmp_path: Path) -> None:
    """What cannot be read makes the command end with 2, after judging everything else."""
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(samples.load("trail-stopped"))[:-9])
    stdin = samples.load("trail-stopped") + b"\n{oops\n" + samples.load("trail-stopped")
    done = piped("match", STOPS, "-", tmp_path / "missing", cut, stdin=stdin)
    assert done.code == 2
    assert done.out.split()[:2] == ["stdin:1", "stdin:3"]
    assert "stdin:2: not JSON" in done.err
    assert "missing: No such file" in done.err
    assert "damaged or truncated gzip" in done.err


def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path: Path) -> None:
    """As with ``| head``: no traceback and no complaint about the file."""
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
    assert process.returncode == 1
    assert text == b""
