"""Memory of an audit of many delivered IDs: ``make bench-audit-memory`` (IDS=10000000).

As many records are in log files of 5,000, and every thousandth did not arrive. The records are short, because
memory depends on their number. Memory is that of all processes together, without what they share.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from benchmarks.audit import audit_command, cost_of

_FILE_RECORDS = 5_000
_REST = (
    '"eventTime":"2026-11-26T00:00:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser",'
    '"awsRegion":"eu-west-1","readOnly":%s,"managementEvent":true,"eventCategory":"Management",'
    '"eventType":"AwsApiCall","recipientAccountId":"111122223333"}'
)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory(prefix="trailforward-bench-") as folder:
        root = Path(folder)
        _write(root, count)
        for title, kind in (("nearly all arrived", "ids"), ("only writes arrived, a fifth", "writes")):
            start = time.monotonic()
            cost = cost_of(audit_command(root, kind, "--no-compare"), root)
            seconds = time.monotonic() - start
            print(
                f"{count:,} records, {title}: {cost.memory:,.0f} MB at the peak in all processes together, "
                f"{cost.cpu:.0f} s of CPU, {seconds:.0f} s"
            )


def _write(root: Path, count: int) -> None:
    chance = Random(20)  # noqa: S311  # not for secrets
    for number, start in enumerate(range(0, count, _FILE_RECORDS)):
        some = min(_FILE_RECORDS, count - start)
        digits = [f"{chance.getrandbits(128):032x}" for _ in range(some)]
        ids = [f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}" for one in digits]
        reading = [bool(at % 5) for at in range(some)]
        texts = (
            f'{{"eventVersion":"1.11","eventID":"{one}",{_REST % ("true" if reads else "false")}'
            for one, reads in zip(ids, reading, strict=True)
        )
        clock = f"{number % 1440 // 60:02}{number % 60:02}"
        name = f"111122223333_CloudTrail_eu-west-1_20261126T{clock}Z_{number:016d}.json.gz"
        day = root / "trail/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/26"
        _put(day / name, f'{{"Records":[{",".join(texts)}]}}')
        kept = [(one, reads) for at, (one, reads) in enumerate(zip(ids, reading, strict=True)) if at % 1000]
        _put(root / f"ids/2026/11/26/{number}.gz", "".join(f'{{"eventID":"{one}"}}\n' for one, _ in kept))
        writes = "".join(f'{{"eventID":"{one}"}}\n' for one, reads in kept if not reads)
        _put(root / f"writes/2026/11/26/{number}.gz", writes)


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), 1))


if __name__ == "__main__":
    main()
