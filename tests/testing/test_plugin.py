"""The pytest plug-in costs nothing until it is used."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import trailforward.testing
from trailforward.testing import MemorySink, cloudtrail_event, samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trailforward.testing import Event

HEAVY = ("pydantic", "boto3", "botocore", "hypothesis", "aws_lambda_powertools", "typer", "rich")
OURS = ["trailforward", "trailforward._lazy", "trailforward.testing", "trailforward.testing.plugin"]


def run(folder: Path, *arguments: str) -> str:
    """The output of pytest in another project."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_pytest_finds_the_plugin() -> None:
    """Installing trailforward installs the plug-in."""
    (found,) = [point for point in entry_points(group="pytest11") if point.name == "trailforward"]
    assert found.value == "trailforward.testing.plugin"


def test_the_plugin_costs_pytest_nothing(tmp_path: Path) -> None:
    """A test run that does not use the plug-in imports a few small modules and nothing heavy."""
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_it():\n"
        f"    assert not [name for name in {HEAVY} if name in sys.modules]\n"
        f"    assert sorted(n for n in sys.modules if n.partition('.')[0] == 'trailforward') == {OURS}\n"
    )
    # Hypothesis has its own plug-in, which imports Hypothesis only if it is used.
    run(tmp_path)


def test_nothing_happens_by_itself(tmp_path: Path) -> None:
    """No fixture runs automatically, all names have our prefix, and there are no markers or report lines."""
    (tmp_path / "test_it.py").write_text(
        "def test_it(request):\n    assert request.fixturenames == ['request']\n"
    )
    assert "trailforward" not in run(tmp_path)
    shown = run(tmp_path, "--fixtures")
    listed = re.findall(r"^(\S+) -- .*trailforward/testing/plugin\.py", shown, re.MULTILINE)
    assert listed == ["trailforward_event", "trailforward_sink"]


def test_samples_are_listed(tmp_path: Path) -> None:
    """``--trailforward-samples`` lists every sample with its type, and runs no tests."""
    (tmp_path / "test_it.py").write_text("def test_it():\n    raise AssertionError\n")
    lines = run(tmp_path, "--trailforward-samples").splitlines()
    assert [line.split()[0] for line in lines] == samples.names()
    assert "root-console-login                 AWS Console Sign In: ConsoleLogin" in lines
    assert "guardduty-finding                  GuardDuty Finding" in lines


def test_events_of_the_fixture_are_the_same_in_every_run(
    trailforward_event: Callable[..., Event], tmp_path: Path
) -> None:
    """In a test, each event is different; in another run, they are the same again."""
    first, second = trailforward_event("StopLogging"), trailforward_event("StopLogging")
    assert first["id"] != second["id"]
    assert first["id"] != cloudtrail_event("StopLogging")["id"]
    assert trailforward_event(seed=1) == cloudtrail_event(seed=1)
    (tmp_path / "test_it.py").write_text(
        "def test_it(trailforward_event):\n    print(trailforward_event('StopLogging')['id'])\n"
    )
    ids = [re.findall("[0-9a-f-]{36}", run(tmp_path, "-s")) for _ in range(2)]
    assert len(ids[0]) == 1
    assert ids[0] == ids[1]


def test_sinks_of_the_fixture_are_new(trailforward_sink: MemorySink) -> None:
    """The fixture is an empty in-memory sink."""
    assert isinstance(trailforward_sink, MemorySink)
    assert trailforward_sink.data == []


def test_importing_the_kit_is_cheap() -> None:
    """Events, payloads, and sinks import nothing heavy; only strategies need Hypothesis."""
    code = (
        "import sys; from trailforward.testing import *; from trailforward import testing as t;"
        "assert_matches({'source': ['aws.s3']}, cloudtrail_event('GetObject')); as_sqs(console_sign_in());"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    code = code.replace("from trailforward.testing import *", f"from trailforward.testing import {NAMES}")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


NAMES = ", ".join(name for name in trailforward.testing.__all__ if name not in {"routes", "strategies"})


def test_every_public_name_is_there() -> None:
    """Every name in ``dir`` is importable from its module."""
    for name in trailforward.testing.__all__:
        assert getattr(trailforward.testing, name) is not None
    assert dir(trailforward.testing) == sorted(trailforward.testing.__all__)
