"""Access to payload members of unknown type. A member of the wrong type counts as missing."""

from __future__ import annotations

from typing import Any


def member(value: Any, name: str) -> Any:
    """Returns a member of a JSON object; None if it is missing or ``value`` is not an object."""
    return value.get(name) if isinstance(value, dict) else None


def text_or_empty(value: object) -> str:
    """Returns the value if it is a string, otherwise an empty string."""
    return value if isinstance(value, str) else ""


def first_record(payload: Any) -> Any:
    """Returns the first element of ``Records``; None if the payload has none."""
    records = member(payload, "Records")
    return records[0] if isinstance(records, list) and records else None


def sns_message(value: Any) -> str | None:
    """Returns the message in an SNS notification; None for any other value."""
    if isinstance(value, dict) and value.get("Type") == "Notification" and "TopicArn" in value:
        text = value.get("Message")
        return text if isinstance(text, str) else None
    return None
