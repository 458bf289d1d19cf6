"""The ``trailforward`` command: within this process, or in one of its own, as people run it."""

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
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


def trailforward(*arguments: str | Path, folder: Path | None = None, **environ: str) -> Done:
    """Runs the command within this process, without a terminal or a configuration in the environment."""
    own = dict.fromkeys(name for name in os.environ if name.startswith("TRAILFORWARD_"))
    runner = CliRunner(env={**own, **_COMMON, **environ})
    with chdir(folder or Path()):
        result = runner.invoke(app, list(map(str, arguments)), catch_exceptions=False)
    return Done(result.exit_code, result.stdout, result.stderr)


def piped(*arguments: str | Path, stdin: bytes) -> Done:
    """Runs the command in a process of its own, with bytes on standard input; it never shows a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "trailforward", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1"},
        check=False,
        timeout=600,
    )
    made = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in made.err, made.err
    return made
