"""The base of all settings, and which keys they have."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, dataclass_transform, get_origin, get_type_hints

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(dataclasses.field,))
class Settings:
    """Base of every class of settings: its annotated fields are the keys, and values are frozen.

    Made directly, an object takes its types on trust, as a dataclass does; from a table, types are exact and
    bounds are kept. Either way a class's own checks run, and raise ``SettingError``: the class method
    ``check_NAME`` refuses values of one field, ``__post_init__`` fields that contradict each other.

    It is no ``@dataclass``, which compiles methods for every class at every cold start. What was given is in
    ``vars()``; a default is the class's own attribute.
    """

    def __init__(self, **given: Any) -> None:
        kind = type(self)
        known = fields(kind)
        if unknown := given.keys() - known.keys():
            raise TypeError(f"{kind.__name__} has no setting {', '.join(sorted(unknown))}")
        if missing := [name for name in known if name not in given and not hasattr(kind, name)]:
            raise TypeError(f"{kind.__name__} lacks {', '.join(missing)}")
        values = vars(self)
        for name in known:
            default: Any = getattr(kind, name, None)
            if name in given:
                values[name] = given[name]
                check(kind, name, given[name])
            elif isinstance(default, dataclasses.Field):
                factory: Any = default.default_factory
                values[name] = factory()
        self.__post_init__()

    def __post_init__(self) -> None:
        """Refuses settings that contradict each other.

        Raises:
            SettingError: they do.
        """

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"settings are frozen: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"settings are frozen: {name}")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(tuple(self._values().items()))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self._values().items())
        return f"{type(self).__name__}({values})"

    def _values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in fields(type(self))}

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from trailforward.settings.model import core_schema_of

        return core_schema_of(cls, handler)


_FIELDS: dict[type[Settings], dict[str, Any]] = {}


def fields(kind: type[Settings]) -> dict[str, Any]:
    """The keys of a class of settings, with what may stand there; those of its bases come first."""
    if kind not in _FIELDS:
        hints = get_type_hints(kind, include_extras=True)
        _FIELDS[kind] = {
            name: hint
            for name, hint in hints.items()
            if hint is not ClassVar and get_origin(hint) is not ClassVar
        }
    return _FIELDS[kind]


def check(kind: type[Settings], name: str, value: Any) -> None:
    """Runs the class's own check of one field, if it has one.

    Raises:
        SettingError: the value is refused.
    """
    own = getattr(kind, f"check_{name}", None)
    if own is not None and value is not None:
        own(value)
