"""Small changes to an event, named by dotted paths: what turns a sample into a near miss."""

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

    A step of a path is a key, or an index of an array; a key may hold dots itself if the event has it so.

    Args:
        event: stays as it is.
        set: path → value. An object is merged into the object that is there; anything else replaces.
        unset: paths removed first; they must be there.

    Raises:
        ValueError: a path that leads nowhere; the text names it.
    """
    made: dict[str, Any] = copy.deepcopy(dict(event))
    for path in unset:
        _unset(made, path)
    for path, value in set.items():
        _set(made, path, copy.deepcopy(value))
    return made


def _unset(event: dict[str, Any], path: str) -> None:
    holder: Any = event
    step, rest = _step(holder, path, path)
    while not isinstance(holder, dict) or step in holder:
        if not rest:
            del holder[step]
            return
        holder = holder[step]
        step, rest = _step(holder, rest, path)
    raise ValueError(f"the event has no {path} to unset")


def _set(event: dict[str, Any], path: str, value: Any) -> None:
    holder: Any = event
    step, rest = _step(holder, path, path)
    while rest:
        if isinstance(holder, dict) and holder.get(step) is None:
            holder[step] = {}
        holder = holder[step]
        step, rest = _step(holder, rest, path)
    there = holder.get(step) if isinstance(holder, dict) else holder[step]
    holder[step] = _merged(there, value)


def _merged(there: Any, value: Any) -> Any:
    if isinstance(there, dict) and isinstance(value, dict):
        return {**there, **{key: _merged(there.get(key), part) for key, part in value.items()}}
    return value


def _step(holder: Any, rest: str, path: str) -> tuple[Any, str]:
    """The next step of a path below ``holder``, and what is left of it."""
    if isinstance(holder, dict):
        if rest in holder:
            return rest, ""
        step, _, rest = rest.partition(".")
        if not step:
            raise ValueError(f"{path!r} is no dotted path")
        return step, rest
    step, _, rest = rest.partition(".")
    if isinstance(holder, list) and step.isdecimal() and int(step) < len(holder):
        return int(step), rest
    known = f"an array of {len(holder)}" if isinstance(holder, list) else "a plain value"
    raise ValueError(f"{path} leads to {known}, which has no {step!r}")
