"""Builds the package of the audit's functions, for SAM: they do not use the layer, which has no audit.

    python -m layer.audit FOLDER 3.14-arm64

The package contains ``sam/audit/app.py``, our wheel with the audit, the packages that the layer has, msgspec,
and isal; boto3 comes from the runtime. It has no bytecode, because most calls run for minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from layer.build import ROOT
from layer.doctor import build
from layer.target import BuildError, Target

APP = ROOT / "sam" / "audit" / "app.py"
#: The lock file with the packages of the extra ``audit``, and their names.
LOCKED, PACKAGES = ROOT / "requirements" / "dev.txt", frozenset({"msgspec", "isal"})


def more() -> list[str]:
    """The lines of the lock file for the packages that the layer does not have."""
    locked = LOCKED.read_text().replace("\\\n", " ").splitlines()
    return [line for line in locked if line.partition("==")[0] in PACKAGES]


def main(arguments: list[str]) -> int:
    """Builds the package for one target."""
    try:
        folder, name = arguments
        build(Path(folder), Target.parse(name), app=APP, more=more())
    except ValueError:
        sys.exit("usage: python -m layer.audit FOLDER PYTHON-ARCHITECTURE")
    except BuildError as error:
        sys.exit(f"audit: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
