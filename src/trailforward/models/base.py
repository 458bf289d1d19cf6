"""LenientModel: what every model here shares. Parsing never rewrites, and never costs an event."""

import re
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from trailforward.models.time import AwsTime
from trailforward.models.version import EventVersion

_SURROGATE = re.compile("[\ud800-\udfff]")


class LenientModel(BaseModel):
    """A read-only JSON object that keeps what it does not understand.

    - Attributes are snake_case, aliases are AWS's exact spelling; both are accepted.
    - A field that is absent is None. Unknown fields are attributes too, and stand in ``model_extra``.
    - A value of the wrong type stays as it came: no field can make parsing fail.
    - ``model_dump(by_alias=True, exclude_unset=True)`` gives back what came in.

    Dumping is Pydantic's own. It refuses an unknown key with a lone surrogate (no UTF-8 text can hold one),
    and ``model_dump_json`` more than about 250 nested levels. ``trailforward.Message.raw`` has neither limit.
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

    @model_validator(mode="wrap")
    @classmethod
    def _keep_keys(cls, value: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return validate(value)
        except ValidationError:
            # Pydantic refuses unknown keys with a lone surrogate, which JSON allows as an escape.
            odd = {key for key in value if _SURROGATE.search(key)} if isinstance(value, dict) else set()
            if not odd:
                raise
        model = validate({key: item for key, item in value.items() if key not in odd})
        extra = {**(model.model_extra or {}), **{key: value[key] for key in value if key in odd}}
        object.__setattr__(model, "__pydantic_extra__", extra)
        return model

    # Plain, because the serializer of a field's type warns where another type was kept.
    @field_serializer("*")
    def _dump(self, value: Any) -> Any:
        return str(value) if isinstance(value, (AwsTime, EventVersion)) else value
