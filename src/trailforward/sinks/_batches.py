"""What SQS and SNS share: batches of ten whose entries are named by id, characters, FIFO ids."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from trailforward.jsontext import readable
from trailforward.sinks.base import Rejection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trailforward.sinks.base import Entry

#: Letters, digits and ASCII punctuation, at most 128 (FIFO group and deduplication ids).
_FIFO_ID = re.compile(r"[!-~]{1,128}")


def fifo_id(text: str) -> str:
    """The text itself where FIFO ids allow it, else its digest."""
    return text if _FIFO_ID.fullmatch(text) else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def attributes(values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Message attributes in AWS's form; empty values are not allowed there."""
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items() if value}


def attribute_bytes(values: Mapping[str, str]) -> int:
    """What attributes count toward a message's size: names, types and values in UTF-8."""
    return sum(
        len(name.encode()) + len("String") + len(value.encode("utf-8", "replace"))
        for name, value in values.items()
        if value
    )


def rejections(failed: Sequence[dict[str, Any]]) -> list[Rejection]:
    """``Failed[]`` of an answer. ``SenderFault`` says that a retry cannot succeed."""
    return [
        Rejection(int(entry["Id"]), entry["Code"], entry.get("Message", ""), not entry["SenderFault"])
        for entry in failed
    ]


def sendable(batch: Sequence[Entry], refused: list[Rejection]) -> list[tuple[int, Entry, str]]:
    """Splits off entries whose characters the service refuses, so that they do not spoil the call."""
    kept = []
    for index, entry in enumerate(batch):
        text = readable(entry.data)
        if text is None:
            reason = "holds characters that SQS refuses, or is empty: it cannot be sent unchanged"
            refused.append(Rejection(index, "InvalidMessageContents", reason, transient=False))
        else:
            kept.append((index, entry, text))
    return kept
