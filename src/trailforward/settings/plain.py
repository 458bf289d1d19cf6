"""The plain way from a table to settings: without Pydantic, for what is plainly right."""

from __future__ import annotations

import math
from functools import partial
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from trailforward.settings.base import Settings, fields
from trailforward.settings.markers import Constraint, Converter, Tagged

if TYPE_CHECKING:
    from collections.abc import Mapping

S = TypeVar("S", bound=Settings)


def plain(kind: type[S], table: Any) -> S | None:
    """The settings that a table holds, or None where that is not plain.

    What it reads, Pydantic reads with an equal result; None says nothing of the table.
    """
    try:
        return _settings(kind, table)
    except (ValueError, OverflowError):
        # Unsure here, or a class's own check (``SettingError``).
        return None


def _settings(kind: type[S], table: Any) -> S:
    if type(table) is kind:
        return table
    hints = fields(kind)
    if type(table) is not dict or not table.keys() <= hints.keys():
        raise _unsure()
    if any(name not in table and not hasattr(kind, name) for name in hints):
        raise _unsure()
    return kind(**{name: _value(hints[name], value) for name, value in table.items()})


def _value(hint: Any, value: Any) -> Any:
    """A value, if it is plainly of the declared type."""
    reader = _READERS.get(get_origin(hint))
    if reader is not None:
        return reader(hint, value)
    if hint is Any:
        return value
    if hint is float:
        return _number(value)
    if isinstance(hint, type) and issubclass(hint, Settings):
        return _settings(hint, value)
    if type(value) is not hint:
        raise _unsure()
    if hint is str:
        value.encode()  # lone surrogates raise
    return value


def _number(value: Any) -> float:
    if type(value) not in {int, float} or not math.isfinite(value):
        raise _unsure()
    return float(value)


def _annotated(hint: Any, value: Any) -> Any:
    read = partial(_value, hint.__origin__)
    for marker in hint.__metadata__:
        if not isinstance(marker, (Constraint, Converter, Tagged)):
            raise _unsure()
        read = partial(_marked, marker, read)
    return read(value)


def _marked(marker: Constraint | Converter | Tagged, read: Any, value: Any) -> Any:
    return marker.plain(value, read)


def _literal(hint: Any, value: Any) -> Any:
    if not any(type(value) is type(word) and value == word for word in get_args(hint)):
        raise _unsure()
    return value


def _union(hint: Any, value: Any) -> Any:
    members = get_args(hint)
    if value is None and NoneType in members:
        return None
    members = tuple(member for member in members if member is not NoneType)
    if len(members) == 1:
        return _value(members[0], value)
    return _value(_by_type(members, value), value)


def _by_type(members: tuple[Any, ...], table: Any) -> Any:
    """The one of several classes of settings whose ``type`` stands in the table."""
    kind = table.get("type") if type(table) is dict else None
    for member in members:
        if (
            isinstance(member, type)
            and issubclass(member, Settings)
            and kind in get_args(fields(member).get("type"))
        ):
            return member
    raise _unsure()


def _tuple(hint: Any, value: Any) -> Any:
    element, *rest = get_args(hint)
    if type(value) is not tuple or rest != [...]:
        raise _unsure()
    return tuple(_value(element, each) for each in value)


def _dict(hint: Any, value: Any) -> Any:
    if type(value) is not dict:
        raise _unsure()
    key, element = get_args(hint)
    return {_value(key, name): _value(element, each) for name, each in value.items()}


_READERS: Mapping[Any, Any] = {
    Annotated: _annotated,
    Literal: _literal,
    Union: _union,
    UnionType: _union,
    tuple: _tuple,
    dict: _dict,
}


def _unsure() -> ValueError:
    return ValueError("not plain")
