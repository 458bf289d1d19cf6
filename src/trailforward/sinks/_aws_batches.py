"""Helpers for AWS batch APIs: parse responses, and build message attributes and IDs for SQS and SNS.

An entry counts as accepted only if the response contains a receipt for it. A truncated or malformed response
is never a success, and these functions never raise anything but ``TransientError``, whatever the JSON value.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from trailforward.aws.errors import (
    INVALID_INPUT_CODES,
    TRANSIENT_CODES,
    UNPARSEABLE,
    entry_cause,
    redact_values,
)
from trailforward.errors import Cause, TransientError
from trailforward.jsontext import readable
from trailforward.sinks.base import DETECTION, Rejection

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from trailforward.sinks.base import Entry


_ARRAY = "String.Array"


def digest(data: bytes) -> str:
    """SHA-256 in hex. As a deduplication ID it lets a queue drop an entry only if the bytes are identical."""
    return hashlib.sha256(data).hexdigest()


def attributes(values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Message attributes in AWS's format, without empty values, which AWS does not allow."""
    made = {name: {"DataType": "String", "StringValue": value} for name, value in values.items() if value}
    if DETECTION in made:
        # A filter policy of SNS compares each element. To SQS, it is a String with a label.
        made[DETECTION]["DataType"] = _ARRAY
    return made


def attribute_bytes(values: Mapping[str, str]) -> int:
    """Bytes that attributes add to a message's size: names, types, and values in UTF-8."""
    labels = len(_ARRAY) - len("String") if values.get(DETECTION) else 0
    return labels + sum(
        len(name.encode()) + len("String") + len(value.encode("utf-8", "replace"))
        for name, value in values.items()
        if value
    )


def by_position(
    results: Any, count: int, receipt: str, *, permanent: Collection[str] = INVALID_INPUT_CODES
) -> list[Rejection]:
    """The rejections in a response that lists one result per entry, in order.

    Args:
        results: the response's list of results. It may be any JSON value.
        count: number of entries sent.
        receipt: key that the result of an accepted entry contains.
        permanent: error codes of entries that will never be accepted.

    Raises:
        TransientError: the response does not have one result per entry, so the accepted entries are unknown.
    """
    if not isinstance(results, list) or len(results) != count:
        number = len(results) if isinstance(results, list) else 0
        raise TransientError(UNPARSEABLE, f"the response has {number} results for {count} entries")
    rejections = []
    for index, result in enumerate(results):
        fields = result if isinstance(result, dict) else {}
        code = fields.get("ErrorCode")
        if code:
            message = redact_values(str(fields.get("ErrorMessage") or ""))
            transient = str(code) not in permanent
            rejections.append(Rejection(index, str(code), message, transient, entry_cause(str(code))))
        elif not fields.get(receipt):
            rejections.append(_no_result(index))
    return rejections


def by_id(response: Mapping[str, Any], sent: Iterable[int]) -> list[Rejection]:
    """The rejections in a response with ``Successful[]`` and ``Failed[]``. An entry's ID is its index.

    Raises:
        TransientError: the response has no result for any entry.
    """
    failed, accepted = results_by_id(response, "Failed"), results_by_id(response, "Successful")
    if not failed and not accepted:
        raise TransientError(UNPARSEABLE, "the response has no results")
    rejections = []
    for index in sent:
        result = failed.get(str(index))
        if result is not None:
            code = str(result.get("Code") or "Unknown")
            # ``SenderFault`` means that a retry cannot succeed, except that throttling can set it as well.
            transient = not result.get("SenderFault") or code in TRANSIENT_CODES
            message = redact_values(str(result.get("Message") or ""))
            rejections.append(Rejection(index, code, message, transient, entry_cause(code)))
        elif str(index) not in accepted:
            rejections.append(_no_result(index))
    return rejections


def results_by_id(response: Mapping[str, Any], list_name: str) -> dict[str, dict[str, Any]]:
    """ID → result, for one of the response's lists."""
    entries = response.get(list_name)
    if not isinstance(entries, list):
        return {}
    return {str(entry["Id"]): entry for entry in entries if isinstance(entry, dict) and entry.get("Id")}


def _no_result(index: int) -> Rejection:
    return Rejection(index, UNPARSEABLE, "the response has no result for the entry", transient=True)


def sendable(batch: Sequence[Entry], rejections: list[Rejection]) -> list[tuple[int, Entry, str]]:
    """The entries that SQS and SNS can accept, with their indexes and texts.

    Other entries would fail the whole call, so they are added to ``rejections``.
    """
    entries = []
    for index, entry in enumerate(batch):
        text = readable(entry.data)
        if text is None:
            reason = "empty, or contains characters that SQS does not allow"
            rejections.append(
                Rejection(index, "InvalidMessageContents", reason, transient=False, cause=Cause.CONTENT)
            )
        else:
            entries.append((index, entry, text))
    return entries
