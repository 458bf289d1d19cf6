"""The notes of a release, and the workflows that make it."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from release.notes import NotesError, notes
from tests.support.pages import ROOT

_PACKAGE = '__version__ = "1.2.3"'
_CHANGELOG = """# Changelog

## [Unreleased]

## [1.2.3] - 2026-11-28

### Added

- A thing.

## [1.2.2] - 2026-11-01

- An older thing.
"""
WORKFLOWS = {path.name: path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml")}


def test_the_notes_are_the_section_of_the_version() -> None:
    """The notes contain the section's text and nothing of other versions."""
    assert notes("1.2.3", _CHANGELOG, _PACKAGE) == "### Added\n\n- A thing."


@pytest.mark.parametrize(
    ("changelog", "package", "expected"),
    [
        (
            _CHANGELOG.replace("[1.2.3] - 2026-11-28", "[1.2.3]"),
            _PACKAGE,
            "CHANGELOG.md does not describe 1.2.3",
        ),
        (_CHANGELOG.replace("1.2.3", "1x2y3"), _PACKAGE, "CHANGELOG.md does not describe 1.2.3"),
        (
            _CHANGELOG.replace("### Added\n\n- A thing.\n", ""),
            _PACKAGE,
            "CHANGELOG.md does not describe 1.2.3",
        ),
        (_CHANGELOG, '__version__ = "1.2.4"', "does not contain 1.2.3"),
    ],
)
def test_a_version_without_notes_is_not_released(changelog: str, package: str, expected: str) -> None:
    """A missing date, section, or text, and another version of the package, stop the release with the fix."""
    with pytest.raises(NotesError, match=expected):
        notes("1.2.3", changelog, package)


def _steps(text: str) -> list[dict[str, Any]]:
    return [step for job in yaml.safe_load(text)["jobs"].values() for step in job.get("steps", [])]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_pin_actions_and_grant_nothing_by_default(name: str) -> None:
    """Actions are pinned to commits, jobs ask for each permission, and no input becomes part of a script."""
    text = WORKFLOWS[name]
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    assert all("permissions" in job for job in workflow["jobs"].values())
    for line in re.findall(r"uses: (.*)", text):
        assert line.startswith("./") or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", line), line
    for step in _steps(text):
        assert "${{" not in step.get("run", ""), step
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not on PATH")
@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_run_commands_that_exist(name: str) -> None:
    """Every make target and module of a workflow exists."""
    for step in _steps(WORKFLOWS[name]):
        script = step.get("run", "")
        for command in re.findall(r"make [^\n]*", script):
            arguments = [str(shutil.which("make")), "-n", *command.split()[1:]]
            subprocess.run(arguments, cwd=ROOT, check=True, capture_output=True, timeout=60)
        for module in re.findall(r"-m ([\w.]+)", script):
            assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file()


def test_the_tests_run_on_every_python_of_the_classifiers() -> None:
    """The matrix of the tests is the list of Python versions that the package declares."""
    declared = re.findall(r"Python :: (3\.\d+)\"", (ROOT / "pyproject.toml").read_text())
    assert yaml.safe_load(WORKFLOWS["test.yml"])["jobs"]["test"]["strategy"]["matrix"]["python"] == declared
