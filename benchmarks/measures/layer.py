"""Size of the Lambda layer, if it has been built."""

from __future__ import annotations

import zipfile
from pathlib import Path

from benchmarks.measuring import Goal, Measure

FOLDER = Path(__file__).resolve().parents[2] / "build" / "layer"
_ZIPPED, _UNPACKED = "trailforward, zipped", "trailforward, unpacked"


def run(*_: object) -> list[Measure]:
    """The largest of the layers that use the runtime's boto3."""
    archives = [path for path in FOLDER.glob("*.zip") if not path.stem.endswith("-boto3")]
    if not archives:
        return [Measure("layer", "MB", note="not built: make layer")]
    sizes = []
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            sizes.append(float(sum(info.file_size for info in archive.infolist())))
    found = {_ZIPPED: [max(float(path.stat().st_size) for path in archives)], _UNPACKED: [max(sizes)]}
    goals = {_ZIPPED: Goal(5, 3), _UNPACKED: Goal(16)}
    return [Measure(f"layer, the largest of {len(archives)}", "MB", found, goals=goals)]
