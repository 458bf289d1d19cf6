"""Adds up what the steps of an audit found, and writes the report."""

from __future__ import annotations

import json
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from trailforward.audit import evidence, work
from trailforward.audit.changes import Change
from trailforward.audit.join import delivered_place
from trailforward.audit.reasons import assumptions
from trailforward.audit.report import Result, render
from trailforward.audit.steps.folder import Folder, together
from trailforward.audit.steps.reading import UNREAD, place_of
from trailforward.audit.steps.run import GROUP_KEYS
from trailforward.audit.steps.settings import StepError
from trailforward.audit.units import FILE_SHIFT, INDEX_MASK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trailforward.audit.places import LogFile
    from trailforward.audit.steps.run import Run

#: Rows of the missing list that the report page may show.
_ROWS = 10_000


def report(run: Run, turn: int) -> dict[str, Any]:
    """Writes the report and the list of missing events, and publishes the metrics if the input asks for it.

    Args:
        run: of an audit.
        turn: 0 at first, 1 if the later delivered files have been read, too.

    Returns:
        ``later``, whether those must be read first because events are missing, and the ``result``.

    Raises:
        ClientError: a step is not complete.
    """
    if not turn and run.plan["later"]["files"] and run.folder.names(f"missing-{turn}/"):
        return {"later": True, "result": {}}  # repairs and redriven dead letters arrive late
    result = merged(run, turn)
    folder = Folder(run.s3, run.settings.bucket, f"reports/{run.request.since:%Y/%m/%d}/{run.request.run}/")
    place = f"s3://{folder.bucket}/{folder.prefix}"
    count = write_missing(run, folder, turn)
    result.sink, result.time = run.request.sink, run.request.started
    result.listed_in = f"{place}missing.ndjson"
    folder.put("report.json", render(result, "json").encode(), "application/json")
    page = render(result, "html").encode("utf-8", "backslashreplace")
    folder.put("report.html", page, "text/html; charset=utf-8")
    totals = result.totals
    summary = {
        "exit_status": result.exit_code,
        "log_files": result.log_files,
        **{name: totals[name] for name in ("recorded", "repeats", "arrived", "pending")},
        "unexpected_missing": count,
        "report": f"{place}report.json",
        "page": f"{place}report.html",
        "missing": result.listed_in,
    }
    complete = not any(text.startswith(UNREAD) for text in result.problems)
    if run.request.publish:
        publish(run.settings.stack, unexpected_missing=count, audit_completed=int(complete))
    return {"later": False, "result": summary}


def merged(run: Run, turn: int) -> Result:
    """What the steps found, as the command's result."""
    wanted = run.request
    read, totals = run.folder.get_json(f"read-{turn}.json"), run.folder.get_json(f"totals-{turn}.json")
    places: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for account, region, hour, count in read["places"]:
        places[account, region, hour].update(recorded=count, repeats=0, arrived=count)
    repeats = {int(number): count for number, count in totals["repeats"].items()}
    decided = {(number, name, why): count for number, name, why, count in totals["decided"]}
    altered = [(ref, other) for ref, other in totals["altered_first"]]
    needed = {*repeats, *(number for number, _, _ in decided), *(ref >> FILE_SHIFT for ref, _ in altered)}
    logs = dict(_logs(run, read["spans"], needed))
    for number, count in repeats.items():
        place = places[place_of(logs[number])]
        place.update({"recorded": -count, "repeats": count, "arrived": -count})
    whys: Counter[tuple[str, ...]] = Counter()
    problems = list(read["problems"])
    by_receipts = evidence.decided(decided, logs)  # type: ignore[arg-type]  # by number
    by_receipts["places"] = [[*place_of(logs[at]), counts] for at, counts in by_receipts["counts"].items()]
    for found in [*_explained(run, turn, totals["units"]), by_receipts]:
        for account, region, hour, counts in found["places"]:
            place = places[account, region, hour]
            place.update(counts)
            place["arrived"] -= sum(counts.values())
        for *key, count in found["whys"]:
            whys[tuple(key)] += count
        problems += found["problems"]
    result = Result(
        since=wanted.since,
        until=wanted.until,
        trail=wanted.trail,
        delivered_from=wanted.other_side,
        log_files=read["log_files"],
        places=dict(sorted(places.items())),
        delivered=totals["sums"]["delivered"],
        duplicates=totals["sums"]["duplicates"],
        compared=totals["sums"]["compared"],
        altered=totals["sums"]["altered"],
        altered_examples=_altered(run, altered, logs),
        unrecorded=totals["sums"]["unrecorded"],
        unrecorded_examples=_unrecorded(run, totals["unrecorded_first"]),
        unexpected=_rows(run, turn),
        whys=whys,
        changes=sorted({Change(*change) for change in run.folder.get_json("changes.json")}),
        problems=problems,
        receipts=bool(wanted.receipts),
        accounts=wanted.accounts,
        regions=wanted.regions,
    )
    result.assumptions = assumptions(
        wanted.rule,
        snapshot=bool(wanted.snapshot),
        config=run.settings.config,
        receipts=bool(wanted.receipts),
    )
    return result


def _logs(
    run: Run, units: Sequence[Sequence[Sequence[int]]], numbers: Iterable[int]
) -> list[tuple[int, LogFile]]:
    """The log files with some numbers."""
    spans = [dict(zip(GROUP_KEYS, span, strict=True)) for unit in units for span in unit]
    firsts = [span["first"] for span in spans]
    wanted = set(numbers)
    groups = sorted({bisect_right(firsts, number) - 1 for number in wanted})
    return [one for one in run.log_files([spans[at] for at in groups]) if one[0] in wanted]


def _explained(run: Run, turn: int, units: int) -> list[dict[str, Any]]:
    names = [name for name, _ in run.folder.names(f"explained-{turn}/")]
    if len(names) != units:
        raise StepError(f"{units - len(names):,} units were not explained. Fix: redrive the execution.")
    return together([lambda name=name: run.folder.get_json(name) for name in names])  # type: ignore[misc]


def _altered(run: Run, pairs: Sequence[tuple[int, int]], logs: dict[int, LogFile]) -> list[work.Altered]:
    """Describes altered events, with only the files that they name."""
    numbers = sorted({ref >> FILE_SHIFT for ref, _ in pairs})
    files, others = _delivered(run, [other for _, other in pairs])
    there = {number: at for at, number in enumerate(numbers)}
    some = [
        ((there[ref >> FILE_SHIFT] << FILE_SHIFT) | ref & INDEX_MASK, other)
        for (ref, _), other in zip(pairs, others, strict=True)
    ]
    return evidence.altered(run.request.audit, some, [logs[number] for number in numbers], files)


def _unrecorded(run: Run, refs: Sequence[int]) -> list[dict[str, Any]]:
    files, some = _delivered(run, refs)
    return evidence.unrecorded(run.request.audit, some, files)


def _delivered(run: Run, refs: Sequence[int]) -> tuple[list[str], list[int]]:
    """The delivered files that some references name, and the references with their places among these."""
    numbers = sorted({delivered_place(ref)[0] for ref in refs})
    if not numbers:
        return [], []
    keys: dict[int, str] = {}
    for name in ("delivered", "later"):
        listed = [json.loads(line) for line in run.folder.lines(f"{name}-groups.jsonl")]
        firsts = [group["first"] for group in listed]
        at = {bisect_right(firsts, number) - 1 for number in numbers} - {-1}
        keys |= {number: row[0] for number, row in run.rows(name, [listed[one] for one in sorted(at)])}
    there = {number: at for at, number in enumerate(numbers)}
    places = [delivered_place(ref) for ref in refs]
    return [keys[number] for number in numbers], [
        (there[number] << FILE_SHIFT) | index for number, index in places
    ]


def _rows(run: Run, turn: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, _ in run.folder.names(f"missing-{turn}/"):
        found += [json.loads(line) for line in run.folder.get(name).split(b"\n") if line]
        if len(found) >= _ROWS:
            break
    return found


def write_missing(run: Run, folder: Folder, turn: int) -> int:
    """Writes the list of missing events, and returns their number."""
    count = 0
    with folder.writer("missing.ndjson") as out:
        for name, _ in run.folder.names(f"missing-{turn}/"):
            text = run.folder.get(name)
            count += text.count(b"\n")
            out.write(text)
    return count


def publish(stack: str, **counts: int) -> None:
    """Publishes metrics as a log line in CloudWatch's embedded metric format."""
    metrics = [{"Name": name, "Unit": "Count"} for name in counts]
    directive = {"Namespace": "trailforward", "Dimensions": [["service"]], "Metrics": metrics}
    line = {
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]},
        "service": stack,
        **counts,
    }
    print(json.dumps(line), flush=True)  # noqa: T201  # CloudWatch reads standard output
