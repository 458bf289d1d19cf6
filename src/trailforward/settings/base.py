"""The base class of all settings, and the keys that a class of settings has."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, dataclass_transform, get_origin, get_type_hints

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(dataclasses.field,))
class Settings:
    """Base class of all settings. Annotated fields are the keys, and instances are immutable.

    The constructor does not check types, like a dataclass. Reading a table does check types and bounds. Both
    run the checks that the class defines, which raise ``SettingError``: the class method ``check_NAME``
    checks one field, ``__post_init__`` checks fields that may contradict each other.

    This is not a ``@dataclass``, because that compiles methods for every class at every cold start.
    ``vars()`` has the values that were given; a default value is an attribute of the class.
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
        """Checks fields that may contradict each other.

        Raises:
            SettingError: two fields contradict each other.
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
        # The one intentional import cycle of the package: ``model`` imports this module to read the fields,
        # and Pydantic calls this hook on the class. The import is inside the function, so that a cold start
        # which reads a valid configuration never imports ``model``, and with it Pydantic.
        from trailforward.settings.model import core_schema_of

        return core_schema_of(cls, handler)


_FIELDS: dict[type[Settings], dict[str, Any]] = {}


def fields(kind: type[Settings]) -> dict[str, Any]:
    """Returns key → type annotation for a class of settings; keys of base classes come first."""
    if kind not in _FIELDS:
        hints = get_type_hints(kind, include_extras=True)
        _FIELDS[kind] = {
            name: hint
            for name, hint in hints.items()
            if hint is not ClassVar and get_origin(hint) is not ClassVar
        }
    return _FIELDS[kind]


def check(kind: type[Settings], name: str, value: Any) -> None:
    """Runs the ``check_NAME`` method of a class for one field, if the class defines it.

    Raises:
        SettingError: the check refuses the value.
    """
    method = getattr(kind, f"check_{name}", None)
    if method is not None and value is not None:
        method(value)
