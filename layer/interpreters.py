"""Finds the CPython interpreters of this machine by version. Nothing is downloaded.

The layer's bytecode comes from an interpreter of the target's version. Bytecode does not depend on the
architecture, so any machine can write it for any target.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUESTION = "import platform as p; print(p.python_implementation(), p.python_version(), p.machine())"


class Interpreter(NamedTuple):
    """A CPython that runs on this machine, natively or emulated.

    Attributes:
        path: of the executable.
        version: with the patch release, such as ``3.14.2``.
        machine: what it reports, such as ``x86_64`` or ``aarch64``.
    """

    path: str
    version: str
    machine: str


def find_python(version: str) -> Interpreter | None:
    """The first interpreter of a minor version: this process, then PATH, pyenv, and uv."""
    return _first(_candidates(version), version)


def find_emulated(version: str, architecture: str) -> Interpreter | None:
    """An interpreter for another architecture, such as ``python3.14-arm64`` on PATH that QEMU runs."""
    path = shutil.which(f"python{version}-{architecture}")
    return _first([path] if path else [], version)


def _candidates(version: str) -> Iterator[str]:
    yield sys.executable
    if path := shutil.which(f"python{version}"):
        yield path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    yield from map(str, sorted(pyenv.glob(f"{version}.*/bin/python{version}")))
    if uv := shutil.which("uv"):
        command = [uv, "python", "find", "--no-project", "--no-python-downloads", "--offline", version]
        yield from subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")[:1]


def _first(paths: Iterator[str] | list[str], version: str) -> Interpreter | None:
    for path in paths:
        # On PATH there may be a version manager's shim that refuses to run, so each is asked.
        try:
            done = subprocess.run(
                [path, "-I", "-S", "-c", _QUESTION], capture_output=True, text=True, check=False
            )
        except OSError:
            continue
        match done.stdout.split():
            case ["CPython", full, machine] if done.returncode == 0 and full.startswith(f"{version}."):
                return Interpreter(path, full, machine)
    return None
