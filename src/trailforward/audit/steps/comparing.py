"""Compares one part of both sides, and then makes the work for the records that did not arrive."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from trailforward.audit.join import join
from trailforward.audit.run import DESCRIBED
from trailforward.audit.steps.folder import together
from trailforward.audit.steps.units import Unit, part_of
from trailforward.audit.units import FILE_SHIFT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.audit.steps.run import Run

_START = 4
_REF = 8
_FIRST = 256 * 1024


def compare(run: Run, part: int) -> dict[str, Any]:
    """Compares one part, and writes what did not arrive, by unit of log files."""
    index = run.folder.get_json("index.json")
    sides = {side: [Unit(*unit) for unit in index[side]] for side in ("trail", "delivered")}
    recorded = part_of(run.folder, sides["trail"], part)
    delivered = part_of(run.folder, sides["delivered"], part)
    times = array("I")
    times.frombytes(run.folder.get("trail-times.bin"))
    found = join(recorded, delivered, times, *run.window)
    missing = array("Q", sorted(found.missing))
    head = {
        "repeats": found.repeats,
        "altered": len(found.altered),
        "altered_first": sorted(found.altered)[:DESCRIBED],
        "unrecorded": len(found.unrecorded),
        "unrecorded_first": sorted(found.unrecorded)[:DESCRIBED],
        "delivered": found.delivered,
        "duplicates": found.duplicates,
        "compared": found.compared,
        "missing": _by_unit(missing, run.folder.get_json("read.json")["spans"]),
    }
    text = json.dumps(head).encode("ascii")
    body = len(text).to_bytes(_START, "big") + text + missing.tobytes()
    run.folder.put(f"compared/{part:05d}.bin", body)
    return {"part": part, "events": len(recorded.keys), "missing": len(missing)}


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


def make_work(run: Run) -> dict[str, Any]:
    """Adds up the parts, and writes one line for each unit of log files with missing records.

    Raises:
        ClientError: a part was not compared.
    """
    repeats: Counter[int] = Counter()
    sums: Counter[str] = Counter()
    first: dict[str, list[Any]] = {"altered": [], "unrecorded": []}
    slices: dict[int, list[list[int]]] = {}

    def head_of(part: int) -> tuple[int, dict[str, Any]]:
        name = f"compared/{part:05d}.bin"
        data = run.folder.slice(name, 0, _FIRST)
        end = _START + int.from_bytes(data[:_START], "big")
        if end > len(data):
            data = run.folder.slice(name, 0, end)
        return end, json.loads(data[_START:end])

    for part, (data, head) in enumerate(
        together([lambda part=part: head_of(part) for part in range(run.plan["parts"])])  # type: ignore[misc]
    ):
        repeats.update({int(number): count for number, count in head["repeats"].items()})
        for name in ("altered", "unrecorded", "delivered", "duplicates", "compared"):
            sums[name] += head[name]
        for name, described in first.items():
            described.extend(head[f"{name}_first"])
        for unit, begin, end in head["missing"]:
            slices.setdefault(unit, []).append([part, data + _REF * begin, _REF * (end - begin)])
    totals = {
        "repeats": repeats,
        "sums": sums,
        **{f"{name}_first": sorted(found)[:DESCRIBED] for name, found in first.items()},
        "units": len(slices),
    }
    run.folder.put_json("totals.json", totals)
    with run.folder.writer("slices.jsonl") as wanted, run.folder.writer("explain.jsonl") as lines:
        for unit in sorted(slices):
            text = orjson.dumps(slices[unit])
            item = {"run": run.request.run, "unit": unit, "at": wanted.size, "bytes": len(text)}
            lines.write(orjson.dumps(item) + b"\n")
            wanted.write(text + b"\n")
    missing = sum(length for unit in slices.values() for *_, length in unit) // _REF
    return {"units": len(slices), "missing": missing}
