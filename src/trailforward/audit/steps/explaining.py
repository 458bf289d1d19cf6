"""Explains the records of one unit of log files that did not arrive."""

from __future__ import annotations

import gzip
import io
import json
import os
import tempfile
from array import array
from collections import Counter, defaultdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from trailforward.audit import evidence, work
from trailforward.audit.changes import Change
from trailforward.audit.classes import Classifier
from trailforward.audit.fates import Judgement
from trailforward.audit.missing import absent
from trailforward.audit.reasons import reasons, routed
from trailforward.audit.rules import Rules
from trailforward.audit.steps.comparing import JUDGEMENT, REF
from trailforward.audit.steps.reading import place_of
from trailforward.audit.steps.run import GROUP_KEYS, place
from trailforward.audit.steps.settings import InvalidInputError
from trailforward.audit.steps.units import local, read_index
from trailforward.doctor.world.world import SnapshotError, World
from trailforward.pipeline.left_out import LeftOut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.audit.places import LogFile
    from trailforward.audit.steps.run import Run
    from trailforward.config import Config

_GZIP = b"\x1f\x8b"
#: The most bytes of a snapshot.
_MOST = 1 << 30


def explain(run: Run, item: dict[str, int]) -> dict[str, Any]:
    """Explains the missing records of one unit.

    Args:
        run: of an audit.
        item: the number of the unit, the turn, and where its slices are described.
    """
    turn = item["turn"]
    described = orjson.loads(run.folder.slice(f"slices-{turn}.jsonl", item["at"], item["bytes"]))
    missing, judged = _missing(run, described, turn)
    spans = run.folder.get_json(f"read-{turn}.json")["spans"][item["unit"]]
    groups = [dict(zip(GROUP_KEYS, span, strict=True)) for span in spans]
    logs = dict(run.log_files(groups))
    files = range(spans[0][0], spans[-1][0] + spans[-1][1])
    named = classifier(run)
    with tempfile.TemporaryDirectory() as folder:
        unit = read_index(run.folder, turn, None)[0][item["unit"]]
        (path,) = local(run.folder, [unit], Path(folder), rest=True)
        found = absent(path, files, logs, [missing], named, judged)  # type: ignore[arg-type]  # by number
        explained = Path(folder, "explained.json")
        work.explain(named, run.request.trail, found.work, explained, judged)
        value = json.loads(explained.read_text("utf-8", "surrogatepass"))
    for number, count in found.reading.items():
        value["counts"].setdefault(str(number), {})
        value["counts"][str(number)]["read_only"] = value["counts"][str(number)].get("read_only", 0) + count
    listed = _save(run, item, value, logs)
    return {"unit": item["unit"], "records": len(missing), "unexpected": listed}


def _missing(
    run: Run, described: Sequence[Sequence[int]], turn: int
) -> tuple[array[int], dict[int, Judgement]]:
    """References of the missing records of a unit in ascending order, and what their receipts say."""
    refs = array("Q")
    judged: dict[int, Judgement] = {}
    bins = [(f"compared-{turn}/{part:05d}.bin", first, REF * n) for part, first, _, n in described]
    numbers = [(f"compared-{turn}/{part:05d}.bin", first, JUDGEMENT * n) for part, _, first, n in described]
    if not run.request.receipts:
        numbers = []
    for data in run.folder.slices(bins):
        refs.frombytes(data)
    at = 0
    for (part, *_), data in zip(described, run.folder.slices(numbers), strict=False):
        of_part = array("I")
        of_part.frombytes(data)
        if any(of_part):
            table = [_judgement(one) for one in run.folder.get_json(f"judged-{turn}/{part:05d}.json")]
            some = refs[at : at + len(of_part)]
            judged |= {ref: table[n - 1] for ref, n in zip(some, of_part, strict=True) if n}
        at += len(of_part)
    return array("Q", sorted(refs)), judged


def _judgement(one: Sequence[Any]) -> Judgement:
    name, why, dead, missing, delivered = one
    return Judgement(name, why, tuple(dead), tuple(missing), delivered)


def _save(run: Run, item: dict[str, int], value: dict[str, Any], logs: dict[int, LogFile]) -> int:
    places: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for number, counts in value.pop("counts").items():
        places[place_of(logs[int(number)])].update(counts)
    listed = value.pop("unexpected")
    value["places"] = [[*where, counts] for where, counts in places.items()]
    value["unexpected"] = len(listed)
    name = f"{item['turn']}/{item['unit']:07d}"
    if listed:
        text = "".join(json.dumps(row) + "\n" for row in listed)
        run.folder.put(f"missing-{name}.ndjson", text.encode("ascii"), "application/x-ndjson")
    run.folder.put_json(f"explained-{name}.json", value)
    return len(listed)


def classifier(run: Run) -> Classifier:
    """Names the reasons why records did not arrive, as the command does.

    Raises:
        InvalidInputError: the snapshot is damaged.
        StorageError: it cannot be read.
        ConfigError: the configuration is invalid.
    """
    wanted = run.request
    world = read_world(wanted.snapshot) if wanted.snapshot else None
    changes = [Change(*change) for change in run.folder.get_json("changes.json")]
    young = f"{wanted.started - timedelta(hours=wanted.wait_hours):%Y-%m-%dT%H:%M:%SZ}"
    config = configuration() if run.settings.config else None
    made = Classifier(
        Rules(world, changes, wanted.rule),
        young,
        routed(config, wanted.sink) if config is not None else None,
        LeftOut(config, wanted.own_roles, wanted.sink) if config is not None else None,
        reasons(world),
    )
    made.earliest = evidence.earliest(wanted.audit, dated=run.plan["dated"])
    return made


def configuration() -> Config:
    """The forwarder's configuration in the environment.

    Raises:
        ConfigError: it is invalid.
    """
    from trailforward.config import Config

    return Config.from_env(os.environ)


def read_world(where: str) -> World:
    """The doctor's snapshot at ``s3://BUCKET/KEY``, compressed or not."""
    bucket, _, key = where.removeprefix("s3://").partition("/")
    data = place(f"s3://{bucket}").read(key)
    try:
        if data.startswith(_GZIP):
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                data = file.read(_MOST)
        return World.from_json(data)
    except (SnapshotError, OSError, EOFError) as error:
        raise InvalidInputError(
            f"snapshot {where} cannot be used: {error}. Fix: name a file of trailforward doctor --save."
        ) from None
