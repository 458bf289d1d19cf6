"""Pydantic models of settings: they report every problem in a table and generate the JSON Schema."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model
from pydantic_core import core_schema

from trailforward.settings.base import Settings, check, fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler

#: Refuse unknown keys and inexact types, and never repeat a value in an error.
_CONFIG = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, arbitrary_types_allowed=True)


_MODELS: dict[type[Settings], type[BaseModel]] = {}


def model_of(kind: type[Settings]) -> type[BaseModel]:
    """Returns the Pydantic model with the fields, name, and docstring of a class of settings."""
    if kind not in _MODELS:
        members: dict[str, Any] = {
            name: (Annotated[hint, AfterValidator(_checked(kind, name))], _default(kind, name))
            for name, hint in fields(kind).items()
        }
        _MODELS[kind] = create_model(kind.__name__, __config__=_CONFIG, __doc__=kind.__doc__, **members)
    return _MODELS[kind]


def core_schema_of(kind: type[Settings], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
    """Returns the Pydantic schema of a class of settings: validate its model, construct the object."""

    def made(table: Any, read: Callable[[Any], Any]) -> Settings:
        if isinstance(table, kind):
            return table
        model = read(table)
        return kind(**{name: getattr(model, name) for name in model.model_fields_set})

    return core_schema.no_info_wrap_validator_function(made, handler.generate_schema(model_of(kind)))


def _checked(kind: type[Settings], name: str) -> Callable[[Any], Any]:
    """Wraps the ``check_NAME`` method of a class, so that Pydantic reports its error at the field."""

    def checked(value: Any) -> Any:
        check(kind, name, value)
        return value

    return checked


def _default(kind: type[Settings], name: str) -> Any:
    default: Any = getattr(kind, name, ...)
    if isinstance(default, dataclasses.Field):
        factory: Any = default.default_factory
        return Field(default_factory=factory)
    if isinstance(default, Settings):
        return Field(default_factory=lambda: default)
    return default
