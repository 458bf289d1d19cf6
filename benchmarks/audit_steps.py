"""Reads the files of the audit's benchmark, and joins them, without an explanation: for ``audit.py``.

usage: python -m benchmarks.audit_steps FOLDER read|join [ids|archive] [exact]
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from trailforward.audit import run
from trailforward.audit.classes import Classifier
from trailforward.audit.rules import Rules


def main() -> None:
    root, step, *options = sys.argv[1:]
    delivered = next((name for name in options if name != "exact"), "")
    since, until = datetime(2026, 11, 26, tzinfo=UTC), datetime(2026, 11, 27, tzinfo=UTC)
    wanted = run.Audit(f"{root}/trail", f"{root}/{delivered}", since, until, exact="exact" in options)
    with tempfile.TemporaryDirectory(prefix="trailforward-bench-") as folder:
        if step == "read":
            run.read_trail_only(wanted, Path(folder))
        else:
            run.audit(wanted, lambda changes: Classifier(Rules(None, changes), ""), Path(folder), lambda *_: None)


if __name__ == "__main__":
    main()
