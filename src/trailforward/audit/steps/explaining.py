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

from trailforward.audit import work
from trailforward.audit.classes import Classifier
from trailforward.audit.reasons import reasons, routed
from trailforward.audit.rules import Change, Rules
from trailforward.audit.steps.reading import place_of
from trailforward.audit.steps.run import Group, place
from trailforward.audit.steps.settings import InvalidInputError
from trailforward.audit.units import FILE_SHIFT, INDEX_MASK
from trailforward.doctor.world.world import SnapshotError, World

if TYPE_CHECKING:
    from trailforward.audit.steps.run import Run
    from trailforward.config import Config

_GZIP = b"\x1f\x8b"
#: The most bytes of a snapshot.
_MOST = 1 << 30


def explain(run: Run, item: dict[str, int]) -> dict[str, Any]:
    """Explains the missing records of one unit.

    Args:
        run: of an audit.
        item: the number of the unit, and where its slices are described.
    """
    described = orjson.loads(run.folder.slice("slices.jsonl", item["at"], item["bytes"]))
    wanted = [(f"compared/{part:05d}.bin", first, length) for part, first, length in described]
    missing: dict[int, list[int]] = defaultdict(list)
    for data in run.folder.slices(wanted):
        refs = array("Q")
        refs.frombytes(data)
        for ref in refs:
            missing[ref >> FILE_SHIFT].append(ref & INDEX_MASK)
    spans = run.folder.get_json("read.json")["spans"][item["unit"]]
    groups = [dict(zip(Group.KEYS[1:], span, strict=True)) for span in spans]
    files = {number: log for number, log in run.log_files(groups) if number in missing}
    some = [(number, files[number], sorted(missing[number])) for number in sorted(missing)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "explained.json")
        work.explain(classifier(run), run.request.trail, some, path)
        found = json.loads(path.read_text("utf-8", "surrogatepass"))
    places: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for number, counts in found.pop("counts").items():
        places[place_of(files[int(number)])].update(counts)
    listed = found.pop("unexpected")
    found["places"] = [[*place, counts] for place, counts in places.items()]
    found["unexpected"] = len(listed)
    if listed:
        text = "".join(json.dumps(row) + "\n" for row in listed)
        run.folder.put(f"missing/{item['unit']:07d}.ndjson", text.encode("ascii"), "application/x-ndjson")
    run.folder.put_json(f"explained/{item['unit']:07d}.json", found)
    return {"unit": item["unit"], "records": sum(map(len, missing.values())), "unexpected": len(listed)}


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
    route = routed(config, wanted.sink) if config is not None else None
    return Classifier(Rules(world, changes, wanted.rule), young, route, wanted.own_role, reasons(world))


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
