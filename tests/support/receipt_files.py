"""Writes receipts as the pipeline does, for tests of the audit."""

from __future__ import annotations

import gzip
import hashlib
from typing import TYPE_CHECKING, Any

from tests.support.trail_bucket import dumps, envelope
from trailforward.message import Message, Origin
from trailforward.outcome import Fate, Outcome, Verdict
from trailforward.receipts.line import lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    #: A record, and what happened to it at each sink: ``delivered``, ``f:`` with a code, or ``x:`` with one.
    Told = tuple[dict[str, Any], Mapping[str, str]]

_FATES = {"f": Fate.FILTERED, "x": Fate.DEAD_LETTERED}


def receipts(told: Iterable[Told], *, sha256: bool = False) -> bytes:
    """The receipts of one batch, as the pipeline writes them. A sink may be without a fate."""
    told = list(told)
    messages = [Message(dumps(envelope(record)).encode(), Origin("file")) for record, _ in told]
    outcome = Outcome(messages, sorted({sink for _, fates in told for sink in fates}))
    for index, (_, fates) in enumerate(told):
        for sink, fate in fates.items():
            kind, _, code = fate.partition(":")
            if kind == "delivered":
                outcome.deliver(sink, [index])
            else:
                outcome.record(sink, index, Verdict(_FATES[kind], code))
    return b"".join(lines(outcome, sha256=sha256))


def put_receipts(
    root: Path, told: Iterable[Told], *, hour: str = "2026/11/26/00", sha256: bool = False
) -> Path:
    """Writes the receipts of a batch under the key that the pipeline gives them."""
    text = receipts(told, sha256=sha256)
    path = root / hour / f"{hashlib.sha256(text).hexdigest()}.ndjson.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text, mtime=0))
    return path
