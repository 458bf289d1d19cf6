"""Hostile input: each attack runs in its own process, which reports what happened and its peak memory."""

from __future__ import annotations

import base64
import gzip
import io
import json
import resource
import sys
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.events import envelope, sqs, sqs_record
from tests.support.payloads import kinesis_record, log_file, record, s3_record
from trailforward import EventError, Forwarder, redelivery
from trailforward.config import Config
from trailforward.sources import detect
from trailforward.sources.base import ObjectReader
from trailforward.sources.file import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from trailforward import Message

MIB = 1024 * 1024


def packed(start: bytes, middle: bytes, times: int, end: bytes) -> bytes:
    """Gzip of repeated bytes, made without holding the text."""
    compressor = zlib.compressobj(9, wbits=31)
    most = max(1, MIB // len(middle))
    block, rest = divmod(times, most)
    many = middle * most
    parts = [compressor.compress(start), *(compressor.compress(many) for _ in range(block))]
    parts += [compressor.compress(middle * rest + end), compressor.flush()]
    return b"".join(parts)


def beside(data: bytes) -> dict[str, Any]:
    """A stream's batch with the data between nine events."""
    good = [kinesis_record(envelope(number), str(number)) for number in range(10)]
    return {"Records": [*good[:5], kinesis_record(data, "99"), *good[5:]]}


def redelivered(data: bytes, encoding: str) -> dict[str, Any]:
    """A queue's batch with the data as the body of a redelivered message, between events."""
    attributes = {redelivery.SINKS: "copy", redelivery.ENCODING: encoding}
    good = [sqs_record(envelope(number), f"m-{number}") for number in range(10)]
    hostile = sqs_record(base64.b64encode(data), "m-99", attributes=attributes)
    return sqs(*good[:5], hostile, *good[5:])


def records_text(record_text: bytes, times: int) -> bytes:
    """A gzipped log file of one record, repeated."""
    return packed(b'{"Records":[' + record_text, b"," + record_text, times - 1, b"]}")


def keys(count: int) -> bytes:
    """A gzipped object of many keys."""
    compressor = zlib.compressobj(1, wbits=31)
    members = (b'"%d":0,' % number for number in range(count))
    parts = [compressor.compress(b"{"), *map(compressor.compress, members)]
    return b"".join([*parts, compressor.compress(b'"Records":[]}'), compressor.flush()])


def large_events() -> dict[str, Any]:
    """A batch of compressed dead letters, each an event of 10 MiB of dicts."""
    event = envelope(1)[:-1] + b',"x":[' + b"{}," * 3_400_000 + b"{}]}"
    attributes = {redelivery.SINKS: "copy", redelivery.ENCODING: redelivery.GZIP_BASE64}
    body = base64.b64encode(gzip.compress(event))
    return sqs(*(sqs_record(body, f"m-{number}", attributes=attributes) for number in range(5)))


#: Name → a payload, or the bytes of a log file.
ATTACKS: dict[str, Callable[[], dict[str, Any] | bytes]] = {
    "log data: gzip of 64 MiB of {},": lambda: beside(
        packed(b'{"logEvents":[', b"{},", 64 * MIB // 3, b"{}]}")
    ),
    "log data: list instead of an object": lambda: beside(packed(b"[", b"{},", 64 * MIB // 3, b"{}]")),
    "log data: base64 in a queue": lambda: redelivered(
        packed(b'{"logEvents":[', b"{},", 64 * MIB // 3, b"{}]}"), "base64"
    ),
    "log data: 21 million messages": lambda: beside(
        packed(b'{"logEvents":[', b'{"message":""},', 21_000_000, b"{}]}")
    ),
    "log data: 200,000 messages": lambda: beside(
        packed(b'{"logEvents":[', b'{"message":""},', 200_000, b"{}]}")
    ),
    "log data: one value of dicts": lambda: beside(
        packed(b'{"logEvents":[{"message":[', b"{},", MIB // 4, b"{}]}]}")
    ),
    "log data: empty gzip members": lambda: beside(gzip.compress(b"") * 150_000),
    "queue: gzip in base64 of 64 MiB": lambda: redelivered(
        packed(b"[", b"{},", 64 * MIB // 3, b"{}]"), "gzip+base64"
    ),
    "queue: gzip in base64 of 10 MiB of {},": lambda: redelivered(
        packed(b"[", b"{},", 10 * MIB // 3 - 2, b"{}]"), "gzip+base64"
    ),
    "queue: notification of 300,000 objects": lambda: sqs(
        sqs_record(json.dumps({"s3Bucket": "b", "s3ObjectKey": ["k"] * 200_000}).encode(), "m-1")
    ),
    "queue: 6 MB of [[[[": lambda: sqs(sqs_record(b'{"aws:s3":' + b"[" * 6 * MIB, "m-1")),
    "queue: five events of 10 MiB of dicts": large_events,
    "stream: 3 million {} in a row": lambda: beside(b"{}" * 3_000_000),
    "stream: lists in lists": lambda: beside(b"[" * 500 + b"1" + b"]" * 500),
    "stream: 10 MiB": lambda: beside(b"[" + b"{}," * (10 * MIB // 3) + b"{}]"),
    "log file: a record of dicts": lambda: packed(b'{"Records":[[', b"{},", 5_000_000, b"{}]]}"),
    "log file: large records of dicts": lambda: records_text(
        record(1)[:-1] + b',"x":[' + b"{}," * 600_000 + b"{}]}", 8
    ),
    "log file: millions of keys": lambda: keys(3_000_000),
    "log file: 24 million empty Records": lambda: packed(b"{", b'"Records":[],', 24_000_000, b'"x":1}'),
    "log file: 100 million {}": lambda: packed(b'{"Records":[', b"{},", 100_000_000, b"{}]}"),
    "log file: 3 million {}, not compressed": lambda: b'{"Records":[' + b"{}," * 3_000_000 + b"{}]}",
    "log file: every second record is {}": lambda: records_text(record(1) + b",{}", 100_000),
    "log file: endless blanks": lambda: packed(b'{"Records":[]}', b" " * 100, 10_000_000, b""),
    "log file: deep": lambda: log_file(b"[" * 1_500_000),
    "file: a line of 300 MB": lambda: packed(b'{"a":"', b"x" * 1_000, 300_000, b'"}'),
    "file: a document of 300 MB": lambda: packed(b"{\n", b'"a":{\n},', 30_000_000, b'"b":1}'),
    "file: a line of 300 MB after an event": lambda: packed(envelope(1) + b"\n", b"{},", 100_000_000, b""),
    "file: a list of 5.6 million {}": lambda: packed(b"[", b"{},", 5_600_000, b"{}]"),
    "file: 5.6 million lines of {}": lambda: packed(b"", b"{}\n", 5_600_000, b""),
    "records: 2 million {}": lambda: {"Records": [json.loads(record(1)), *({} for _ in range(2_000_000))]},
}


def _of_a_file(data: bytes, codes: dict[str, int]) -> Iterator[Message]:
    """The messages of a file on the command line; the error that ends it is counted."""
    try:
        yield from read(io.BytesIO(data), "f")
    except EventError as error:
        codes[error.code] = 1


def run(name: str) -> dict[str, Any]:
    """Runs one attack; returns the fates, codes, number of dead letters, and peak memory in MiB."""
    hostile = ATTACKS[name]()
    payload = hostile
    if isinstance(hostile, bytes):
        payload = {"Records": [s3_record("b", region="eu-west-1")]}

    def fetch(_: object) -> Iterable[bytes]:
        assert isinstance(hostile, bytes)
        return (hostile[at : at + 262_144] for at in range(0, len(hostile), 262_144))

    with tempfile.TemporaryDirectory() as folder:
        dead = Path(folder, "dead")
        text = f'dead_letter = "file:{dead}"\n[sinks.copy]\nto = "file:{folder}/copy"\n'
        forwarder = Forwarder(Config.from_toml(text))
        codes: dict[str, int] = {}
        if name.startswith("file: "):
            messages: Iterable[Message] = _of_a_file(hostile, codes)  # type: ignore[arg-type]  # bytes
        else:
            messages = detect(payload).messages(payload, ObjectReader(fetch))
        outcome = forwarder.forward(messages)
        forwarder.close()
        for line in dead.open() if dead.exists() else ():
            code = json.loads(line)[redelivery.CODE]
            codes[code] = codes.get(code, 0) + 1
    totals = outcome.totals("copy")
    return {
        "delivered": totals.delivered,
        "returned": totals.returned,
        "dead_letters": codes,
        "peak_mib": _peak_kib() // 1024,
    }


def _peak_kib() -> int:
    """The peak of this process. ``ru_maxrss`` would begin with that of the process that started it."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(status.partition("VmHWM:")[2].split()[0])


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1])))  # noqa: T201
