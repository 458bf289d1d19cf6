"""SnapshotModel: the base class of every model in a snapshot; AwsModel, for JSON that AWS defines."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel, to_pascal


class SnapshotModel(BaseModel):
    """A frozen model: snake_case in Python, camelCase in JSON; unknown keys are kept."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True, alias_generator=to_camel)

    @property
    def unknown(self) -> dict[str, Any]:
        """The keys that this version does not know."""
        return self.model_extra or {}


class AwsModel(SnapshotModel):
    """A model in AWS's own JSON, whose keys begin with a capital letter."""

    model_config = ConfigDict(alias_generator=to_pascal)
