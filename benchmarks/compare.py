"""Compares the cost of two revisions of trailforward, interleaved in one run.

The new revision is ``src`` in this working tree, including uncommitted changes; the base is a revision's
``src`` in a temporary folder. Both run in the current environment.

Run: ``make bench-compare BASE=main``; ``BASE=HEAD`` without changes shows the noise.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import events
from benchmarks.contestants import TO_HTTP, TRAILFORWARD, environment
from benchmarks.function import FunctionError
from benchmarks.measures.cold import starts
from benchmarks.measures.memory import peaks
from benchmarks.measures.warm import load, per_event
from benchmarks.stage import LostError, running_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.contestants import Contestant
    from benchmarks.stage import Stage

SECONDS = 120.0
_ROOT = Path(__file__).resolve().parent.parent
_SCALE = {"µs": 1e6, "ms": 1e3, "MB": 1e-6}


class _Row(NamedTuple):
    title: str
    unit: str
    share: float
    contestant: Contestant
    take: Callable[[Stage, Sequence[Contestant], float], dict[str, list[float]]]


def _warm(stage: Stage, both: Sequence[Contestant], seconds: float, *, size: int) -> dict[str, list[float]]:
    return per_event(stage, [load(each, size) for each in both], seconds)


def _peak(stage: Stage, both: Sequence[Contestant], seconds: float, *, count: int) -> dict[str, list[float]]:
    return peaks(stage, both, events.made()[:count], seconds)


_ROWS = (
    _Row("cold start, Kinesis", "ms", 0.2, TRAILFORWARD, starts),
    _Row("cold start, HTTP sink", "ms", 0.15, TO_HTTP, starts),
    _Row("one event per invocation", "µs", 0.15, TRAILFORWARD, partial(_warm, size=0)),
    _Row("batch of 10, per event", "µs", 0.1, TRAILFORWARD, partial(_warm, size=10)),
    _Row("batch of 1,000, per event", "µs", 0.15, TRAILFORWARD, partial(_warm, size=1_000)),
    _Row("batch of 1,000 to HTTP, per event", "µs", 0.1, TO_HTTP, partial(_warm, size=1_000)),
    _Row("peak memory, one event", "MB", 0.05, TRAILFORWARD, partial(_peak, count=1)),
    _Row("peak memory, batch of 10,000", "MB", 0.1, TRAILFORWARD, partial(_peak, count=10_000)),
)


def main(revision: str, seconds: float = SECONDS) -> None:
    try:
        with checked_out(revision) as base, running_stage() as stage:
            _report_dependencies(base)
            for each in _both(TRAILFORWARD, base):
                _check_source(each, stage)
            print(f"{'':36}{'base':>10}{'new':>10}  new / base: median, quartiles, rounds", flush=True)
            for row in _ROWS:
                print(_line(stage, row, base, seconds), flush=True)
    except (LostError, FunctionError) as error:
        sys.exit(f"FAILED: {error}")


def _line(stage: Stage, row: _Row, base: Path, seconds: float) -> str:
    found = row.take(stage, _both(row.contestant, base), seconds * row.share)
    ratios = [new / old for new, old in zip(found["new"], found["base"], strict=True)]
    low, middle, high = quantiles(ratios, method="inclusive")
    old, new = (median(found[name]) * _SCALE[row.unit] for name in ("base", "new"))
    return f"{row.title:36}{old:>10,.1f}{new:>10,.1f}  {middle:.3f}  ({low:.3f} .. {high:.3f}), {len(ratios)}"


def _both(contestant: Contestant, base: Path) -> list[Contestant]:
    return [
        replace(contestant, name=name, source=folder / "src")
        for name, folder in (("base", base), ("new", _ROOT))
    ]


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """A temporary folder with the revision's sources. It is not a Git worktree."""
    command = ["git", "archive", "--format=tar", revision, "src", "pyproject.toml"]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"BASE={revision}: {done.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory(prefix="trailforward-base-") as name:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(name, filter="data")
        yield Path(name)


def _report_dependencies(base: Path) -> None:
    if _dependencies(base) != _dependencies(_ROOT):
        print("The base declares different dependencies. Both revisions run with those that are installed.\n")


def _dependencies(folder: Path) -> object:
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return project.get("dependencies"), project.get("optional-dependencies", {}).get("aws")


def _check_source(contestant: Contestant, stage: Stage) -> None:
    """Checks that the contestant's process imports its tree, not the installed package."""
    done = subprocess.run(
        [sys.executable, "-c", "import trailforward; print(trailforward.__file__)"],
        env=environment(contestant, stage.port),
        cwd=stage.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    if not Path(done.stdout.strip()).is_relative_to(contestant.source or ""):
        sys.exit(f"{contestant.name}: Python imports {done.stdout.strip()}, not {contestant.source}")


if __name__ == "__main__":
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit("terminated")
    )  # so that folders and processes are cleaned up
    if not os.environ.get("BASE"):
        sys.exit("Name the revision to compare with: make bench-compare BASE=main")
    main(os.environ["BASE"], float(os.environ.get("BENCH_SECONDS") or SECONDS))
