"""What the batch calls of AWS share: how answers are read; ids, attributes and characters of SQS and SNS.

An entry counts as taken only where the answer has a receipt for it. An answer that AWS would not give (cut
short, of another shape) must not pass for a success, and nothing here relies on its shape.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from trailforward.aws.errors import BLAMING, TRANSIENT, UNREADABLE, without_values
from trailforward.errors import TransientError
from trailforward.jsontext import readable
from trailforward.sinks.base import Rejection

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from trailforward.sinks.base import Entry


def digest(data: bytes) -> str:
    """SHA-256 in hex. As deduplication id it lets a queue drop an entry only where the bytes are the same."""
    return hashlib.sha256(data).hexdigest()


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


def by_position(
    results: Any, count: int, receipt: str, *, for_good: Collection[str] = BLAMING
) -> list[Rejection]:
    """The refused entries of an answer that lists a result per entry, in order.

    Args:
        results: what the answer has in the place of the list; it need not be one.
        count: entries sent.
        receipt: what the result of an entry that was taken holds.
        for_good: codes of entries that will never be taken.

    Raises:
        TransientError: the answer does not tell of every entry, so nobody knows which were taken.
    """
    if not isinstance(results, list) or len(results) != count:
        some = len(results) if isinstance(results, list) else 0
        raise TransientError(UNREADABLE, f"the answer tells of {some} entries, but {count} were sent")
    refused = []
    for index, result in enumerate(results):
        told = result if isinstance(result, dict) else {}
        code = told.get("ErrorCode")
        if code:
            message = without_values(str(told.get("ErrorMessage") or ""))
            refused.append(Rejection(index, str(code), message, transient=str(code) not in for_good))
        elif not told.get(receipt):
            refused.append(_untold(index))
    return refused


def by_id(answer: Mapping[str, Any], sent: Iterable[int]) -> list[Rejection]:
    """The refused entries of an answer with ``Successful[]`` and ``Failed[]``; an entry's id is its index.

    Raises:
        TransientError: the answer tells of no entry.
    """
    failed, taken = named(answer, "Failed"), named(answer, "Successful")
    if not failed and not taken:
        raise TransientError(UNREADABLE, "the answer tells of no entry")
    refused = []
    for index in sent:
        fault = failed.get(str(index))
        if fault is not None:
            code = str(fault.get("Code") or "Unknown")
            # ``SenderFault`` says that a retry cannot succeed; being throttled may be that too, and passes.
            transient = not fault.get("SenderFault") or code in TRANSIENT
            refused.append(Rejection(index, code, without_values(str(fault.get("Message") or "")), transient))
        elif str(index) not in taken:
            refused.append(_untold(index))
    return refused


def named(answer: Mapping[str, Any], list_name: str) -> dict[str, dict[str, Any]]:
    """The entries of a list in an answer, by their ids."""
    entries = answer.get(list_name)
    if not isinstance(entries, list):
        return {}
    return {str(entry["Id"]): entry for entry in entries if isinstance(entry, dict) and entry.get("Id")}


def _untold(index: int) -> Rejection:
    return Rejection(index, UNREADABLE, "the answer neither takes nor refuses the entry", transient=True)


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
