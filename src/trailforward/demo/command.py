"""The command that runs this installation of trailforward, for the user to copy."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

_NAME = "trailforward"


def next_command() -> str:
    """Returns a shell command that prints sample events and works in the current folder as printed."""
    run = own_command(sys.argv[0], sys.executable)
    return f"{run} samples | {run} forward --to stdout: --format text"


def own_command(program: str, python: str) -> str:
    """Returns how a shell runs this installation: by name if PATH finds it, else by path.

    Args:
        program: ``sys.argv[0]``: the script ``trailforward``, or ``__main__.py`` after ``python -m
            trailforward``.
        python: ``sys.executable``.
    """
    if Path(program).stem == _NAME:
        return _callable(program, _NAME)
    return f"{_callable(python, Path(python).name)} -m {_NAME}"


def _callable(program: str, name: str) -> str:
    """Returns the name of a program if PATH finds it, else its path, relative to the current folder."""
    # Symbolic links count as they are: the python of a virtual environment is often a link to the system's.
    path = os.path.abspath(program)  # noqa: PTH100
    found = shutil.which(name)
    if found is not None and os.path.abspath(found) == path:  # noqa: PTH100
        return name
    if Path(path).is_relative_to(Path.cwd()):
        path = os.path.join(".", os.path.relpath(path))  # noqa: PTH118
        path = path.removeprefix("./") if path.count(os.sep) > 1 else path
    return shlex.quote(path)
