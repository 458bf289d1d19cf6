from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command import trailforward
from tests.support.depth import DEEP
from tests.support.trail_bucket import TrailBucket, dumps, envelope, put_delivered, record
from trailforward.audit.places import AuditError
from trailforward.audit.plan import begin, finish

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Small units, so that an audit of few files has several steps.
DRIVER = "from trailforward.audit import run; run.UNIT_FILES = 3; from trailforward.cli import app; app()"
WINDOW = ["--since", "2026-11-26T00:00Z", "--until", "2026-11-27T00:00Z"]
NOW = datetime(2026, 11, 28, 12, 0, 30, tzinfo=UTC)


class Case:
    """An audit in a folder, of 20 log files with 200 records, of which some did not arrive."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        trail = TrailBucket(folder / "trail")
        records = [record(n, readOnly=n % 3 == 0, eventName="Odd" if n % 7 else "Even") for n in range(200)]
        self.lost = [records[number] for number in (40, 41, 122, 199)]
        for at in range(0, 200, 10):
            trail.put(at, records[at : at + 10])
        self.arrived = [one for one in records if not one["readOnly"] and one not in self.lost]
        day = folder / "delivered" / "2026" / "11" / "26"
        day.mkdir(parents=True)
        for at in range(0, len(self.arrived), 10):
            lines = [dumps(envelope(one)) for one in self.arrived[at : at + 10]]
            (day / f"{at:04}.ndjson").write_text("\n".join(lines))
        self.places = ["--trail", str(folder / "trail"), "--delivered", str(folder / "delivered")]

    def report(self, *options: str) -> Any:
        """The JSON report of an audit that is not disturbed."""
        done = trailforward("audit", *self.places, "--format", "json", "--wait", "0", *options)
        assert done.code in {0, 1, 2}, done.err
        return json.loads(done.out)

    def line(self, *options: str) -> list[str]:
        """The command in a process."""
        options = (*self.places, "--wait", "0", "--state", str(self.state), *options)
        return [sys.executable, "-c", DRIVER, "audit", *options]

    def kill(self, when: Callable[[], bool], *options: str) -> bool:
        """Runs an audit with the state, and kills it when something is true; False if it ended before."""
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(self.line(*options), stdout=quiet, stderr=quiet)
        deadline = time.monotonic() + 120
        while process.poll() is None and not when():
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        return process.wait(60) == -signal.SIGKILL

    def has_units(self, number: int) -> bool:
        """Whether the state has so many units."""
        return self.files("*.unit") >= number

    def files(self, pattern: str) -> int:
        """Number of files in the state."""
        return len(list(self.state.glob(pattern)))


def passed(end: float) -> bool:
    """Whether a moment has passed."""
    return time.monotonic() > end


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """An audit with lost events."""
    return Case(tmp_path)


def test_an_audit_that_was_killed_gives_the_same_report(case: Case) -> None:
    """After kill -9 at any moment, several times, the same command gives the undisturbed report."""
    expected = case.report(*WINDOW)
    assert expected["classes"]["unexpected"] == len(case.lost)
    for number in (1, 2):
        assert case.kill(partial(case.has_units, number), *WINDOW)
    chance = random.Random(7)  # noqa: S311  # the same moments each time
    for _ in range(40 if DEEP else 0):
        case.kill(partial(passed, time.monotonic() + chance.uniform(0, 1.5)), *WINDOW)
    kept = {path: path.stat().st_mtime_ns for path in case.state.glob("*.unit")}
    line = case.line("--format", "json", *WINDOW)
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    found = json.loads(done.stdout)
    assert found | {"audited": expected["audited"]} == expected
    assert kept.items() <= {path: path.stat().st_mtime_ns for path in case.state.glob("*.unit")}.items()


def test_a_stopped_audit_continues_with_its_clock_and_explains_again(case: Case) -> None:
    """Without ``--until``, the window of the first run stays; what depends on other options is not kept."""
    since = ["--since", "2026-11-26T00:00Z"]
    assert case.kill(lambda: case.files("plan.json") > 0, *since)
    begun = datetime.fromisoformat(json.loads((case.state / "begun.json").read_text())["now"])
    assert case.kill(lambda: case.files("explained-*.json") > 0, *since)
    config = case.folder / "trailforward.toml"
    config.write_text(
        '[sinks.all]\nto = "file:///dev/null"\n[[routes]]\nname = "odd"\nsinks = ["all"]\n'
        'pattern = \'{"detail": {"eventName": ["Odd"]}}\'\n'
    )
    state = ["--state", str(case.state)]
    resumed = case.report(*since, *state, "--config", str(config))
    assert resumed["until"] == f"{begun:%Y-%m-%dT%H:%MZ}"
    assert resumed["classes"] == case.report(*WINDOW, "--config", str(config))["classes"]
    assert case.files("begun.json") == case.files("plan.json") == 0


def test_a_finished_state_does_not_hide_what_came_later(case: Case) -> None:
    """The next audit in the folder lists the files again, and reads again what changed."""
    state = [*WINDOW, "--state", str(case.state)]
    assert case.report(*state)["exit_status"] == 1
    repaired = case.folder / "delivered" / "2026" / "11" / "29"
    repaired.mkdir()
    (repaired / "repaired.ndjson").write_text("\n".join(dumps(envelope(one)) for one in case.lost))
    assert case.report(*state)["exit_status"] == 0
    (file,) = (case.folder / "trail").rglob("*T0010Z*")
    time.sleep(0.01)
    file.write_bytes(file.read_bytes())
    assert case.report(*state)["recorded"] == 200
    assert case.report(*state, "--no-compare")["compared"] == 0
    assert case.report(*state)["compared"] > 0


def test_a_stopped_audit_refuses_other_options(case: Case) -> None:
    """A state of another window, of another version, or damaged is refused with what to do."""
    begin(case.state, {"audit": "of another window"}, NOW)
    options = ["audit", *case.places, "--state", str(case.state), "--since", "2026-11-26T01:00Z"]
    done = trailforward(*options)
    assert done.code == 2
    assert "Finish it with the same options. Give another --state folder, or delete this one." in done.err
    finish(case.state)
    wrongs = ["--until", "2026-11-26T00:30Z"], ["--until", "soon"], ["--account", "123456789012"]
    for wrong in wrongs:
        assert trailforward(*options, *wrong).code == 2
        assert case.files("begun.json") == 0, "a wrong option does not keep the state"
    (case.state / "begun.json").write_text("[]")
    assert "is not the state of an audit" in trailforward(*options).err
    (case.state / "begun.json").write_text("{")
    assert "is not the state of an audit" in trailforward(*options).err


def test_the_clock_of_an_audit_is_that_of_its_first_run(tmp_path: Path) -> None:
    """An audit has the time of its beginning until it is finished."""
    asked = {"audit": ["x", None, True]}
    assert begin(tmp_path, asked, NOW) == NOW
    assert begin(tmp_path, asked, NOW + timedelta(hours=3)) == NOW
    with pytest.raises(AuditError, match="other options"):
        begin(tmp_path, {"audit": []}, NOW)
    finish(tmp_path)
    assert begin(tmp_path, {"audit": []}, NOW + timedelta(hours=3)) == NOW + timedelta(hours=3)


def test_files_that_come_while_an_audit_is_stopped_belong_to_the_next_one(case: Case) -> None:
    """A stopped audit keeps its lists of files; the next audit reads what came meanwhile."""
    assert case.kill(lambda: case.files("plan.json") > 0, *WINDOW)
    TrailBucket(case.folder / "trail").put(5, [record(500)])
    put_delivered(case.folder / "delivered", case.lost)
    state = [*WINDOW, "--state", str(case.state)]
    first = case.report(*state)
    assert (first["recorded"], first["exit_status"]) == (200, 1)
    second = case.report(*state)
    assert (second["recorded"], second["classes"]["unexpected"]) == (201, 1)
