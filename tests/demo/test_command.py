from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.depth import part
from trailforward.demo.command import own_command

BIN = Path(sys.executable).parent
SCRIPT = BIN / "trailforward"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provides a current folder with a virtual environment that is not on PATH."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("trailforward", "python"):
        program = tmp_path / ".venv" / "bin" / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_program_on_path_is_called_by_name(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the virtual environment on PATH, the name alone is enough."""
    folder = checkout / ".venv" / "bin"
    monkeypatch.setenv("PATH", f"{folder}:/bin")
    assert own_command(str(folder / "trailforward"), "python") == "trailforward"
    main = "/x/trailforward/__main__.py"
    assert own_command(main, str(folder / "python")) == "python -m trailforward"


def test_a_program_outside_path_is_called_by_its_relative_path(checkout: Path) -> None:
    """In a checkout, the command has the path of the executable that runs."""
    folder = checkout / ".venv" / "bin"
    assert own_command(str(folder / "trailforward"), "python") == ".venv/bin/trailforward"
    assert own_command(".venv/bin/trailforward", "python") == ".venv/bin/trailforward"
    main = "/x/trailforward/__main__.py"
    assert own_command(main, str(folder / "python")) == ".venv/bin/python -m trailforward"


def test_another_installation_on_path_is_not_taken_for_this_one(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If PATH finds a different trailforward, the command has the path of this one."""
    other = checkout / "other"
    other.mkdir()
    (other / "trailforward").write_text("#!/bin/sh\n")
    (other / "trailforward").chmod(0o755)
    monkeypatch.setenv("PATH", f"{other}:/bin")
    assert own_command(".venv/bin/trailforward", "python") == ".venv/bin/trailforward"


@pytest.mark.parametrize(
    ("folder", "expected"),
    [(".venv/bin", "./trailforward"), ("other place", "{checkout}/.venv/bin/trailforward")],
)
def test_a_path_works_from_any_folder(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, folder: str, expected: str
) -> None:
    """Beside the executable the path begins with ./, and from another folder it is absolute."""
    (checkout / folder).mkdir(exist_ok=True)
    monkeypatch.chdir(checkout / folder)
    program = str(checkout / ".venv" / "bin" / "trailforward")
    assert own_command(program, "python") == expected.format(checkout=checkout)


def test_a_path_with_spaces_is_quoted(checkout: Path) -> None:
    """A shell reads the path as one word."""
    program = checkout / "my tools" / "trailforward"
    assert own_command(str(program), "python") == "'my tools/trailforward'"


@pytest.mark.parametrize("start", part([[str(SCRIPT)], [sys.executable, "-m", "trailforward"]], 2))
@pytest.mark.parametrize("on_path", [True, False])
def test_the_last_line_of_the_demo_works_as_printed(
    start: list[str], tmp_path: Path, *, on_path: bool
) -> None:
    """A shell in the same folder runs the last line of the demo, whether trailforward is on PATH or not."""
    path = f"{BIN}{os.pathsep}{os.defpath}" if on_path else os.defpath
    environ = {"PATH": path, "HOME": str(tmp_path), "COLUMNS": "60", "PYTHONIOENCODING": "utf-8"}
    options = {"cwd": tmp_path, "env": environ, "capture_output": True, "encoding": "utf-8", "timeout": 120}
    demo = subprocess.run([*start, "demo"], check=True, **options)  # type: ignore[call-overload]
    line = demo.stdout.splitlines()[-1]
    done = subprocess.run(["/bin/sh", "-c", line], check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    assert "Event: AWS API Call via CloudTrail" in done.stdout
