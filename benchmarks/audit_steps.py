"""Reads the files of the audit's benchmark, and joins them, without an explanation: for ``audit.py``.

usage: python -m benchmarks.audit_steps FOLDER [ids|archive] [exact]
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trailforward.audit import work
from trailforward.audit.pool import Pool
from trailforward.audit.units import parts_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_UNIT_BYTES = 16_000_000
_RECORD_BYTES = 100
_WINDOW = "2026-11-26T00:00:00Z", "2026-11-27T00:00:00Z"


def main() -> None:
    root, *options = sys.argv[1:]
    delivered = next((name for name in options if name != "exact"), "")
    exact = "exact" in options
    parts = parts_for(sum(path.stat().st_size for path in Path(root, "trail").rglob("*.gz")) // _RECORD_BYTES)
    with (
        tempfile.TemporaryDirectory(prefix="trailforward-bench-") as folder,
        Pool(os.cpu_count() or 1, large=True) as pool,
    ):

        def run(kind: str, function: Callable[..., Any], more: tuple[Any, ...]) -> list[Path]:
            paths, jobs = [], []
            for files in _units(Path(root, kind)):
                paths.append(Path(folder, f"{kind}-{files[0].number}.unit"))
                given: Any = files if more else [(file, file.key.split("/")[1]) for file in files]
                jobs.append(
                    (function, (str(Path(root, kind)), given, parts, paths[-1], *more), {"exact": exact})
                )
            list(pool.results(jobs, [1] * len(jobs), kind, lambda *_: None))
            return paths

        trail = run("trail", work.read_trail, ())
        if delivered:
            other = run(delivered, work.read_delivered, (_WINDOW,))
            times = [0] * sum(1 for _ in Path(root, "trail").rglob("*.gz"))
            jobs = [(work.compare, (part, trail, other, times, (0, 1)), {}) for part in range(parts)]
            found = list(pool.results(jobs, [1] * parts, "join", lambda *_: None))
            print(
                sum(len(one.missing) for one in found),
                "did not arrive",
                sum(one.compared for one in found),
                "compared",
            )


def _units(root: Path) -> Iterator[list[work.Numbered]]:
    files: list[work.Numbered] = []
    size = 0
    for number, path in enumerate(sorted(root.rglob("*.gz"))):
        files.append(work.Numbered(number, str(path.relative_to(root))))
        size += path.stat().st_size
        if size > _UNIT_BYTES:
            yield files
            files, size = [], 0
    if files:
        yield files


if __name__ == "__main__":
    main()
