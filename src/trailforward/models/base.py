"""LenientModel: what every model here shares. Parsing never rewrites, and never costs an event."""

from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_serializer,
    field_validator,
)
from pydantic.alias_generators import to_camel

from trailforward.models.time import AwsTime
from trailforward.models.version import EventVersion


class LenientModel(BaseModel):
    """A read-only JSON object that keeps what it does not understand.

    - Attributes are snake_case, aliases are AWS's exact spelling; both are accepted.
    - A field that is absent is None. Unknown fields are attributes too, and stand in ``model_extra``.
    - A value of the wrong type stays as it came: no field can make parsing fail.
    - ``model_dump(by_alias=True, exclude_unset=True)`` gives back what came in.

    ``model_dump_json`` is Pydantic's own and refuses more than about 250 nested levels;
    ``json.dumps(event.model_dump(...))`` and ``trailforward.Message.raw`` do not.
    """

    model_config = ConfigDict(
        extra="allow",
        frozen=True,
        strict=True,  # else "5" would become 5, and a dump something that never came in
        populate_by_name=True,
        alias_generator=to_camel,
    )

    @field_validator("*", mode="wrap")
    @classmethod
    def _keep(cls, value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError:
            return value

    # Plain, because the serializer of a field's type warns where another type was kept.
    @field_serializer("*")
    def _dump(self, value: Any) -> Any:
        return str(value) if isinstance(value, (AwsTime, EventVersion)) else value
