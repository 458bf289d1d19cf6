"""Part: what every model of a snapshot shares."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Part(BaseModel):
    """A read-only piece of a snapshot: snake_case here, camelCase in JSON, unknown keys kept."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True, alias_generator=to_camel)

    @property
    def unknown(self) -> dict[str, Any]:
        """The keys this version does not know."""
        return self.model_extra or {}
