"""Builds the package of the daily doctor's function, for SAM: it does not use the layer, which has no doctor.

    python -m layer.doctor FOLDER 3.14-arm64

The package contains ``sam/doctor/app.py``, our wheel with the doctor, and Pydantic and orjson; boto3 comes
from the runtime. It has no bytecode, because a function that runs once a day does not need a fast start.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from layer.build import ROOT, incompatible, install, own_wheel, requirements
from layer.target import BuildError, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

APP = ROOT / "sam" / "doctor" / "app.py"

#: Packages of the layer that neither the doctor nor the audit imports.
NOT_NEEDED = frozenset({"aws-lambda-powertools", "jmespath"})
#: Parts of our wheel that the function does not import: the command line with what only it uses.
LEFT_OUT = (
    "trailforward/cli",
    "trailforward/demo",
    "trailforward/sigma",
    "trailforward/testing",
    "trailforward-*.dist-info/entry_points.txt",
)


def build(
    folder: Path,
    target: Target,
    *,
    app: Path = APP,
    more: Sequence[str] = (),
) -> None:
    """Fills a folder with the package.

    Args:
        folder: where the files go; created if it does not exist.
        target: Python version and architecture.
        app: the file with the handler.
        more: requirements with hashes, beside those of the layer.

    Raises:
        BuildError: a wheel is missing, or the target cannot load a file.
    """
    with tempfile.TemporaryDirectory() as work:
        wheel = own_wheel(Path(work))
        others = [
            line for line in requirements(of_runtime=False) if line.partition("==")[0] not in NOT_NEEDED
        ]
        install([wheel, *others, *more], target, folder, Path(work))
    shutil.rmtree(folder / "bin", ignore_errors=True)
    for path in (path for pattern in LEFT_OUT for path in folder.glob(pattern)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    shutil.copyfile(app, folder / app.name)
    if wrong := incompatible(folder, target):
        raise BuildError("; ".join(wrong))


def main(arguments: list[str]) -> int:
    """Builds the package for one target."""
    try:
        folder, name = arguments
        build(Path(folder), Target.parse(name))
    except ValueError:
        sys.exit("usage: python -m layer.doctor FOLDER PYTHON-ARCHITECTURE")
    except BuildError as error:
        sys.exit(f"doctor: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
