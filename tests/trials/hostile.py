"""Runs every attack in a process of its own, and prints what became of it and its peak memory.

    python -m tests.trials.hostile

The attacks are those of ``tests/faults/hostile.py``, and some on the configuration and on long log files.
Exits with 1 if a peak reaches 512 MiB, or an attack ends otherwise than expected.
"""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from tests.faults.hostile import ATTACKS, _peak_kib, beside, run
from tests.faults.test_hostile import MOST, OTHERS
from tests.support.events import Context, envelope, sqs, sqs_record
from tests.support.payloads import log_file, record, s3_record
from trailforward import Config, Forwarder, Message, Origin, redelivery
from trailforward.errors import ConfigError, EventError
from trailforward.formats.redaction import Redaction
from trailforward.testing import MemorySink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SINK = '[sinks.copy]\nto = "stdout:"\n'


def _refused(text: str) -> str:
    try:
        Config.from_toml(text)
    except ConfigError as error:
        return f"ConfigError: {str(error).splitlines()[-1][:60]}"
    return "FAILED: accepted"


def _redacted() -> str:
    """``redact`` on an event of 990 nested arrays."""
    value = "[" * 990 + '{"secret":"hidden"}' + "]" * 990
    event = envelope(1)[:-1] + b',"deep":' + value.encode() + b"}"
    try:
        result = Redaction(("deep.secret",))(Message(event, Origin("test")))
    except EventError as error:
        return f"refused: {error.code}"
    return "redacted" if b"hidden" not in result.raw else "FAILED: the value is still there"


def _mostly_done() -> str:
    """A log file of 200,000 records, of which all but ten are done already."""
    source = random.Random(1)  # noqa: S311  # repeatable
    body = log_file(*(record(number, pad=source.randbytes(40).hex()) for number in range(200_000)))
    attributes = {redelivery.SINKS: "copy", redelivery.SKIP: "199990"}
    pointer = json.dumps({"Records": [s3_record("b", region="eu-west-1")]})
    sink = MemorySink()
    forwarder = Forwarder(Config.from_toml(SINK), made={"copy": sink})

    class Objects:
        def __call__(self, _: object) -> Iterator[bytes]:
            yield from (body[at : at + 262_144] for at in range(0, len(body), 262_144))

        def close(self) -> None:
            """Does nothing."""

    forwarder._objects = Objects()  # type: ignore[assignment]
    response, _ = forwarder.process(sqs(sqs_record(pointer, "m-1", attributes=attributes)), Context(30))
    done = len(sink.taken) == 10 and response == {"batchItemFailures": []}
    return f"{'' if done else 'FAILED: '}{len(sink.taken)} delivered"


def _stream(data: bytes) -> Callable[[], str]:
    def attack() -> str:
        sink = MemorySink()
        config = Config.from_toml(SINK + '[sinks.x]\nto = "stdout:"\n')
        forwarder = Forwarder(config, made={"copy": sink, "x": MemorySink()})
        dead = MemorySink()
        forwarder._failure_handler._dead_letters.sink = dead
        response, _ = forwarder.process(beside(data), Context(30))
        good = len(sink.taken) == 10 and len(dead.taken) == 1 and response == {"batchItemFailures": []}
        return f"{'' if good else 'FAILED: '}{len(sink.taken)} delivered, {len(dead.taken)} dead letter"

    return attack


#: Name → an attack that says what became of it.
MORE: dict[str, Callable[[], str]] = {
    "stream: 0 bytes": _stream(b""),
    "stream: 800 KB of binary": _stream(bytes(range(256)) * 3_200),
    "stream: 1 MiB of text": _stream(b"x" * (1 << 20)),
    "stream: 10 MiB of gzip": _stream(gzip.compress(b"y" * 100) * 100_000),
    "log file: 200,000 records, most done": _mostly_done,
    "configuration: TOML nested 1,000 deep": lambda: _refused(SINK + "x = " + "[" * 1_000 + "]" * 1_000),
    "configuration: integer of 5,000 digits": lambda: _refused(
        SINK + "[retry]\nmax_attempts = " + "9" * 5_000
    ),
    "redact: 990 nested arrays": _redacted,
}


def _attack(name: str) -> dict[str, Any]:
    """Runs one attack in this process."""
    if name in MORE:
        return {"result": MORE[name](), "peak_mib": _peak_kib() // 1024}
    found = run(name)
    refused = sum(found["dead_letters"].values())
    delivered, expected = OTHERS.get(name, (found["delivered"] and 10, 1))
    good = (found["delivered"], refused, found["returned"]) == (delivered, expected, 0)
    codes = ", ".join(f"{count} {code}" for code, count in found["dead_letters"].items())
    result = f"{'' if good else 'FAILED: '}{found['delivered']} delivered, refused: {codes or 'none'}"
    return {"result": result, "peak_mib": found["peak_mib"]}


def main() -> int:
    """Runs all attacks; the exit status."""
    failed = 0
    for name in (*ATTACKS, *MORE):
        start = time.monotonic()
        command = [sys.executable, "-m", "tests.trials.hostile", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        last = done.stderr.strip().splitlines()[-1:]
        found: dict[str, Any] = {"result": f"FAILED: {last}", "peak_mib": 0}
        if done.returncode == 0:
            found = json.loads(done.stdout.splitlines()[-1])
        wrong = found["result"].startswith("FAILED") or found["peak_mib"] >= MOST
        failed += wrong
        seconds = time.monotonic() - start
        figures = f"{found['peak_mib']:5} MiB {seconds:5.1f} s  {found['result']}"
        sys.stdout.write(f"{'FAILED' if wrong else 'ok':7}{name:42}{figures}\n")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(_attack(sys.argv[1])) + "\n")
    else:
        sys.exit(main())
