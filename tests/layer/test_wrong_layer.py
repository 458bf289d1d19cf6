"""What a function says that has the layer of another machine."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.support.runtime_api import Function

pytest.importorskip("awslambdaric", reason="AWS's runtime client runs on Linux only")


def test_a_layer_for_another_machine_is_named_with_what_runs(tmp_path: Path) -> None:
    """The error names what the layer was built for, what runs, and the fix, in place of Python's riddle."""
    import orjson

    package = shutil.copytree(Path(orjson.__file__).parent, tmp_path / "layer" / "orjson")
    (module,) = package.glob("orjson.*.so")
    module.rename(package / "orjson.cpython-39-s390x-linux-gnu.so")
    (tmp_path / "task").mkdir()
    environ = {"TRAILFORWARD_TO": "stdout:", "PYTHONPATH": str(tmp_path / "layer")}
    with Function(environ, tmp_path / "task") as function:
        kind, body = function.init_error()
    assert (kind, body["errorType"]) == ("init", "Runtime.ImportModuleError")
    assert "orjson is built for cpython-39-s390x-linux-gnu" in body["errorMessage"]
    assert f"this function runs {sys.implementation.cache_tag}-" in body["errorMessage"]
    assert "Fix: attach the layer" in body["errorMessage"]
