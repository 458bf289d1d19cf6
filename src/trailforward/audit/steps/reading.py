"""Reads the files of both sides into units, and then makes an index of the units."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from trailforward.audit import receipt_units, work
from trailforward.audit.join import REPEAT_MINUTES
from trailforward.audit.read import Window
from trailforward.audit.steps import units
from trailforward.audit.steps.settings import StepError
from trailforward.audit.units import read_head

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trailforward.audit.places import LogFile
    from trailforward.audit.steps.run import Run

#: Groups that a problem names.
_NAMED = 10
#: How the problem about failed child executions begins.
UNREAD = "not read: "


def read_trail(run: Run, groups: Sequence[dict[str, int]]) -> dict[str, Any]:
    """Reads the log files of some groups into a unit."""
    files = run.log_files(groups)
    first, last = run.window
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "unit")
        numbered = [(work.Numbered(number, log.key), log.account) for number, log in files]
        work.read_trail(run.request.trail, numbered, run.plan["parts"], path, exact=run.request.compare)
        head = read_head(path)
        counts = {int(number): count for number, count in head["counts"].items()}
        inside = [(log, counts[number]) for number, log in files if number in counts]
        places = recorded((log, count) for log, count in inside if first <= log.time < last)
        more = {
            "groups": [group["group"] for group in groups],
            "spans": [[group["first"], group["files"], group["at"], group["bytes"]] for group in groups],
            "places": [[*place, count] for place, count in places.items()],
            "log_files": sum(first <= log.time < last for _, log in files),
            "changes": head["changes"],
            "problems": head["problems"],
        }
        units.save(run.folder, f"trail/{groups[0]['group']:07d}.unit", path, more)
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


def read_delivered(run: Run, groups: Sequence[dict[str, int]], listed: str = "delivered") -> dict[str, Any]:
    """Reads the delivered files of some groups, or receipts, into a unit.

    Args:
        run: of an audit.
        groups: of files.
        listed: ``delivered``, or ``later`` for those from later than two days after the window.
    """
    wanted = run.request
    files = [work.Numbered(number, row[0]) for number, row in run.rows(listed, groups)]
    # Log files of the last hour may not be there yet, so an event of that time is not called unrecorded.
    until = min(wanted.until, wanted.started - timedelta(minutes=REPEAT_MINUTES))
    window = f"{wanted.since:%Y-%m-%dT%H:%M:%SZ}", f"{until:%Y-%m-%dT%H:%M:%SZ}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "unit")
        sides = wanted.other_side, files, run.plan["parts"], path
        if wanted.receipts:
            scope = receipt_units.Scope(*window, wanted.accounts, wanted.regions)
            receipt_units.read_receipts(*sides, scope)
        else:
            compared = Window(*window, wanted.accounts, wanted.regions)
            work.read_delivered(*sides, compared, exact=wanted.compare)
        head = read_head(path)
        kept = ("problems", "receipts", "sinks", "hashed")
        more = {name: head[name] for name in kept if name in head}
        more["groups"] = [group["group"] for group in groups]
        units.save(run.folder, f"{listed}/{groups[0]['group']:07d}.unit", path, more)
    return {"files": len(files)}


def make_index(run: Run, turn: int) -> dict[str, Any]:
    """Writes where each part of each unit is, and what the units say beside their events.

    Args:
        run: of an audit.
        turn: 0 at first, 1 if the later delivered files have been read, too.

    Raises:
        StepError: delivered files were not read. Their events would count as missing.
    """
    trail = units.read_units(run.folder, "trail/")
    delivered = units.read_units(run.folder, "delivered/")
    delivered += units.read_units(run.folder, "later/") if turn else []
    _check_delivered(run, turn, [more for _, more in delivered])
    places: Counter[tuple[str, str, str]] = Counter()
    problems = _unread(run, "trail", [group for _, more in trail for group in more["groups"]])
    for _, more in trail:
        problems += more["problems"]
        for account, region, hour, count in more["places"]:
            places[account, region, hour] += count
    problems += [text for _, more in delivered for text in more["problems"]]
    sides = [[unit for unit, _ in side] for side in (trail, delivered)]
    units.write_index(run.folder, turn, run.plan["parts"], sides)
    run.folder.put_json("changes.json", [change for _, more in trail for change in more["changes"]])
    found = {
        "places": [[*place, count] for place, count in places.items()],
        "problems": problems,
        "spans": [more["spans"] for _, more in trail],
        "log_files": sum(more["log_files"] for _, more in trail),
    }
    run.folder.put_json(f"read-{turn}.json", found)
    parts: int = run.plan["parts"]
    lines = [orjson.dumps({"run": run.request.run, "part": part, "turn": turn}) for part in range(parts)]
    run.folder.put(f"parts-{turn}.jsonl", b"\n".join(lines) + b"\n", "application/x-ndjson")
    return {"parts": parts, "units": len(trail) + len(delivered)}


def _check_delivered(run: Run, turn: int, heads: Sequence[dict[str, Any]]) -> None:
    """Everything must have been read, and be what the input says."""
    groups = [group for head in heads for group in head["groups"]]
    wanted = sum(run.plan[side]["groups"] for side in ("delivered", "later")[: turn + 1])
    if len(groups) < wanted:
        raise StepError(
            f"{wanted - len(groups):,} groups of delivered files were not read, so their events would count "
            "as missing. Fix: redrive the execution."
        )
    if not run.request.receipts:
        return
    problems = [text for head in heads for text in head["problems"]]
    if problems and not any(head["receipts"] for head in heads):
        raise StepError(f"{run.request.receipts} has no receipts. {problems[0]} Fix: correct receipts.")
    names = {name for head in heads for name in head["sinks"]}
    if run.request.sink and run.request.sink_names is None and run.request.sink not in names:
        raise StepError(
            f"The receipts do not name the sink {run.request.sink}. Fix: name one of "
            f"{', '.join(sorted(names))}."
        )


def _unread(run: Run, side: str, groups: Sequence[int]) -> list[str]:
    """What to say about groups that no unit has."""
    missing = sorted(set(range(run.plan[side]["groups"])) - set(groups))
    if not missing:
        return []
    numbers = ", ".join(map(str, missing[:_NAMED])) + (", …" if len(missing) > _NAMED else "")
    return [f"{UNREAD}{len(missing):,} groups of log files ({numbers}): their child executions failed"]
