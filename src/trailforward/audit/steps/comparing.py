"""Compares one part of both sides, and then makes the work for the records that did not arrive."""

from __future__ import annotations

import json
import tempfile
from array import array
from bisect import bisect_left
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from trailforward.audit import receipts, work
from trailforward.audit.steps.folder import together
from trailforward.audit.steps.units import local, read_index
from trailforward.audit.totals import DESCRIBED
from trailforward.audit.units import FILE_SHIFT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.audit.receipts import Compared
    from trailforward.audit.steps.run import Run

_START = 4
#: Bytes of a reference, and of the number of its judgement.
REF, JUDGEMENT = 8, 4
_FIRST = 256 * 1024


def compare(run: Run, part: int, turn: int) -> dict[str, Any]:
    """Compares one part, and writes what did not arrive, by unit of log files.

    The object is: the length of the head, the head as JSON, the references of the records that did not
    arrive, and for each of these the number of what its receipts say, from 1; 0 if there are none.
    """
    sides = read_index(run.folder, turn, part)
    times = array("I")
    times.frombytes(run.folder.get("trail-times.bin"))
    wanted = run.request
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        trail = local(run.folder, sides[0], Path(one), rest=False)
        delivered = local(run.folder, sides[1], Path(two), rest=bool(wanted.receipts))
        found: Compared | None = None
        if wanted.receipts:
            sinks = receipts.Wanted(wanted.sink, wanted.sink_names)
            found = receipts.compare(0, trail, delivered, times, run.window, sinks)
            joined = found.joined
        else:
            joined = work.compare(0, trail, delivered, times, run.window)
    judged = {ref: at + 1 for ref, at in zip(found.open, found.numbers, strict=True)} if found else {}
    missing = array("Q", sorted([*joined.missing, *judged]))
    altered, unrecorded = sorted(joined.altered), sorted(joined.unrecorded)
    head = {
        "repeats": joined.repeats,
        "altered": len(altered),
        "altered_first": altered[:DESCRIBED],
        "unrecorded": len(unrecorded),
        "unrecorded_first": unrecorded[:DESCRIBED],
        "delivered": joined.delivered,
        "duplicates": joined.duplicates,
        "compared": joined.compared,
        "decided": [[*key, count] for key, count in found.decided.items()] if found else [],
        "missing": _by_unit(missing, run.folder.get_json(f"read-{turn}.json")["spans"]),
        "count": len(missing),
    }
    text = json.dumps(head).encode("ascii")
    numbers = array("I", (judged.get(ref, 0) for ref in missing))
    body = len(text).to_bytes(_START, "big") + text + missing.tobytes() + numbers.tobytes()
    if found is not None and judged:
        run.folder.put_json(f"judged-{turn}/{part:05d}.json", found.judgements)
    run.folder.put(f"compared-{turn}/{part:05d}.bin", body)
    return {"part": part, "missing": len(missing)}


def _by_unit(missing: array[int], spans: Sequence[Sequence[Sequence[int]]]) -> list[list[int]]:
    """For each unit with missing records: its number, and where they begin and end."""
    found = []
    for number, unit in enumerate(spans):
        # The groups of a unit follow each other.
        first, last = unit[0][0], unit[-1][0] + unit[-1][1]
        begin, end = (bisect_left(missing, file << FILE_SHIFT) for file in (first, last))
        if begin < end:
            found.append([number, begin, end])
    return found


def make_work(run: Run, turn: int) -> dict[str, Any]:
    """Adds up the parts, and writes one line for each unit of log files with missing records.

    Raises:
        ClientError: a part was not compared.
    """
    repeats: Counter[int] = Counter()
    decided: Counter[tuple[int, str, str]] = Counter()
    sums: Counter[str] = Counter()
    first: dict[str, list[Any]] = {"altered": [], "unrecorded": []}
    slices: dict[int, list[list[int]]] = {}

    def head_of(part: int) -> tuple[int, dict[str, Any]]:
        name = f"compared-{turn}/{part:05d}.bin"
        data = run.folder.slice(name, 0, _FIRST)
        end = _START + int.from_bytes(data[:_START], "big")
        if end > len(data):
            data = run.folder.slice(name, 0, end)
        return end, json.loads(data[_START:end])

    for part, (data, head) in enumerate(
        together([lambda part=part: head_of(part) for part in range(run.plan["parts"])])  # type: ignore[misc]
    ):
        repeats.update({int(number): count for number, count in head["repeats"].items()})
        for number, name, why, count in head["decided"]:
            decided[number, name, why] += count
        for name in ("altered", "unrecorded", "delivered", "duplicates", "compared"):
            sums[name] += head[name]
        for name, described in first.items():
            described.extend(head[f"{name}_first"])
        numbers = data + REF * head["count"]
        for unit, begin, end in head["missing"]:
            slices.setdefault(unit, []).append(
                [part, data + REF * begin, numbers + JUDGEMENT * begin, end - begin]
            )
    totals = {
        "repeats": repeats,
        "decided": [[*key, count] for key, count in decided.items()],
        "sums": sums,
        **{f"{name}_first": sorted(found)[:DESCRIBED] for name, found in first.items()},
        "units": len(slices),
    }
    run.folder.put_json(f"totals-{turn}.json", totals)
    with (
        run.folder.writer(f"slices-{turn}.jsonl") as wanted,
        run.folder.writer(f"explain-{turn}.jsonl") as lines,
    ):
        for unit in sorted(slices):
            text = orjson.dumps(slices[unit])
            item = {"run": run.request.run, "turn": turn, "unit": unit, "at": wanted.size, "bytes": len(text)}
            lines.write(orjson.dumps(item) + b"\n")
            wanted.write(text + b"\n")
    missing = sum(count for unit in slices.values() for *_, count in unit)
    return {"units": len(slices), "missing": missing}
