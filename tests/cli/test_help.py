"""``trailforward --help`` and the help of every command."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import trailforward
from trailforward.cli import COMMANDS


def test_every_command_is_listed() -> None:
    """The help lists every command with a description."""
    text = trailforward("--help").out
    for name, *_ in COMMANDS:
        assert re.search(rf"^  {name} +\S", text, re.MULTILINE), name


@pytest.mark.parametrize(
    "name", [command.name for command in COMMANDS if command.name not in {"doctor", "trace"}]
)
def test_the_help_of_a_command_has_the_exit_status(name: str) -> None:
    """The help of a command says what each exit status means."""
    done = trailforward(name, "--help")
    assert done.code == 0
    assert re.search(r"Exit\s+status: 0 \S", done.out), done.out


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_help_is_readable_in_80_columns_and_ends_with_an_example(command: Any) -> None:
    """The help of a command fits into 80 columns, and its last line is a command that the shell accepts."""
    done = trailforward(command.name, "--help", COLUMNS="80")
    assert max(map(len, done.out.splitlines())) <= 80
    *_, heading, line = done.out.rstrip().splitlines()
    assert heading == "  Example:"
    name, *arguments = shlex.split(line.partition(">")[0])
    assert name == "trailforward"
    assert trailforward(*arguments, "--help").code == 0  # an unknown option is an error


def test_the_list_of_commands_is_not_cut() -> None:
    """In 80 columns, the list of commands shows the whole description of each."""
    assert "..." not in trailforward("--help", COLUMNS="80").out.partition("Commands:")[2]


def test_the_shell_completes_commands_and_names() -> None:
    """The Tab key completes the names of commands, detections, and samples."""
    for words, number, expected in (
        ("trailforward va", 1, "validate"),
        ("trailforward match @root-s", 2, "@root-sign-in"),
        ("trailforward detections root-s", 2, "root-sign-in"),
        ("trailforward samples root-con", 2, "root-console-login"),
    ):
        done = subprocess.run(
            [Path(sys.executable).with_name("trailforward")],
            env={
                **os.environ,
                "_TRAILFORWARD_COMPLETE": "complete_bash",
                "COMP_WORDS": words,
                "COMP_CWORD": str(number),
            },
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert expected in done.stdout.split(), done


def test_a_command_ends_quietly_when_nobody_reads_its_output() -> None:
    """``trailforward samples | head -1`` ends the command without a message, with status 141."""
    with subprocess.Popen(
        [sys.executable, "-m", "trailforward", "samples"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141
