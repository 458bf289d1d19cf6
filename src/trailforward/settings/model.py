"""The Pydantic way from a table to settings: finds all that is wrong, and makes the JSON Schema."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model
from pydantic_core import core_schema

from trailforward.settings.base import Settings, check, fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler

#: Unknown keys are refused, types are exact, and no value is repeated in an error.
_CONFIG = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, arbitrary_types_allowed=True)


_MODELS: dict[type[Settings], type[BaseModel]] = {}


def model_of(kind: type[Settings]) -> type[BaseModel]:
    """The model with the fields of a class of settings, its name and its docstring."""
    if kind not in _MODELS:
        members: dict[str, Any] = {
            name: (Annotated[hint, AfterValidator(_checked(kind, name))], _default(kind, name))
            for name, hint in fields(kind).items()
        }
        _MODELS[kind] = create_model(kind.__name__, __config__=_CONFIG, __doc__=kind.__doc__, **members)
    return _MODELS[kind]


def core_schema_of(kind: type[Settings], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
    """What Pydantic is to do where a class of settings is asked for: read its model, then make the object."""

    def made(table: Any, read: Callable[[Any], Any]) -> Settings:
        if isinstance(table, kind):
            return table
        model = read(table)
        return kind(**{name: getattr(model, name) for name in model.model_fields_set})

    return core_schema.no_info_wrap_validator_function(made, handler.generate_schema(model_of(kind)))


def _checked(kind: type[Settings], name: str) -> Callable[[Any], Any]:
    """The class's own check of a field, told at the field, beside the faults of the others."""

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
