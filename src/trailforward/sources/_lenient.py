"""Parts of payloads that may be of any type: what is odd is as if it were not there."""

from __future__ import annotations

from typing import Any


def part(value: Any, name: str) -> Any:
    """A member of an object; None where there is none, or no object."""
    return value.get(name) if isinstance(value, dict) else None


def text(value: object) -> str:
    """The value if it is text, else empty."""
    return value if isinstance(value, str) else ""


def first_record(payload: Any) -> Any:
    """The first of ``Records``; None for any other payload."""
    records = part(payload, "Records")
    return records[0] if isinstance(records, list) and records else None
