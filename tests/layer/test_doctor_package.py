"""The package of the daily doctor's function, built for the Python that runs the tests."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from layer.build import RUNTIME
from layer.doctor import build
from layer.target import ALL, Target
from tests.doctor.daily import DailyAws
from tests.doctor.planted import HOME, PlantedWorld

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Target(
    f"3.{sys.version_info.minor}", "x86_64" if platform.machine() in {"AMD64", "x86_64"} else "arm64"
)
pytestmark = pytest.mark.skipif(
    "TRAILFORWARD_LAYERS" not in os.environ or HERE not in ALL,
    reason="builds a package with pip: run make test-layer",
)

#: Modules of the packages in RUNTIME, and jmespath, which botocore needs.
MODULES = ("boto3", "botocore", "s3transfer", "dateutil", "six", "urllib3", "jmespath")
#: The standard library, the package, and the runtime's packages: nothing else of this environment.
RUN = """
import json, sys
package, runtime = sys.argv[1:]
sys.path[:0] = [package, runtime]
import app
class Context:
    aws_request_id = "run"
    def get_remaining_time_in_millis(self):
        return 900_000
app.handler({}, Context())
folders = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
outside = sorted({name.partition(".")[0] for name, file in folders.items() if file and "-packages" in file})
print(json.dumps({"outside": outside}))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, as ``sam build`` makes it."""
    folder = tmp_path_factory.mktemp("package")
    build(folder, HERE)
    return folder


@pytest.fixture(scope="module")
def aws() -> Iterator[DailyAws]:
    """A local AWS with a bucket and a topic."""
    with PlantedWorld((HOME,), {}) as planted, DailyAws(planted) as found:
        yield found


def test_it_runs_with_only_its_contents(package: Path, aws: DailyAws, tmp_path: Path) -> None:
    """The function runs with the package, the standard library, and the runtime's boto3, and nothing else."""
    assert len(MODULES) > len(RUNTIME)
    for name in MODULES:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        source = Path(spec.origin)
        source = source.parent if source.name == "__init__.py" else source
        (tmp_path / source.name).symlink_to(source)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", RUN, package, tmp_path],
        env={"PATH": os.environ["PATH"], **aws.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1] == {"outside": []}
    assert any(line.get("doctor_completed") == 1 for line in lines)
    assert any(key.startswith("reports/") for key in aws.objects())


def test_it_has_what_the_doctor_needs_and_no_more(package: Path) -> None:
    """The package has the doctor, but no command line, and is small enough for Lambda to load quickly."""
    assert (package / "trailforward/doctor/daily/function.py").is_file()
    assert not (package / "trailforward/cli").exists()
    assert not {"rich", "typer", "aws_lambda_powertools"} & {path.name for path in package.iterdir()}
    assert sum(path.stat().st_size for path in package.rglob("*") if path.is_file()) < 20_000_000
