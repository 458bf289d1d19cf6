"""Changes values of an event at dotted paths."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def apply_changes(
    event: Mapping[str, Any],
    set: Mapping[str, Any],  # noqa: A002  # named as in trailforward.toml
    unset: Iterable[str] = (),
) -> dict[str, Any]:
    """A changed copy of an event.

    Each part of a path is a key or an index of an array. Keys of the event that contain dots are found, too.

    Args:
        event: the original, which is not changed.
        set: path → value. An object is merged into an existing object; any other value replaces the existing
            one.
        unset: paths to remove first; they must exist.

    Raises:
        ValueError: a path does not exist; the message names it.
    """
    copied: dict[str, Any] = copy.deepcopy(dict(event))
    for path in unset:
        _unset(copied, path)
    for path, value in set.items():
        _set(copied, path, copy.deepcopy(value))
    return copied


def _unset(event: dict[str, Any], path: str) -> None:
    container: Any = event
    step, rest = _step(container, path, path)
    while not isinstance(container, dict) or step in container:
        if not rest:
            del container[step]
            return
        container = container[step]
        step, rest = _step(container, rest, path)
    raise ValueError(f"cannot unset {path}: the event does not have it")


def _set(event: dict[str, Any], path: str, value: Any) -> None:
    container: Any = event
    step, rest = _step(container, path, path)
    while rest:
        if isinstance(container, dict) and container.get(step) is None:
            container[step] = {}
        container = container[step]
        step, rest = _step(container, rest, path)
    existing = container.get(step) if isinstance(container, dict) else container[step]
    container[step] = _merged(existing, value)


def _merged(existing: Any, value: Any) -> Any:
    if isinstance(existing, dict) and isinstance(value, dict):
        return {**existing, **{key: _merged(existing.get(key), part) for key, part in value.items()}}
    return value


def _step(container: Any, rest: str, path: str) -> tuple[Any, str]:
    """The next key or index of a path in ``container``, and the rest of the path."""
    if isinstance(container, dict):
        if rest in container:
            return rest, ""
        step, _, rest = rest.partition(".")
        if not step:
            raise ValueError(f"{path!r} is not a dotted path")
        return step, rest
    step, _, rest = rest.partition(".")
    if isinstance(container, list) and step.isdecimal() and int(step) < len(container):
        return int(step), rest
    found = f"an array of {len(container)}" if isinstance(container, list) else "a scalar value"
    raise ValueError(f"{path} leads to {found}, which has no {step!r}")
