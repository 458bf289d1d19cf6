"""EventVersion: the version of CloudTrail's record format, a pair of integers."""

import re
from typing import Any, NamedTuple, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_FORM = re.compile(r"(\d+)\.(\d+)", re.ASCII)


class _Pair(NamedTuple):
    major: int
    minor: int


class EventVersion(_Pair):
    """A version such as ``1.11``: compares as (major, minor), so that 1.10 > 1.09 > 1.8.

    AWS recommends comparing the major part with == and the minor part with >=, both as integers
    (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html)::

        record.event_version >= (1, 8)

    Args:
        text: ``MAJOR.MINOR``; ``str()`` returns it unchanged.

    Raises:
        ValueError: the text does not have this form.
    """

    text: str

    def __new__(cls, text: str) -> Self:  # noqa: D102  # see the class docstring
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"not MAJOR.MINOR: {text!r}")
        self = super().__new__(cls, int(match[1]), int(match[2]))
        self.text = text
        return self

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"EventVersion({self.text!r})"

    def __getnewargs__(self) -> tuple[str]:  # copies and pickles keep the text
        return (self.text,)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, json_schema_input_schema=core_schema.str_schema()
        )

    @classmethod
    def _validate(cls, value: Any) -> Self:
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls(value)
        raise ValueError("not text")
