"""What may stand beside a type in ``Annotated``, for both ways of reading a table.

Each marker has ``plain``, which raises ``ValueError`` where it is not sure of a value, and Pydantic's hooks.
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
    # Python's $ also matches before a line break at the end, and its classes hold other letters than Rust's.
    return value.isascii() and "\n" not in value and re.search(pattern, value) is not None


#: Word → whether a value of the right type keeps it.
_KEPT: dict[str, Callable[[Any, Any], bool]] = {
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
    "min_length": lambda value, length: len(value) >= length,
    "max_length": lambda value, length: len(value) <= length,
    "pattern": _matches,
    # These widen or narrow the type; what is not finite is never plain.
    "allow_inf_nan": lambda _value, _allowed: True,
    "strict": lambda _value, _strict: True,
}


class Constraint:
    """Bounds of a number, lengths and pattern of a text or list.

    Args:
        **words: as in Pydantic's ``Field``: ``ge``, ``gt``, ``le``, ``lt``, ``min_length``, ``max_length``,
            ``pattern``, ``allow_inf_nan``; ``strict=False`` takes a list, as TOML has them, for a tuple.
    """

    def __init__(self, **words: Any) -> None:
        self._words = words

    def plain(self, value: Any, read: Read) -> Any:
        """The value, if it keeps to all of them."""
        if self._words.get("strict") is False and type(value) is list:
            value = tuple(value)
        value = read(value)
        if not all(_KEPT[word](value, bound) for word, bound in self._words.items()):
            raise ValueError("out of bounds")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # Pydantic's core knows them by the same words.
        schema: Any = {**handler(source), **self._words}
        return schema  # type: ignore[no-any-return]


class Converter:
    """Another spelling of a value, turned into the usual one before its type is checked.

    Args:
        function: takes what stands in the table; raises ``SettingError`` for what it cannot be.
        json_schema: the JSON Schema of all spellings; gets a function that makes that of the usual one.
    """

    def __init__(
        self, function: Read, json_schema: Callable[[Callable[[], JsonSchemaValue]], JsonSchemaValue]
    ) -> None:
        self._function = function
        self._json_schema = json_schema

    def plain(self, value: Any, read: Read) -> Any:
        """The value in its usual spelling."""
        return read(self._function(value))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self._function, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return self._json_schema(lambda: handler(schema))


class Tagged:
    """Beside a union of settings: the key ``type`` says which of them it is."""

    def plain(self, value: Any, read: Read) -> Any:
        """The value of the one that it is; reading a union goes by ``type`` anyway."""
        return read(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic import Field

        return handler.generate_schema(Annotated[source, Field(discriminator="type")])
