"""Feeds mutated payloads of every source to the function, and counts what becomes of them.

    python -m tests.trials.fuzz_payloads COUNT [SEED]

A payload gets one to six changes: of its JSON values, or of the bytes of the events, containers, and
notifications in it. Each must end with a response or with the error that asks for the payload again, with one
fate for every message, and with the bytes of every good neighbor unchanged.
"""

from __future__ import annotations

import base64
import copy
import gzip
import json
import random
import sys
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.support.events import Context, envelope, sqs, sqs_record
from tests.support.payloads import (
    firehose,
    kinesis_record,
    log_file,
    notification,
    record,
    s3_record,
    sns_record,
)
from trailforward import Config, Forwarder, redelivery
from trailforward.errors import PayloadError
from trailforward.pipeline.telemetry import PlainTelemetry
from trailforward.testing import MemorySink, as_cloudwatch_logs, log_batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.outcome import Outcome

_DEAD_LETTER = {redelivery.SINKS: "a", redelivery.CODE: "x", redelivery.ATTEMPTS: "3"}
_PACKED = base64.b64encode(gzip.compress(envelope(4))).decode()


_CONFIG = """
[sinks.a]
to = "stdout:"
format = "text"

[sinks.b]
to = "stdout:"

[[routes]]
name = "people"
sinks = ["a", "b"]
pattern = { detail = { userIdentity = { type = [{ anything-but = "Root" }] } } }
"""


def _seeds() -> list[Any]:
    text = envelope(1).decode()
    aws_json = json.loads(envelope(2))
    return [
        aws_json,
        json.loads(record(1)),
        sqs(sqs_record(text, "m-1"), sqs_record(envelope(3), "m-2", group="g", attributes=_DEAD_LETTER)),
        sqs(sqs_record(_PACKED, "m-1", attributes={**_DEAD_LETTER, redelivery.ENCODING: "gzip+base64"})),
        sqs(sqs_record(json.dumps(notification(text)), "m-1")),
        sqs(sqs_record(json.dumps({"Records": [s3_record("b", region="eu-west-1")]}), "m-1")),
        {"Records": [sns_record(text), sns_record(json.dumps({"Records": [s3_record("b")]}))]},
        {"Records": [kinesis_record(envelope(1), "1"), kinesis_record(log_batch(aws_json), "2")]},
        firehose(envelope(1), envelope(2)),
        as_cloudwatch_logs(aws_json),
        {"Records": [s3_record("b", region="eu-west-1")]},
        {"Records": [json.loads(record(1)), json.loads(record(2))]},
    ]


_ODD: list[Any] = [
    *(None, True, False, 0, -1, 1e308, 2**70, "", " ", "\ud800", "x" * 3_000, "null", "[]", "{}", "{", "\0"),
    *([], {}, [[]], {"": {}}, [None], {"a": [{"b": {}}]}, [[[[[[[[1]]]]]]]]),
    *(
        "aws:sqs",
        "aws:kinesis",
        "aws:s3",
        "arn:aws:sqs:::",
        "AAAA",
        "H4sI",
        "2026-13-01T00:00:00Z",
        "-1",
        "9" * 400,
    ),
]
_PIECES = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"1e999",
    b"[" * 300,
]


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a value with every key or index."""
    stack = [value]
    while stack:
        here = stack.pop()
        for key in here if isinstance(here, dict) else range(len(here)):
            yield here, key
            if isinstance(here[key], (dict, list)):
                stack.append(here[key])


def _changed_bytes(data: bytes, source: random.Random) -> bytes:
    raw = bytearray(data)
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(raw) + 1)
        match source.randrange(4):
            case 0:
                raw[at:at] = source.choice(_PIECES)
            case 1:
                del raw[at : at + source.randint(1, 20)]
            case 2 if at < len(raw):
                raw[at] = source.randrange(256)
            case _:
                raw[at:at] = raw[source.randrange(len(raw) + 1) :][:40]
    return bytes(raw)


def _changed_text(text: str, source: random.Random) -> str:
    """The text with changed bytes; of base64, and of gzip in it, those inside."""
    try:
        inner = base64.b64decode(text, validate=True) if len(text) > 8 else b""
    except ValueError:
        inner = b""
    if not inner or source.randrange(4) == 0:
        return _changed_bytes(text.encode(errors="replace"), source).decode(errors="replace")
    if inner[:2] == b"\x1f\x8b" and source.randrange(3):
        try:
            return base64.b64encode(gzip.compress(_changed_bytes(gzip.decompress(inner), source), 1)).decode()
        except (OSError, EOFError, zlib.error):
            pass
    return base64.b64encode(_changed_bytes(inner, source)).decode()


def mutated(seeds: list[Any], source: random.Random) -> Any:
    """A payload with one to six changes."""
    payload = copy.deepcopy(source.choice(seeds))
    for _ in range(source.randint(1, 6)):
        spots = list(_spots(payload))
        if not spots:
            break
        here, key = source.choice(spots)
        kind = source.randrange(5)
        if kind < 2 and isinstance(here[key], str):
            here[key] = _changed_text(here[key], source)
        elif kind == 2:
            del here[key]
        elif kind == 3:
            other, name = source.choice(spots)
            here[key] = copy.deepcopy(other[name]) if name in _keys(other) else None
        else:
            here[key] = source.choice(_ODD)
    return payload


def _keys(value: Any) -> Any:
    return value if isinstance(value, dict) else range(len(value))


class _Quiet(PlainTelemetry):
    """Telemetry that only counts defects."""

    def __init__(self) -> None:
        super().__init__()
        self.defects = 0

    def publish(self, outcome: Outcome) -> None:
        """Does nothing."""

    def error(self, text: str, **fields: Any) -> None:
        """Does nothing."""

    def fault(self, sink: str, error: BaseException) -> None:
        """Counts."""
        self.defects += 1
        sys.stderr.write(f"defect in {sink}: {error!r}\n")


class _Body:
    """Objects of S3: a good log file, or one that is cut off."""

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self._good = log_file(record(8), record(9))

    def __call__(self, _: object) -> list[bytes]:
        """The object's bytes."""
        cut = self._source.choice([None, None, 40])
        return [_changed_bytes(self._good, self._source) if cut else self._good]

    def close(self) -> None:
        """Does nothing."""


def main(count: int, seed: int) -> int:
    """Feeds ``count`` payloads, and prints the results; the exit status."""
    source = random.Random(seed)  # noqa: S311  # repeatable
    sink, telemetry = MemorySink(), _Quiet()
    forwarder = Forwarder(Config.from_toml(_CONFIG), made={"a": sink, "b": MemorySink()}, telemetry=telemetry)
    forwarder._objects = _Body(source)  # type: ignore[assignment]
    seeds, results = _seeds(), Counter[str]()
    for number in range(count):
        payload = mutated(seeds, source)
        try:
            _, outcome = forwarder.process(payload, Context(30))
        except PayloadError:
            results["asked for again"] += 1
        except BaseException:
            sys.stderr.write(f"payload {number} of seed {seed}: {payload!r}\n")
            raise
        else:
            results["responses"] += 1
            assert outcome.breaks == [], payload
            for name, account in outcome.accounts.items():
                assert outcome.totals(name).balanced, payload
                for fate, amount in account.fates.items():
                    results[f"events {fate.value}"] += amount
        if number % 1_000 == 0:
            for made in forwarder._sinks.values():
                made.taken.clear()  # type: ignore[attr-defined]
                made.calls.clear()  # type: ignore[attr-defined]
    figures = ", ".join(f"{amount:,} {name}" for name, amount in sorted(results.items()))
    sys.stdout.write(
        f"{count:,} payloads of seed {seed}: {figures}, 0 other exceptions, {telemetry.defects} defects\n"
    )
    return 1 if telemetry.defects else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
