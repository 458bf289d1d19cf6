"""Markers to use with ``Annotated``, for both ways of reading a table.

Each marker has ``read_fast``, which raises ``ValueError`` to leave a value to Pydantic, and the hooks that
Pydantic calls.
"""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

    Read = Callable[[Any], Any]


def _matches(value: str, pattern: str) -> bool:
    # Python's $ also matches before a trailing line break, and its character classes differ from Rust's,
    # which Pydantic uses.
    return value.isascii() and "\n" not in value and re.search(pattern, value) is not None


#: Constraint → whether a value of the declared type satisfies it.
_SATISFIED: dict[str, Callable[[Any, Any], bool]] = {
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
    "min_length": lambda value, length: len(value) >= length,
    "max_length": lambda value, length: len(value) <= length,
    "pattern": _matches,
    # These widen or narrow the type; the fast path never takes a number that is not finite.
    "allow_inf_nan": lambda _value, _allowed: True,
    "strict": lambda _value, _strict: True,
}


class Constraint:
    """Bounds of a number; length and pattern of a string; length of a list.

    Args:
        **constraints: named as in Pydantic's ``Field``: ``ge``, ``gt``, ``le``, ``lt``, ``min_length``,
            ``max_length``, ``pattern``, ``allow_inf_nan``. ``strict=False`` accepts a list, which TOML has,
            where the type is a tuple.
    """

    def __init__(self, **constraints: Any) -> None:
        self._constraints = constraints

    def read_fast(self, value: Any, read: Read) -> Any:
        """Returns the value if it satisfies every constraint."""
        if self._constraints.get("strict") is False and type(value) is list:
            value = tuple(value)
        value = read(value)
        if not all(_SATISFIED[name](value, bound) for name, bound in self._constraints.items()):
            raise ValueError("out of bounds")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # Pydantic's core schema uses the same names.
        schema: Any = {**handler(source), **self._constraints}
        return schema  # type: ignore[no-any-return]


class Converter:
    """Converts a shorthand to the declared form before the type is checked.

    Args:
        function: takes the value from the table; raises ``SettingError`` for a value that it cannot convert.
        json_schema: returns the JSON Schema of every form; its argument returns the schema of the declared
            form.
    """

    def __init__(
        self, function: Read, json_schema: Callable[[Callable[[], JsonSchemaValue]], JsonSchemaValue]
    ) -> None:
        self._function = function
        self._json_schema = json_schema

    def read_fast(self, value: Any, read: Read) -> Any:
        """Returns the value in its declared form."""
        return read(self._function(value))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self._function, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return self._json_schema(lambda: handler(schema))


class Tagged:
    """Marks a union of settings classes: the key ``type`` selects the class."""

    def read_fast(self, value: Any, read: Read) -> Any:
        """Returns the value; the fast path always selects a union member by ``type``."""
        return read(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic import Field

        return handler.generate_schema(Annotated[source, Field(discriminator="type")])
