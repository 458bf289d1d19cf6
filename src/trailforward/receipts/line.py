"""One receipt: a line of JSON about one event. See docs/receipts.md for the keys.

A receipt has only final fates. A returned event arrives again, and then gets a receipt.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson

from trailforward.errors import EventError
from trailforward.outcome import Fate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from trailforward.message import Message
    from trailforward.outcome import Outcome, Verdict

#: Characters of a value that an event or a destination chooses.
_CHARACTERS = 256


def lines(outcome: Outcome, *, sha256: bool = False) -> Iterator[bytes]:
    """The receipts of a ledger, in order, each with a line break. Events without a final fate have none.

    Args:
        outcome: a complete ledger.
        sha256: whether to add the SHA-256 of the exact bytes of ``detail``.
    """
    for index, message in enumerate(outcome.messages):
        by_sink = {name: one[index] for name, one in outcome.verdicts.items() if index in one}
        fates = _fates(by_sink)
        if fates:
            yield orjson.dumps(_about(message, sha256=sha256) | fates, option=orjson.OPT_APPEND_NEWLINE)


def split(some: Iterable[bytes], most: int) -> Iterator[bytes]:
    """Joins lines to blocks of at most so many bytes. A longer line is a block by itself."""
    block: list[bytes] = []
    size = 0
    for line in some:
        if block and size + len(line) > most:
            yield b"".join(block)
            block, size = [], 0
        block.append(line)
        size += len(line)
    if block:
        yield b"".join(block)


def _fates(by_sink: Mapping[str, Verdict]) -> dict[str, Any]:
    """``d``: sinks that accepted the event; ``f`` and ``x``: sink → code, if filtered or dead-lettered."""
    delivered: list[str] = []
    filtered: dict[str, str] = {}
    dead: dict[str, str] = {}
    for name, verdict in by_sink.items():
        if verdict.fate is Fate.DELIVERED:
            delivered.append(name)
        elif verdict.fate is Fate.FILTERED:
            filtered[name] = _text(verdict.code)
        elif verdict.fate is Fate.DEAD_LETTERED:
            dead[name] = _text(verdict.code)
    found = {"d": delivered, "f": filtered, "x": dead}
    return {key: value for key, value in found.items() if value}


def _about(message: Message, *, sha256: bool) -> dict[str, str]:
    """ID, time, account, and Region; empty values are left out."""
    try:
        about, account = message.about, message.event.get("account")
        found = {"id": about.key, "t": about.time, "a": account, "r": about.region}
        if sha256:
            found["h"] = hashlib.sha256(message.detail).hexdigest()
    except EventError:
        found = {"id": message.key}  # the SHA-256 of the bytes, which are not an event
    message.release()
    return {key: _text(value) for key, value in found.items() if value}


def _text(value: Any) -> str:
    """The value as text that UTF-8 can express; of a long one its beginning."""
    text = value if isinstance(value, str) else ""
    return text[:_CHARACTERS].encode("utf-8", "replace").decode()
