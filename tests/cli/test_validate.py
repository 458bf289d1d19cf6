"""``trailforward validate``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from tests.support.command import trailforward
from tests.support.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
dead_letter = "file:dead.ndjson"

[sinks.out]
to = "file:out.ndjson"

[[routes]]
name = "r"
sinks = ["out"]
use = "root-sign-in"

[[routes.tests]]
sample = "root-console-login"
matches = true
"""
DOUBTFUL = GOOD.replace('use = "root-sign-in"', 'pattern = { detail = { eventName = ["ConsoleLogin"] } }')


def test_a_valid_configuration_gives_status_0(tmp_path: Path) -> None:
    """A valid configuration prints one line of counts to standard error, and sends nothing."""
    path = tmp_path / "trailforward.toml"
    path.write_text(GOOD)
    done = trailforward("validate", path, "--strict")
    assert (done.code, done.out) == (0, "")
    assert done.err == f"Configuration: {path}\n{path} is valid: 1 sink, 1 route, 1 test, 0 lints\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_configuration_without_queues_gets_a_warning(tmp_path: Path) -> None:
    """Without retry_queue and dead_letter, a warning names the sources that stop or lose events."""
    path = tmp_path / "trailforward.toml"
    path.write_text(GOOD.replace('dead_letter = "file:dead.ndjson"', ""))
    done = trailforward("validate", path, "--strict")
    assert (done.code, done.out) == (0, "")
    assert "warning: neither retry_queue nor dead_letter is set" in done.err
    assert "TRAILFORWARD_DEAD_LETTER" in done.err


def test_lints_are_printed_and_count_only_if_asked(tmp_path: Path) -> None:
    """Each lint is one line with its key and code; with --strict, the exit status is 1."""
    path = tmp_path / "trailforward.toml"
    path.write_text(DOUBTFUL)
    done = trailforward("validate", path)
    assert done.code == 0
    assert done.out.startswith("routes.r.pattern: ")
    assert done.out.endswith("[no-source]\n")
    assert trailforward("validate", path, "--strict").code == 1


WRONG = GOOD.replace(
    'use = "root-sign-in"',
    'pattern = { source = ["aws.iam"], details = { eventName = ["CreateUser"] } }',
)


def test_a_pattern_that_no_event_matches_is_a_lint(tmp_path: Path) -> None:
    """What no CloudTrail event satisfies is named with the field to write; --strict gives exit status 1."""
    path = tmp_path / "trailforward.toml"
    path.write_text(WRONG)
    done = trailforward("validate", path, "--strict")
    assert done.code == 1
    assert done.out.startswith("routes.r.pattern: details.eventName: AWS documents no field details")
    assert done.out.endswith("[field-name]\n")


def test_lints_can_be_allowed(tmp_path: Path) -> None:
    """allow_lints silences a code in its route, or everywhere; an unknown code is a lint itself."""
    path = tmp_path / "trailforward.toml"
    for text in (
        WRONG.replace('name = "r"', 'name = "r"\nallow_lints = ["field-name"]'),
        'allow_lints = ["field-name"]\n' + WRONG,
    ):
        path.write_text(text)
        done = trailforward("validate", path, "--strict")
        assert (done.code, done.out) == (0, "")
    path.write_text(WRONG.replace('name = "r"', 'name = "r"\nallow_lints = ["feild-name"]'))
    done = trailforward("validate", path, "--strict")
    assert done.code == 1
    assert (
        "routes.r.allow_lints: there is no lint with this code: write field-name [unknown-lint]" in done.out
    )


def test_every_problem_is_listed_and_gives_status_2(tmp_path: Path) -> None:
    """Invalid keys and patterns are listed together, each with its fix."""
    path = tmp_path / "trailforward.toml"
    path.write_text(
        GOOD.replace("file:out", "ftp://out") + '[[routes]]\nname="x"\nsinks=["out"]\npattern="{"\n'
    )
    done = trailforward("validate", path)
    assert (done.code, done.out) == (2, "")
    assert "sinks.out.to" in done.err
    assert "routes.x.pattern: EventBridge would reject it" in done.err
    assert done.err.count("Fix:") == 2


def test_tests_are_validated_with_the_configuration(tmp_path: Path) -> None:
    """A test whose event does not exist makes the configuration invalid."""
    path = tmp_path / "trailforward.toml"
    path.write_text(GOOD.replace('sample = "root-console-login"', 'event = "missing.json"'))
    done = trailforward("validate", path)
    assert done.code == 2
    assert f"routes.r.tests[0].event: cannot read {tmp_path / 'missing.json'}" in done.err


def test_without_an_argument_the_environment_or_the_folder_decides(tmp_path: Path) -> None:
    """Without an argument: the environment variables, then ./trailforward.toml, else an error."""
    done = trailforward("validate", folder=tmp_path)
    assert done.code == 2
    assert "There is no configuration" in done.err
    (tmp_path / "trailforward.toml").write_text(GOOD)
    assert trailforward("validate", folder=tmp_path).err.endswith(
        "\ntrailforward.toml is valid: 1 sink, 1 route, 1 test, 0 lints\n"
    )
    there = trailforward(
        "validate", folder=tmp_path, TRAILFORWARD_TO="stdout:", TRAILFORWARD_DEAD_LETTER="file:dead"
    )
    assert there.err.endswith("\nTRAILFORWARD_TO is valid: 1 sink, 1 route, 0 tests, 0 lints\n")
    text = trailforward("validate", folder=tmp_path, TRAILFORWARD_CONFIG=GOOD + "#" * 2_000)
    assert text.err.endswith("\nTRAILFORWARD_CONFIG is valid: 1 sink, 1 route, 1 test, 0 lints\n")


def test_several_configurations_are_checked_and_the_worst_status_counts(tmp_path: Path) -> None:
    """Every configuration is checked, also after an invalid one; lints name theirs."""
    for name, text in (("good", GOOD), ("doubtful", DOUBTFUL), ("bad", "to = 1")):
        (tmp_path / f"{name}.toml").write_text(text)
    done = trailforward("validate", "bad.toml", "doubtful.toml", "good.toml", folder=tmp_path)
    assert done.code == 2
    assert "good.toml is valid" in done.err
    assert done.out.startswith("doubtful.toml: routes.r.pattern: ")
    assert trailforward("validate", "doubtful.toml", "good.toml", folder=tmp_path).code == 0
    assert trailforward("validate", "good.toml", "doubtful.toml", "--strict", folder=tmp_path).code == 1


def test_the_hooks_for_pre_commit_run_commands_that_exist() -> None:
    """Each hook names a command with its options, and finds configurations by their names."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    for hook in hooks:
        name, *arguments = hook["entry"].split()
        assert name == "trailforward"
        assert trailforward(*arguments, "--help").code == 0
        assert re.search(hook["files"], "ops/trailforward.toml")
        assert not re.search(hook["files"], "pyproject.toml")
