"""``sam build`` as a user runs it, for the Runtime that the template names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from layer.bytecode import COST, uncompiled
from layer.interpreters import find_python
from layer.target import DEFAULT
from tests.stack import local

if TYPE_CHECKING:
    from collections.abc import Callable


def sam_build(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Builds the layer of the template, and nothing else."""
    template = local.ROOT / "sam/template.yaml"
    return subprocess.run(
        [
            Path(sys.executable).parent / "sam",
            *("build", "ForwarderLayer", "--template", template, "--build-dir", folder),
        ],
        cwd=local.ROOT,
        env=local.environ() | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_default_layer_has_bytecode_or_the_build_stops(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    """Without a Python of the template's version, ``sam build`` says how to get one, and builds nothing."""
    done = sam_build(tmp_path / "build")
    site = tmp_path / "build/ForwarderLayer" / DEFAULT.site
    if found := find_python(DEFAULT.python):
        tell(f"sam build for {DEFAULT}: bytecode by CPython {found.version}")
        assert done.returncode == 0, done.stderr
        assert uncompiled(site, DEFAULT.tag) == []
    else:
        tell(f"sam build for {DEFAULT}: stopped, since this machine has no CPython {DEFAULT.python}")
        assert done.returncode != 0
        assert f"{DEFAULT} needs CPython {DEFAULT.python} to write its bytecode" in done.stderr
        assert not site.exists()


def test_a_layer_without_bytecode_is_built_on_request(tmp_path: Path) -> None:
    """LAYER_OPTIONS=--without-bytecode builds it on any machine, and the output says what it costs."""
    done = sam_build(tmp_path / "build", LAYER_OPTIONS="--without-bytecode")
    assert done.returncode == 0, done.stderr
    assert f"NO BYTECODE: {COST}" in done.stdout + done.stderr
    site = tmp_path / "build/ForwarderLayer" / DEFAULT.site
    assert (site / "trailforward/handler.py").exists()
    assert not list(site.rglob("*.pyc"))
