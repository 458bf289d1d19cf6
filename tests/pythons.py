"""Runs the tests on every Python of this machine that trailforward supports: ``make test-pythons``.

Each has its own environment, such as ``.venv-3.14``, with all packages pinned and hashed.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

from layer.build import ROOT
from layer.interpreters import find_python
from layer.target import PYTHONS

if TYPE_CHECKING:
    from pathlib import Path

    from layer.interpreters import Interpreter

_LOCKS = [ROOT / "requirements" / name for name in ("demo.txt", "dev.txt")]
#: The interpreter starts the environment's own python: where the interpreter is a wrapper around a container
#: or a chroot, that python is a link which leads nowhere outside.
_START = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"


def main(arguments: list[str] | None = None) -> int:
    """Runs all, prints a line for each, and returns 0 if those found passed and those named were found."""
    parser = argparse.ArgumentParser(prog="python -m tests.pythons", description=__doc__)
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=f"default: {' '.join(PYTHONS)}")
    parser.add_argument("--pytest", default="", metavar="OPTIONS", help="more options for pytest")
    parser.add_argument("--module", metavar="MODULE", help="run this module instead of pytest")
    options = parser.parse_args(arguments)
    module = [options.module] if options.module else ["pytest", "-n", "auto", "--dist", "loadfile"]
    command = [*module, *shlex.split(options.pytest)]
    results = {}
    for version in options.versions or PYTHONS:
        found = find_python(version)
        if found is None:
            results[version] = "skipped: not on PATH, in pyenv, or known to uv"
        else:
            print(f"--- Python {found.version}: {' '.join(command)}", flush=True)
            results[version] = f"{_run(found, version, command)} on {found.version}"
    print(*(f"Python {version:5} {result}" for version, result in results.items()), sep="\n")
    wanted = [result for result in results.values() if options.versions or not result.startswith("skipped")]
    return 0 if wanted and all(result.startswith("passed") for result in wanted) else 1


def _run(found: Interpreter, version: str, command: list[str]) -> str:
    folder = ROOT / f".venv-{version}"
    if not _prepare(found, folder):
        return "NOT SET UP"
    return "passed" if _start(found, folder, *command) == 0 else "FAILED"


def _prepare(found: Interpreter, folder: Path) -> bool:
    """Makes the environment, unless it is there for the same interpreter and the same locks."""
    stamp = folder / ".done"
    wanted = "\n".join([found.version, *(path.read_text() for path in (*_LOCKS, ROOT / "pyproject.toml"))])
    if stamp.is_file() and stamp.read_text() == wanted:
        return True
    print(f"Installing what the tests need into {folder.name} (pinned and hashed) ...", flush=True)
    made = subprocess.run([found.path, "-m", "venv", "--clear", folder], cwd=ROOT, check=False).returncode
    for what in (
        *(("--require-hashes", "-r", str(lock)) for lock in _LOCKS),
        ("--no-deps", "--no-build-isolation", "-e", "."),
    ):
        pip = ("pip", "--disable-pip-version-check", "--quiet", "install", *what)
        made = made or _start(found, folder, *pip)
    if not made:
        stamp.write_text(wanted)
    return not made


def _start(found: Interpreter, folder: Path, *module: str) -> int:
    """Runs a module in the environment; its exit code."""
    command = [found.path, "-c", _START, str(folder / "bin" / "python"), "-m", *module]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
