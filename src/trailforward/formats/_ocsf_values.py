"""Reads values of a record for OCSF: text, objects, times, and addresses of any JSON type. Nothing raises."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

#: OCSF's limit for a string, in characters (https://schema.ocsf.io/1.1.0/data_types).
_LONGEST = 65_535
#: The same for an IP address.
_LONGEST_ADDRESS = 40


def as_dict(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_text(value: Any) -> str:
    """The value if it is text, at most as long as OCSF allows; else empty."""
    return value[:_LONGEST] if isinstance(value, str) else ""


def milliseconds(text: str) -> int | None:
    """Milliseconds since 1970 of an ISO 8601 time, UTC if it names no time zone; None if it is not a time."""
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() * 1000)


def first_address(text: str) -> str:
    """The IP address, the first of a list ``client, proxy``; empty if the text does not begin with one."""
    first = text.partition(",")[0].strip()
    try:
        address = ip_address(first)
    except ValueError:
        return ""
    # OCSF has no zone IDs (``fe80::1%eth0``).
    plain = first.partition("%")[0]
    return plain if len(plain) <= _LONGEST_ADDRESS else address.compressed.partition("%")[0]


def without_empty(value: dict[str, Any]) -> dict[str, Any]:
    """The value without empty parts, at any level."""
    kept: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            item = without_empty(item)  # noqa: PLW2901
        elif isinstance(item, list):
            parts = (without_empty(one) if isinstance(one, dict) else one for one in item)
            item = [part for part in parts if part]  # noqa: PLW2901
        if item not in (None, "", {}, []):
            kept[key] = item
    return kept
