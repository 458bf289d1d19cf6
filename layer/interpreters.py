"""Finds the CPython interpreters of this machine by version. It downloads nothing.

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

_PRINT_VERSION = "import platform as p; print(p.python_implementation(), p.python_version(), p.machine())"


class Interpreter(NamedTuple):
    """A CPython that runs on this machine, natively or emulated.

    Attributes:
        path: of the executable.
        version: with the patch release, such as ``3.14.2``.
        machine: as it reports it, such as ``x86_64`` or ``aarch64``.
    """

    path: str
    version: str
    machine: str


def find_python(version: str) -> Interpreter | None:
    """Returns the first interpreter of a minor version: of this process, on PATH, in pyenv, or from uv."""
    return _first(_candidates(version), version)


def find_emulated(version: str, architecture: str) -> Interpreter | None:
    """Returns an interpreter for another architecture: ``python3.14-arm64`` on PATH, which QEMU runs."""
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
        # Run each one: on PATH there may be a version manager's shim that fails.
        try:
            done = subprocess.run(
                [path, "-I", "-S", "-c", _PRINT_VERSION], capture_output=True, text=True, check=False
            )
        except OSError:
            continue
        match done.stdout.split():
            case ["CPython", full, machine] if done.returncode == 0 and full.startswith(f"{version}."):
                return Interpreter(path, full, machine)
    return None
