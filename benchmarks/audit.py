"""CPU of the audit as ratios to ``gzip -dc`` on the same files.

``make bench-audit`` (RECORDS=2000000 ROUNDS=3 CHDB_PYTHON=PATH). The records are made by ``trail_data.py``,
and nothing is kept. CPU is user and system time of all processes. A ratio compares the median with that of
``gzip -dc`` on the files that the row reads: those of both sides for an audit. Memory is that of all
processes together, without what they share.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.measuring import place
from benchmarks.trail_data import write

_WINDOW = ("--since", "2026-11-26T00:00Z", "--until", "2026-11-27T00:00Z", "--format", "json")
_PYTHON = sys.executable


class Row(NamedTuple):
    """A line of the table: the command, and the folders that it reads."""

    command: list[str]
    folders: tuple[str, ...]


class Cost(NamedTuple):
    """CPU seconds, and peak memory of all processes together in MB."""

    cpu: float
    memory: float


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3  # noqa: PLR2004
    with tempfile.TemporaryDirectory(prefix="trailforward-bench-") as folder:
        root = Path(folder)
        for kind, size in write(root, count).items():
            files = len(_names(root, kind))
            print(
                f"{kind}: {files} files, {size.raw / 1e6:,.0f} MB raw, {size.gzip / 1e6:,.0f} MB gzip, "
                f"{size.raw / count:,.0f} and {size.gzip / count:,.0f} bytes a record"
            )
        rows = _rows(root)
        floors = {
            folders: Row(["gzip", "-dc", *_names(root, *folders)], folders) for _, folders in rows.values()
        }
        found: dict[str, list[Cost]] = {}
        for _ in range(rounds):
            for folders, row in floors.items():
                found.setdefault(f"gzip -dc {' + '.join(folders)}", []).append(cost_of(row.command, root))
            for name, row in rows.items():
                found.setdefault(name, []).append(cost_of(row.command, root))
        _print(count, rows, found)
        print(f"\n{_versions()} Medians of {rounds} interleaved rounds.")


def _rows(root: Path) -> dict[str, Row]:
    read = [_PYTHON, "-m", "benchmarks.audit_steps", str(root)]
    names = _names(root, "trail")
    rows = {
        "read log files": Row(read, ("trail",)),
        "read log files, hash records": Row([*read, "exact"], ("trail",)),
        "read and join: IDs": Row([*read, "ids"], ("trail", "ids")),
        "read and join: archive": Row([*read, "archive"], ("trail", "archive")),
        "read, join, compare bytes: archive": Row([*read, "archive", "exact"], ("trail", "archive")),
        "audit --no-compare: IDs": Row(audit_command(root, "ids", "--no-compare"), ("trail", "ids")),
        "audit --no-compare: archive": Row(
            audit_command(root, "archive", "--no-compare"), ("trail", "archive")
        ),
        "audit: archive": Row(audit_command(root, "archive"), ("trail", "archive")),
        "audit: only what writes arrived": Row(audit_command(root, "writes"), ("trail", "writes")),
        "orjson, whole file, IDs alone": Row([_PYTHON, "-c", _ORJSON, *names], ("trail",)),
    }
    if shutil.which("jq"):
        script = 'zcat "$@" | jq -r ".Records[].eventID"'
        rows["jq, IDs alone"] = Row(["sh", "-c", script, "sh", *names], ("trail",))
    python = os.environ.get("CHDB_PYTHON", "")
    if python:
        rows["chdb, IDs alone"] = Row([python, "-c", _CHDB, str(root)], ("trail",))
        rows["chdb, anti-join: IDs"] = Row([python, "-c", _CHDB, str(root), "join"], ("trail", "ids"))
    return rows


def audit_command(root: Path, delivered: str, *options: str) -> list[str]:
    places = ["--trail", str(root / "trail"), "--delivered", str(root / delivered)]
    return [_PYTHON, "-m", "trailforward", "audit", *places, *_WINDOW, *options]


_ORJSON = """
import gzip, sys, orjson
for name in sys.argv[1:]:
    [record["eventID"] for record in orjson.loads(gzip.open(name).read())["Records"]]
"""
_CHDB = """
import sys, chdb
root = sys.argv[1]
logs = f"file('{root}/trail/**/*.json.gz', JSONEachRow, 'Records Array(Tuple(eventID String))')"
query = f"SELECT sum(length(Records.eventID)) FROM {logs}"
if len(sys.argv) > 2:
    ids = f"SELECT eventID FROM file('{root}/ids/**/*.gz', JSONEachRow, 'eventID String')"
    some = f"SELECT arrayJoin(Records.eventID) AS id FROM {logs}"
    query = f"SELECT count() FROM ({some}) WHERE id NOT IN ({ids})"
print(chdb.query(f"{query} SETTINGS max_threads = 1"))
"""


def _names(root: Path, *kinds: str) -> list[str]:
    return [str(path) for kind in kinds for path in sorted((root / kind).rglob("*.gz"))]


def _print(count: int, rows: dict[str, Row], found: dict[str, list[Cost]]) -> None:
    million = count / 1e6
    print(f"\n| | CPU s per million records | `gzip -dc` = 1 | peak MB |\n|{'---|---:|---:|---:|'}")
    floors = {
        name: median(cost.cpu for cost in costs) for name, costs in found.items() if name.startswith("gzip")
    }
    for name, costs in found.items():
        cpu = median(cost.cpu for cost in costs)
        base = floors[name if name in floors else f"gzip -dc {' + '.join(rows[name].folders)}"]
        memory = max(cost.memory for cost in costs)
        print(f"| {name} | {cpu / million:.2f} | {cpu / base:.2f} | {memory:,.0f} |")


def cost_of(command: list[str], root: Path) -> Cost:
    """CPU of a command with its processes, and their peak memory together."""
    with (root / "errors").open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
    peak, done = [0.0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peak, done))
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    done.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    # An audit exits with 1: events are missing.
    if process.returncode not in {0, 1} or b"Traceback" in (root / "errors").read_bytes():
        raise SystemExit(f"{command[:5]} failed: {(root / 'errors').read_text()[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, peak[0])


def _watch(pid: int, peak: list[float], done: threading.Event) -> None:
    """Notes the largest memory of a process with its descendants, without counting shared pages twice."""
    while not done.wait(0.1):
        peak[0] = max(peak[0], sum(map(_proportional, _family(pid))))


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    return [pid, *(other for child in children for other in _family(int(child)))]


def _proportional(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _versions() -> str:
    found = shutil.which("gzip") or "gzip"
    about = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    return f"{time.strftime('%d %B %Y')}: {place('msgspec', 'isal', 'orjson')} {about.splitlines()[0]}."


if __name__ == "__main__":
    main()
