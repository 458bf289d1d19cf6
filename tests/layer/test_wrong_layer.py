"""The error of a function that has a layer for another architecture."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.support.runtime_api import Function

pytest.importorskip("awslambdaric", reason="AWS's runtime client runs on Linux only")


def test_a_layer_for_another_machine_causes_a_clear_error(tmp_path: Path) -> None:
    """The error names the layer's platform, the function's, and the fix, unlike Python's message."""
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
