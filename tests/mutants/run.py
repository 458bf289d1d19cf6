"""Changes modules at random, one place at a time, and counts the changes that no test notices.

    python -m tests.mutants.run COUNT [SEED] [PATTERN]

It needs cosmic-ray (``make mutants`` installs it), works on copies of the checkout in build/mutants, and
remembers there which mutants were killed, so that an interrupted run continues where it was. Survivors are
run again. Exits with 1 if one of them is not in equivalent.toml.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shlex
import shutil
import sys
import time
import tomllib
from collections import Counter
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path

from cosmic_ray.testing import run_tests
from cosmic_ray.work_item import TestOutcome

from tests.mutants.equivalent import change, explained
from tests.mutants.operators import Mutant, Place, mutant, places

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build" / "mutants"
RESULTS = WORK / "results.ndjson"
PROCESSES = 2
#: Seconds that the tests of a mutant may take. The tests of no module take more than a third of it.
SECONDS = 180

_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", "build", "dist", ".*_cache", "__pycache__", "node_modules"
)


def modules() -> dict[str, list[str]]:
    """Module → its tests. The first pattern that fits counts."""
    patterns = tomllib.loads(Path(__file__).with_name("modules.toml").read_text())["modules"]
    return {
        str(path.relative_to(ROOT)): tests
        for pattern, tests in reversed(patterns.items())
        for path in sorted(ROOT.glob(pattern))
        if path.name != "__init__.py"
    }


def sample(count: int, seed: int, only: str) -> list[Mutant]:
    """Random mutants, the same for the same seed. A change of the source changes only its own mutants."""

    def rank(place: Place) -> str:
        text = f"{seed} {place.module} {place.kind} {place.text} {place.start[1]}"
        return hashlib.sha256(text.encode()).hexdigest()

    texts = {name: (ROOT / name).read_text() for name in sorted(modules()) if fnmatch(name, f"*{only}*")}
    every = [place for name, text in texts.items() for place in places(name, text)]
    every.sort(key=rank)
    made = (
        mutant(place, place.ways[int(rank(place), 16) % len(place.ways)], texts[place.module])
        for place in every
    )
    return list(islice(filter(None, made), count))


def key(one: Mutant) -> str:
    """What identifies a mutant in the results."""
    return hashlib.sha256(f"{one.module}\n{one.source}".encode()).hexdigest()[:16]


def _copy_checkout() -> None:
    """Gives this process a copy of the checkout, and works there."""
    copy = WORK / f"copy-{os.getpid()}"
    shutil.copytree(ROOT, copy, ignore=_NOT_COPIED)
    os.chdir(copy)
    os.environ["PYTHONPATH"] = str(copy / "src")
    for name in [name for name in os.environ if name.startswith(("AWS_", "TRAILFORWARD_"))]:
        del os.environ[name]


def _run(job: tuple[Mutant | None, str, list[str]]) -> tuple[Mutant | None, str, str]:
    """The mutant (None for the source as it is), its module, and what became of it."""
    one, module, tests = job
    there = [test for test in tests if Path(test).exists()]
    python = ROOT / ".venv" / "bin" / "python"
    command = shlex.join([str(python), "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *there])
    path = Path(module)
    before = path.read_text()
    try:
        path.write_text(one.source if one else before)
        outcome, output = run_tests(command, SECONDS)
    finally:
        path.write_text(before)
    killed = outcome is not TestOutcome.SURVIVED
    return one, module, "timeout" if output == "timeout" else "killed" if killed else "survived"


def _table(results: dict[str, Counter[str]], reasons: int) -> str:
    names = ("mutants", "killed", "timeout", "explained", "survived")
    width = max(map(len, [*results, "module"]))
    rows = [f"{'module':{width}}" + "".join(f"{name:>11}" for name in names)]
    total: Counter[str] = Counter()
    for module, counts in [*sorted(results.items()), ("all", total)]:
        total += counts if module != "all" else Counter()
        figures = [counts.total(), *(counts[name] for name in names[1:])]
        rows.append(f"{module:{width}}" + "".join(f"{figure:11}" for figure in figures))
    return "\n".join(
        [*rows, f"{reasons} changes are explained in {Path(__file__).parent.name}/equivalent.toml"]
    )


def main(count: int, seed: int = 1, only: str = "") -> int:
    """Runs the mutants; the exit status."""
    shutil.rmtree(WORK / "copies", ignore_errors=True)
    for old in WORK.glob("copy-*"):
        shutil.rmtree(old)
    WORK.mkdir(parents=True, exist_ok=True)
    known = {}
    if RESULTS.exists():
        known = {line["key"]: line["result"] for line in map(json.loads, RESULTS.read_text().splitlines())}
    tests, reasons = modules(), explained()
    mutants = sample(count, seed, only)
    waiting = [one for one in mutants if known.get(key(one), "survived") == "survived"]
    found = {key(one): known[key(one)] for one in mutants if one not in waiting}
    sys.stdout.write(f"{len(mutants)} mutants of seed {seed}, {len(waiting)} to run\n")
    survivors = []
    start = time.monotonic()
    with RESULTS.open("a") as results, multiprocessing.Pool(PROCESSES, _copy_checkout) as pool:
        unchanged = {tuple(tests[one.module]): one.module for one in waiting}
        for _, module, result in pool.imap_unordered(
            _run, [(None, m, list(t)) for t, m in unchanged.items()]
        ):
            if result != "survived":
                sys.stdout.write(f"the tests of {module} fail without a change ({result})\n")
                return 2
        jobs = [(one, one.module, tests[one.module]) for one in waiting]
        for done, (one, module, result) in enumerate(pool.imap_unordered(_run, jobs), 1):
            assert one is not None
            what = change((ROOT / module).read_text(), one.source)
            results.write(json.dumps({"key": key(one), "module": module, "result": result}) + "\n")
            results.flush()
            if result == "survived":
                reason = reasons.get((module, what))
                result = "explained" if reason else "survived"  # noqa: PLW2901
                if not reason:
                    survivors.append(
                        f"{module}:{one.line} {one.operator}\n  - {what.before}\n  + {what.after}\n"
                    )
                    sys.stdout.write(survivors[-1])
            found[key(one)] = result
            sys.stdout.write(f"{done}/{len(jobs)} after {time.monotonic() - start:.0f} s\r")
            sys.stdout.flush()
    by_module: dict[str, Counter[str]] = {}
    for one in mutants:
        by_module.setdefault(one.module, Counter())[found[key(one)]] += 1
    sys.stdout.write("\n" + _table(by_module, len(reasons)) + "\n")
    return 1 if survivors else 0


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(main(int(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 1, *arguments[2:3]))
