"""LenientModel: the base of all models. Parsing never changes a value, and no field value makes it fail."""

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
    """A read-only JSON object that keeps unknown fields and unexpected values.

    - Attributes are snake_case, and aliases are AWS's exact spelling. Both are accepted.
    - A missing field is None. Unknown fields are attributes too, and are listed in ``model_extra``.
    - A value of the wrong type is kept as it is: no field can make parsing fail.
    - ``model_dump(by_alias=True, exclude_unset=True)`` returns the original object.

    Pydantic limits dumping: it rejects an unknown key that contains a lone surrogate (UTF-8 cannot encode
    it), and ``model_dump_json`` rejects more than about 250 nested levels. ``trailforward.Message.raw`` has
    neither limit.
    """

    model_config = ConfigDict(
        extra="allow",
        frozen=True,
        strict=True,  # otherwise "5" would become 5, and a dump would differ from the input
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
            # Pydantic rejects unknown keys with a lone surrogate, which JSON allows as an escape.
            odd = {key for key in value if _SURROGATE.search(key)} if isinstance(value, dict) else set()
            if not odd:
                raise
        model = validate({key: item for key, item in value.items() if key not in odd})
        extra = {**(model.model_extra or {}), **{key: value[key] for key in value if key in odd}}
        object.__setattr__(model, "__pydantic_extra__", extra)
        return model

    # This replaces the serializers of the field types, which warn if a value has another type.
    @field_serializer("*")
    def _dump(self, value: Any) -> Any:
        return str(value) if isinstance(value, (AwsTime, EventVersion)) else value
