"""The fast path from a table to settings: values that already have the declared type, without Pydantic."""

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


def read_fast(kind: type[S], table: Any) -> S | None:
    """Reads a table whose values already have the declared types; returns None for any other table.

    Pydantic reads the same table with an equal result. None does not mean that the table is invalid: only
    Pydantic decides that.
    """
    try:
        return _settings(kind, table)
    except (ValueError, OverflowError):
        # Undecided, or refused by a check of the class itself (``SettingError``): Pydantic reports it.
        return None


def _settings(kind: type[S], table: Any) -> S:
    if type(table) is kind:
        return table
    hints = fields(kind)
    if type(table) is not dict or not table.keys() <= hints.keys():
        raise _undecided()
    if any(name not in table and not hasattr(kind, name) for name in hints):
        raise _undecided()
    return kind(**{name: _value(hints[name], value) for name, value in table.items()})


def _value(hint: Any, value: Any) -> Any:
    """Returns a value that already has the declared type."""
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
        raise _undecided()
    if hint is str:
        value.encode()  # raises for lone surrogates, which Pydantic refuses
    return value


def _number(value: Any) -> float:
    if type(value) not in {int, float} or not math.isfinite(value):
        raise _undecided()
    return float(value)


def _annotated(hint: Any, value: Any) -> Any:
    read = partial(_value, hint.__origin__)
    for marker in hint.__metadata__:
        if not isinstance(marker, (Constraint, Converter, Tagged)):
            raise _undecided()
        read = partial(_marked, marker, read)
    return read(value)


def _marked(marker: Constraint | Converter | Tagged, read: Any, value: Any) -> Any:
    return marker.read_fast(value, read)


def _literal(hint: Any, value: Any) -> Any:
    if not any(type(value) is type(word) and value == word for word in get_args(hint)):
        raise _undecided()
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
    """Selects the settings class whose ``type`` value the table has."""
    kind = table.get("type") if type(table) is dict else None
    for member in members:
        if (
            isinstance(member, type)
            and issubclass(member, Settings)
            and kind in get_args(fields(member).get("type"))
        ):
            return member
    raise _undecided()


def _tuple(hint: Any, value: Any) -> Any:
    element, *rest = get_args(hint)
    if type(value) is not tuple or rest != [...]:
        raise _undecided()
    return tuple(_value(element, each) for each in value)


def _dict(hint: Any, value: Any) -> Any:
    if type(value) is not dict:
        raise _undecided()
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


def _undecided() -> ValueError:
    return ValueError("left to Pydantic")
