"""AwsTime: a point in time that keeps its original text."""

from datetime import UTC, datetime
from typing import Any, Self, SupportsIndex

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class AwsTime(datetime):
    """A ``datetime`` with a time zone. ``str()`` and dumps return the original text.

    CloudTrail writes ``YYYY-MM-DDTHH:MM:SSZ``. AWS's documentation also shows ``20131102T010628Z``
    (creationDate) and ``2025-10-30 23:45:00`` (window times). Other tools add fractions of a second, of which
    microseconds are kept. A time without an offset is in UTC, the only time zone that CloudTrail uses
    (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).

    Attributes:
        text: the original text; empty for a computed time.
    """

    text: str = ""

    @classmethod
    def parse(cls, value: str | datetime) -> Self:
        """Parses ISO 8601 text in any form, or converts a ``datetime``.

        Raises:
            ValueError: the text is not an ISO 8601 time.
        """
        text = value if isinstance(value, str) else value.isoformat()
        moment = cls.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        if isinstance(value, str):
            moment.text = value
        return moment

    def __str__(self) -> str:
        return self.text or self.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def __reduce_ex__(self, _protocol: SupportsIndex) -> tuple[Any, ...]:
        # datetime's own implementation drops the text in copies and pickles.
        return type(self).parse, (str(self),)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, json_schema_input_schema=core_schema.str_schema()
        )

    @classmethod
    def _validate(cls, value: Any) -> Self:
        if isinstance(value, cls):
            return value
        if isinstance(value, (str, datetime)):
            return cls.parse(value)
        raise ValueError("neither text nor a datetime")
