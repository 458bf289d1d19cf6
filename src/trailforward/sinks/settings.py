"""What the settings of all sinks share: the destination, the format, the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from trailforward.arn import Arn

if TYPE_CHECKING:
    from trailforward.sinks.base import Limits


def fault(message: str, fix: str) -> PydanticCustomError:
    """A validation error that carries its fix: what the configuration reports as ``Problem``.

    Args:
        message: what is wrong.
        fix: what to write instead.
    """
    # Braces would be taken for placeholders.
    return PydanticCustomError("fault", "{what}", {"what": message, "fix": fix})


class Settings(BaseModel):
    """Base of every settings model: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class LimitSettings(Settings):
    """Replaces a destination's documented limits, for resources that were raised or are older.

    Attributes:
        entries: most entries of one call.
        entry_bytes: most bytes of one entry, everything that counts.
        batch_bytes: most bytes of one call.
    """

    entries: Annotated[int, Field(ge=1)] | None = None
    entry_bytes: Annotated[int, Field(ge=1)] | None = None
    batch_bytes: Annotated[int, Field(ge=1)] | None = None

    def over(self, defaults: Limits) -> Limits:
        """The defaults with what is set here."""
        return defaults.override(self.entries, self.entry_bytes, self.batch_bytes)


class SinkSettings(Settings):
    """The keys that every ``[sinks.NAME]`` knows.

    Attributes:
        to: the destination: an ARN or a URL.
        format: what is sent: ``raw`` (the envelope's bytes), ``record`` (the bytes of ``detail``), ``text``.
        limits: replaces the destination's documented limits.
    """

    to: str
    format: str = "raw"
    limits: LimitSettings = LimitSettings()


class AwsSinkSettings(SinkSettings):
    """Settings of a sink whose destination is an ARN. Region and account come from the ARN alone."""

    service: ClassVar[str]
    resource_prefix: ClassVar[str] = ""
    example: ClassVar[str]

    @property
    def arn(self) -> Arn:
        """The destination, taken apart."""
        return Arn.parse(self.to)

    @property
    def resource_name(self) -> str:
        """The resource without its type: the stream's name of ``stream/NAME``."""
        return self.arn.resource.removeprefix(self.resource_prefix)

    def model_post_init(self, _context: Any) -> None:
        """Refuses ARNs that are malformed or of another kind of resource."""
        fix = f"write an ARN such as {self.example}"
        try:
            arn = self.arn
        except ValueError as error:
            raise fault(f"{self.to!r} is no ARN: {error}", fix) from None
        if arn.service != self.service or not arn.resource.startswith(self.resource_prefix):
            raise fault(f"{self.to!r} is not a {self.service} {self.resource_prefix}NAME ARN", fix)
        if not arn.region or not arn.account:
            raise fault(f"{self.to!r} lacks its Region or account", fix)
        if not self.resource_name or set(self.resource_name) & set(":/"):
            raise fault(f"{self.to!r} does not name one {self.service} resource", fix)
