"""Real events keep their bytes in every source. TRAILFORWARD_CORPUS names a directory of ``*.ndjson``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.events import sqs, sqs_record
from tests.support.payloads import (
    firehose,
    kinesis_record,
    log_data,
    log_file,
    logs,
    notification,
    s3_record,
    sns_record,
)
from trailforward import EventError
from trailforward.message import is_record
from trailforward.sources import detect
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CORPUS = os.environ.get("TRAILFORWARD_CORPUS")
pytestmark = pytest.mark.skipif(not CORPUS, reason="TRAILFORWARD_CORPUS is unset")


def lines() -> Iterator[bytes]:
    """Every line of the corpus that is an event or a record."""
    for path in sorted(Path(CORPUS or "").glob("*.ndjson")):
        for line in path.read_bytes().split(b"\n"):
            value: Any = json.loads(line) if line.strip() else None
            if is_record(value) or (isinstance(value, dict) and "detail" in value):
                yield line


WAYS: dict[str, Callable[[list[bytes]], Any]] = {
    "sqs": lambda some: sqs(*(sqs_record(line, "m") for line in some)),
    "sns": lambda some: {"Records": [sns_record(line.decode()) for line in some]},
    "sns in sqs": lambda some: sqs(
        *(sqs_record(json.dumps(notification(line.decode())), "m") for line in some)
    ),
    "kinesis": lambda some: {"Records": [kinesis_record(line, "1") for line in some]},
    "kinesis, logs": lambda some: {
        "Records": [kinesis_record(log_data(*(line.decode() for line in some)), "1")]
    },
    "logs": lambda some: logs(log_data(*(line.decode() for line in some))),
    "firehose": lambda some: firehose(*some),
    "s3": lambda _: {"Records": [s3_record("b")]},
}


@pytest.mark.parametrize("way", WAYS)
def test_real_events_keep_their_bytes(way: str) -> None:
    """Every source keeps the bytes of an event, and the bytes of a record as ``detail``."""
    some = list(lines())
    payload = WAYS[way](some)
    reader = ObjectReader(lambda _: [log_file(*some)])
    made = list(detect(payload).messages(payload, reader))
    assert len(made) == len(some) > 0
    for line, message in zip(some, made, strict=True):
        try:
            exact = line in {message.raw, message.detail}
        except EventError:
            exact = False
        assert exact
