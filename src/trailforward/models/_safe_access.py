"""Reading values that may be of any JSON type. Nothing here raises."""

from typing import Any


def text(value: Any) -> str | None:
    """Text that says something, else None: AWS writes ``""`` for "none" in several places."""
    return value if isinstance(value, str) and value else None


def flag(value: Any) -> bool | None:
    """A yes or no, however it is written: AWS uses booleans, "true"/"false" and "Yes"/"No"."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "yes": True, "false": False, "no": False}.get(value.lower())
    return None


def dig(value: Any, *names: str) -> Any:
    """Follows attributes; None where one is missing."""
    for name in names:
        value = getattr(value, name, None)
    return value


def member(value: Any, key: str) -> Any:
    """A member of a free-form object; None where there is no object or no such member."""
    return value.get(key) if isinstance(value, dict) else None


def items(value: Any) -> list[Any]:
    """The elements of an array; none where there is no array."""
    return value if isinstance(value, list) else []


def principal(value: Any) -> str | None:
    """The readable part of an ARN: ``…:assumed-role/Ops/jun`` → ``Ops/jun``; other text as it is."""
    arn = text(value)
    if arn is None or not arn.startswith("arn:"):
        return arn
    resource = arn.split(":", 5)[-1]
    return resource.partition("/")[2] or resource or arn


def says_failure(value: Any) -> bool:
    """Whether a free-form object states a failure, as sign-ins do: ``{"ConsoleLogin": "Failure"}``."""
    return isinstance(value, dict) and "Failure" in value.values()
