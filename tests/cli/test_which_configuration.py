"""Which configuration a command uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command import trailforward

if TYPE_CHECKING:
    from pathlib import Path

FAILING = """
[sinks.out]
to = "file:out.ndjson"

[[routes]]
name = "root"
sinks = ["out"]
use = "root-sign-in"

[[routes.tests]]
sample = "trail-stopped"
matches = true
"""
#: Command → its arguments, and how it takes a configuration.
COMMANDS = {
    "test": (["test"], []),
    "validate": (["validate"], []),
    "iam": (["iam"], ["--config"]),
    "forward": (["forward", "events.ndjson"], ["--config"]),
    "check-sinks": (["check-sinks", "--dry-run"], []),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Provides a folder with a trailforward.toml, another configuration, and no events."""
    (tmp_path / "trailforward.toml").write_text(FAILING)
    (tmp_path / "other.toml").write_text(FAILING)
    (tmp_path / "events.ndjson").write_text("")
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_the_argument_comes_first(command: str, folder: Path) -> None:
    """A configuration that is named on the command line is used, whatever the environment says."""
    arguments, option = COMMANDS[command]
    done = trailforward(*arguments, *option, "other.toml", folder=folder, TRAILFORWARD_TO="stdout:")
    assert done.err.startswith("Configuration: other.toml\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_environment_comes_second(command: str, folder: Path) -> None:
    """Without an argument, the variables are used, and a file beside them is named as not used."""
    arguments, _ = COMMANDS[command]
    unused = "(./trailforward.toml is not used)"
    done = trailforward(*arguments, folder=folder, TRAILFORWARD_TO="stdout:")
    assert done.err.startswith(f"Configuration: TRAILFORWARD_TO {unused}\n")
    done = trailforward(*arguments, folder=folder, TRAILFORWARD_CONFIG="other.toml")
    assert done.err.startswith(f"Configuration: TRAILFORWARD_CONFIG, other.toml {unused}\n")
    done = trailforward(*arguments, folder=folder, TRAILFORWARD_CONFIG="trailforward.toml")
    assert done.err.startswith("Configuration: TRAILFORWARD_CONFIG, trailforward.toml\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_file_in_the_folder_comes_third(command: str, folder: Path) -> None:
    """Without an argument and without variables, or with empty ones, ./trailforward.toml is used."""
    arguments, _ = COMMANDS[command]
    done = trailforward(*arguments, folder=folder, TRAILFORWARD_TO=" ")
    assert done.err.startswith("Configuration: trailforward.toml\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_without_any_configuration_the_command_fails(command: str, tmp_path: Path) -> None:
    """Exit status 2 and every place that was searched, if there is no configuration at all."""
    arguments, _ = COMMANDS[command]
    (tmp_path / "events.ndjson").write_text("")
    done = trailforward(*arguments, folder=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("There is no configuration: neither an argument, nor TRAILFORWARD_CONFIG")


def test_the_text_of_a_configuration_is_not_printed(folder: Path) -> None:
    """TOML in a variable is named, not shown, because it may contain a secret in the wrong place."""
    text = FAILING + "# hunter2\n"
    done = trailforward("validate", folder=folder, TRAILFORWARD_CONFIG=text)
    assert done.err.startswith("Configuration: TRAILFORWARD_CONFIG, TOML text (")
    assert "hunter2" not in done.err


def test_failing_tests_beside_the_command_fail_it(folder: Path) -> None:
    """`trailforward test` runs the tests of ./trailforward.toml, and never passes on other routes."""
    done = trailforward("test", folder=folder)
    assert done.code == 1
    assert "FAIL root: trail-stopped" in done.out


def test_destinations_without_routes_have_no_tests_to_pass() -> None:
    """TRAILFORWARD_TO has no tests, so `trailforward test` cannot pass."""
    done = trailforward("test", TRAILFORWARD_TO="stdout:")
    assert done.code == 2
    assert "There are no tests" in done.err


def test_shipped_and_a_configuration_exclude_each_other(folder: Path) -> None:
    """--shipped beside a configuration is an error, so that neither is skipped silently."""
    done = trailforward("test", "--shipped", "trailforward.toml", folder=folder)
    assert done.code == 2
    assert "Use either --shipped or a configuration" in done.err
