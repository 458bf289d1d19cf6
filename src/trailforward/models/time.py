"""AwsTime: a moment that remembers how it was written."""

from datetime import UTC, datetime
from typing import Any, Self, SupportsIndex

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class AwsTime(datetime):
    """An aware ``datetime``; ``str()`` and dumps give back the text it was read from.

    CloudTrail writes ``YYYY-MM-DDTHH:MM:SSZ``. AWS's own pages also show ``20131102T010628Z`` (creationDate)
    and ``2025-10-30 23:45:00`` (window times); re-processed data has decimals, of which microseconds
    are kept. No offset means UTC, CloudTrail's only clock
    (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).

    Attributes:
        text: as it was written; empty for a moment that was computed.
    """

    text: str = ""

    @classmethod
    def parse(cls, value: str | datetime) -> Self:
        """Reads ISO 8601 text in any spelling, or takes over a ``datetime``.

        Raises:
            ValueError: another form.
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
        # datetime's own way forgets the text in copies and pickles.
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
