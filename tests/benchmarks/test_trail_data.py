from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.trail_data import write
from trailforward.audit.read import read_delivered, read_log, records_of

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 1_500


def test_the_records_of_the_audit_benchmark_are_like_real_ones(tmp_path: Path) -> None:
    """They have the size, the compression, and the share of read-only events of real log files."""
    sizes = write(tmp_path, COUNT)["trail"]
    assert 1_150 < sizes.raw / COUNT < 1_350
    assert 8 < sizes.raw / sizes.gzip < 12
    (log,) = (tmp_path / "trail").rglob("*.gz")
    found = read_log(log.read_bytes(), exact=False)
    assert 0.7 < sum(found.reading) / COUNT < 0.9
    assert len(set(found.keys)) == COUNT == sum(1 for _ in records_of(log.read_bytes()))
    for kind, count in (("archive", COUNT - 2), ("ids", COUNT - 2), ("writes", None)):
        (file,) = (tmp_path / kind).rglob("*.gz")
        keys = set(read_delivered(file.read_bytes(), exact=False).keys)
        assert keys < set(found.keys)
        assert count is None or len(keys) == count
