"""Runs the ``trailforward`` command in this process or in a separate one."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

from typer.testing import CliRunner

from trailforward.cli import app

_COMMON = {"COLUMNS": "120", "NO_COLOR": None, "FORCE_COLOR": None}


class Done(NamedTuple):
    """Exit status and output of a command."""

    code: int
    out: str
    err: str


def trailforward(*arguments: str | Path, folder: Path | None = None, **environ: str) -> Done:
    """Runs the command in this process, without a terminal and without configuration variables."""
    own = dict.fromkeys(name for name in os.environ if name.startswith("TRAILFORWARD_"))
    runner = CliRunner(env={**own, **_COMMON, **environ})
    with chdir(folder or Path()):
        result = runner.invoke(app, list(map(str, arguments)), catch_exceptions=False)
    return Done(result.exit_code, result.stdout, result.stderr)


def piped(*arguments: str | Path, stdin: bytes) -> Done:
    """Runs the command in a separate process with bytes on standard input. It must not print a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "trailforward", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1"},
        check=False,
        timeout=600,
    )
    result = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in result.err, result.err
    return result
