"""Reads the files of both sides into units, and then makes an index of the units."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from trailforward.audit import work
from trailforward.audit.steps.settings import StepError
from trailforward.audit.steps.units import pack, read_heads
from trailforward.audit.units import read_head

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trailforward.audit.places import LogFile
    from trailforward.audit.steps.run import Run

#: Groups that a problem names.
_NAMED = 10


def read_trail(run: Run, groups: Sequence[dict[str, int]]) -> dict[str, Any]:
    """Reads the log files of some groups into a unit."""
    files = run.log_files(groups)
    first, last = run.window
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "unit")
        numbered = [(work.Numbered(number, log.key), log.account) for number, log in files]
        work.read_trail(run.request.trail, numbered, run.plan["parts"], path, exact=run.request.compare)
        counts = {int(number): count for number, count in read_head(path)["counts"].items()}
        inside = [(log, counts[number]) for number, log in files if number in counts]
        places = recorded((log, count) for log, count in inside if first <= log.time < last)
        more = {
            "groups": [group["group"] for group in groups],
            "spans": [[group["first"], group["files"], group["at"], group["bytes"]] for group in groups],
            "counts": {},
            "places": [[*place, count] for place, count in places.items()],
            "log_files": sum(first <= log.time < last for _, log in files),
        }
        body = pack(path, run.plan["parts"], more)
    run.folder.put(f"trail/{groups[0]['group']:07d}.unit", body)
    return {"files": len(files), "records": sum(counts.values())}


def recorded(counts: Iterable[tuple[LogFile, int]]) -> Counter[tuple[str, str, str]]:
    """Records by account, Region, and hour of delivery of the log file."""
    found: Counter[tuple[str, str, str]] = Counter()
    for log, count in counts:
        found[place_of(log)] += count
    return found


def place_of(log: LogFile) -> tuple[str, str, str]:
    """Account, Region, and hour of delivery of a log file."""
    return log.account, log.region, f"{datetime.fromtimestamp(log.time * 60, UTC):%Y-%m-%dT%H:00Z}"


def read_delivered(run: Run, groups: Sequence[dict[str, int]]) -> dict[str, Any]:
    """Reads the delivered files of some groups into a unit."""
    wanted = run.request
    files = [work.Numbered(number, row[0]) for number, row in run.rows("delivered", groups)]
    window = f"{wanted.since:%Y-%m-%dT%H:%M:%SZ}", f"{wanted.until:%Y-%m-%dT%H:%M:%SZ}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "unit")
        work.read_delivered(wanted.delivered, files, run.plan["parts"], path, window, exact=wanted.compare)
        more = {"groups": [group["group"] for group in groups]}
        body = pack(path, run.plan["parts"], more)
        events = sum(read_head(path)["parts"])
    run.folder.put(f"delivered/{groups[0]['group']:07d}.unit", body)
    return {"files": len(files), "events": events}


def make_index(run: Run) -> dict[str, Any]:
    """Writes where each part of each unit is, and what the units say beside their events.

    Raises:
        StepError: delivered files were not read. Their events would count as missing.
    """
    index: dict[str, Any] = {}
    places: Counter[tuple[str, str, str]] = Counter()
    changes: list[Any] = []
    problems: list[str] = []
    spans: list[Any] = []
    log_files = 0
    for side in ("trail", "delivered"):
        units = read_heads(run.folder, [name for name, _ in run.folder.names(f"{side}/")])
        index[side] = [list(unit) for unit, _ in units]
        problems += _unread(run, side, [group for _, head in units for group in head["groups"]])
        for _, head in units:
            problems += head["problems"]
            changes += head.get("changes", [])
            for *place, count in head.get("places", []):
                places[place[0], place[1], place[2]] += count
            spans += [head["spans"]] if side == "trail" else []
            log_files += head.get("log_files", 0)
    run.folder.put_json("index.json", index)
    run.folder.put_json("changes.json", changes)
    found = {
        "places": [[*place, count] for place, count in places.items()],
        "problems": problems,
        "spans": spans,
        "log_files": log_files,
    }
    run.folder.put_json("read.json", found)
    parts: int = run.plan["parts"]
    lines = [orjson.dumps({"run": run.request.run, "part": part}) for part in range(parts)]
    run.folder.put("parts.jsonl", b"\n".join(lines) + b"\n", "application/x-ndjson")
    return {"parts": parts, "units": sum(map(len, index.values()))}


def _unread(run: Run, side: str, groups: Sequence[int]) -> list[str]:
    """What to say about groups that no unit has."""
    missing = sorted(set(range(run.plan[side]["groups"])) - set(groups))
    if not missing:
        return []
    numbers = ", ".join(map(str, missing[:_NAMED])) + (", …" if len(missing) > _NAMED else "")
    if side == "delivered":
        raise StepError(
            f"The delivered files of the groups {numbers} were not read, so their events would count as "
            "missing. Fix: redrive the execution."
        )
    return [f"{UNREAD}{len(missing):,} groups of log files ({numbers}): their child executions failed"]


#: How the problem about failed child executions begins.
UNREAD = "not read: "
