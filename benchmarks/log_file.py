"""Forwards a CloudTrail log file (50 MB gzipped, 200,000 records) from S3 to Kinesis, and checks memory.

S3 and Kinesis run in separate processes, so that only this process is measured.

Run: ``make bench-log-file``
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from benchmarks import events, stub_server

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDS = 200_000
BUCKET = "trails"
KEY = (
    "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/05/04/"
    "111122223333_CloudTrail_eu-west-1_20260504T0915Z_abcdefghijklmnop.json.gz"
)
_TARGET = 200
_SERVER = """
import http.server, sys

class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
print(server.server_port, flush=True)
server.serve_forever()
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a separate process, because its memory must not count.
        subprocess.run([sys.executable, "-m", "benchmarks.log_file", str(folder)], check=True)
        file = folder / BUCKET / KEY
        with _serving(folder) as s3, stub_server.running() as kinesis:
            # Only these: a proxy or certificates of the user would change how AWS is called.
            os.environ.clear()
            os.environ |= {
                "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{s3}",
                "AWS_ENDPOINT_URL_KINESIS": f"http://127.0.0.1:{kinesis}",
                "AWS_ACCESS_KEY_ID": "benchmark",
                "AWS_SECRET_ACCESS_KEY": "benchmark",
            }
            _run(file.stat().st_size, kinesis)


def write(folder: Path) -> None:
    """Writes the file where the HTTP server of this folder serves it as an object."""
    path = folder / BUCKET / KEY
    path.parent.mkdir(parents=True)
    details = [orjson.loads(event.body)["detail"] for event in events.made(100)]
    details = [detail for detail in details if "eventVersion" in detail]  # findings are never in log files
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b'{"Records":[')
        for number in range(RECORDS):
            record = details[number % len(details)] | {"eventID": f"00000000-0000-4000-8000-{number:012}"}
            file.write((b"," if number else b"") + json.dumps(record, separators=(",", ":")).encode())
        file.write(b"]}")


def _run(size: int, kinesis: int) -> None:
    from trailforward import Config, Forwarder

    notification = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "awsRegion": "eu-west-1",
        "s3": {"bucket": {"name": BUCKET}, "object": {"key": KEY}},
    }
    forwarder = Forwarder(Config.to("arn:aws:kinesis:eu-west-1:111122223333:stream/benchmark"))
    before, wall, cpu = _peak(), time.perf_counter(), time.process_time()
    _, outcome = forwarder.process({"Records": [notification]})
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    above = _peak() - before
    (name,) = outcome.accounts
    taken, totals = len(set().union(*stub_server.taken(kinesis).values())), outcome.totals(name)
    print(
        f"CloudTrail log file: {size / 1e6:,.1f} MB gzipped, {RECORDS:,} records.\n"
        f"Peak memory: {above:,.0f} MB above {before:,.0f} MB at the start (target: less than {_TARGET}).\n"
        f"Time: {wall:,.1f} s, CPU {cpu / RECORDS * 1e6:,.0f} µs per record.\n"
        f"Ledger: {totals}\n"
        f"Kinesis received {taken:,} different records."
    )
    if outcome.breaks or taken != RECORDS or totals.delivered != RECORDS or above > _TARGET:
        sys.exit("FAILED: records are missing, or the memory is over the target")


def _peak() -> float:
    """Peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def _serving(folder: Path) -> Iterator[int]:
    """Serves a folder's files on a port, in a separate process."""
    command = [sys.executable, "-I", "-c", _SERVER]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101  # it is a pipe
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write(Path(sys.argv[1]))
    else:
        main()
