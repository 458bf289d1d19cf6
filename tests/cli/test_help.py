"""``trailforward --help`` and the help of every command."""

from __future__ import annotations

import re

import pytest

from tests.support.command import trailforward
from trailforward.cli import app

COMMANDS = [str(command.name) for command in app.registered_commands]


def test_every_command_is_listed() -> None:
    """The help lists every command with a description."""
    text = trailforward("--help").out
    for name in COMMANDS:
        assert re.search(rf"^  {name} +\S", text, re.MULTILINE), name


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in {"doctor", "trace"}])
def test_the_help_of_a_command_has_the_exit_status(name: str) -> None:
    """The help of a command says what each exit status means."""
    done = trailforward(name, "--help")
    assert done.code == 0
    assert re.search(r"Exit\s+status: 0 \S", done.out), done.out
