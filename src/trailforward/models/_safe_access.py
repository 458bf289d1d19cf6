"""Reads values that may have any JSON type. No function here raises."""

from typing import Any


def non_empty_text(value: Any) -> str | None:
    """The value if it is non-empty text, else None. AWS sometimes writes ``""`` for missing values."""
    return value if isinstance(value, str) and value else None


def as_bool(value: Any) -> bool | None:
    """A boolean in any of AWS's notations (booleans, "true"/"false", "Yes"/"No"); None for other values."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "yes": True, "false": False, "no": False}.get(value.lower())
    return None


def nested_attribute(value: Any, *names: str) -> Any:
    """The value of a chain of attributes; None if one of them is missing."""
    for name in names:
        value = getattr(value, name, None)
    return value


def member(value: Any, key: str) -> Any:
    """The value of a key of a JSON object; None if the value is not an object or lacks the key."""
    return value.get(key) if isinstance(value, dict) else None


def as_list(value: Any) -> list[Any]:
    """The value if it is a list, else an empty list."""
    return value if isinstance(value, list) else []


def principal_name(value: Any) -> str | None:
    """The readable part of an ARN: ``…:assumed-role/Ops/jun`` → ``Ops/jun``; other text is unchanged."""
    arn = non_empty_text(value)
    if arn is None or not arn.startswith("arn:"):
        return arn
    resource = arn.split(":", 5)[-1]
    return resource.partition("/")[2] or resource or arn
