"""What the settings of all sinks share: the destination, the format, the limits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, ClassVar

from trailforward.arn import Arn
from trailforward.errors import SettingError
from trailforward.settings import Constraint, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.aws.own_calls import OwnCall
    from trailforward.formats.base import Format
    from trailforward.sinks.base import Limits

_Positive = Annotated[int, Constraint(ge=1)]


class LimitSettings(Settings):
    """Overrides a destination's documented limits, for resources with raised or older limits.

    Attributes:
        max_entries: most entries in a call.
        max_entry_bytes: most bytes in an entry, including everything that counts toward the service's limit.
        max_batch_bytes: most bytes in a call.
        max_concurrency: most calls in progress at the same time.
    """

    max_entries: _Positive | None = None
    max_entry_bytes: _Positive | None = None
    max_batch_bytes: _Positive | None = None
    max_concurrency: Annotated[int, Constraint(ge=1, le=64)] | None = None

    def over(self, defaults: Limits) -> Limits:
        """The defaults, with the limits that are set here."""
        return defaults.override(
            self.max_entries, self.max_entry_bytes, self.max_batch_bytes, self.max_concurrency
        )


class SinkSettings(Settings):
    """The keys that every ``[sinks.NAME]`` knows.

    Attributes:
        to: the destination: an ARN or a URL.
        format: what is sent: ``raw`` (the envelope's bytes), ``record`` (the bytes of ``detail``), ``text``.
        redact: dotted paths of values that are taken out before the event is formatted.
        limits: replaces the destination's documented limits.
    """

    to: str
    format: str = "raw"
    redact: Annotated[
        tuple[Annotated[str, Constraint(pattern=r"^[^.]+([.][^.]+)*$")], ...], Constraint(strict=False)
    ] = ()
    limits: LimitSettings = LimitSettings()

    @property
    def resource(self) -> str:
        """ARN of the destination, or empty."""
        return self.to if self.to.startswith("arn:") else ""

    @property
    def required_account(self) -> str:
        """The account that the function must run in, or empty if any account will do.

        An API that takes a name instead of an ARN finds a resource of that name in the caller's account.
        """
        return ""

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """The AWS calls that the sink makes, with their resources: their CloudTrail events are not forwarded.

        Every class of settings states its own, a sink that calls no AWS service an empty list.
        A call that is missing here is forwarded, and counted as ``unusual_self``.
        """
        return ()

    def check(self, format: Format) -> None:  # noqa: A002  # named as the setting is
        """Refuses a format that does not fit the other settings. Called where both are known.

        Raises:
            SettingError: it does not fit.
        """
        if self.redact and format.name == "raw":
            raise SettingError(
                'format "raw" sends what arrived, and `redact` changes it',
                'use another format ("record", "cloudevents" …), or remove `redact`',
            )


class AwsSinkSettings(SinkSettings):
    """Settings of a sink whose destination is an ARN. Region and account come from the ARN alone."""

    service: ClassVar[str]
    resource_prefix: ClassVar[str] = ""
    example: ClassVar[str]
    #: Whether the API takes the resource's name instead of its ARN.
    named_in_own_account: ClassVar[bool] = False

    @property
    def arn(self) -> Arn:
        """The destination, taken apart."""
        return Arn.parse(self.to)

    @property
    def required_account(self) -> str:
        """The destination's account, if the API takes a name instead of an ARN."""
        return self.arn.account if self.named_in_own_account else ""

    @property
    def resource_name(self) -> str:
        """The resource without its type: the stream's name of ``stream/NAME``."""
        return self.arn.resource.removeprefix(self.resource_prefix)

    @classmethod
    def name_shape(cls) -> str:
        """What the resource's own name must match."""
        return "[A-Za-z0-9_.-]{1,256}"

    @classmethod
    def shape(cls) -> str:
        """What ``to`` must match, as a regular expression that JSON Schema shares."""
        place = "[a-z]{2,}(-[a-z]+)+-[0-9]+:[0-9]{12}"
        return f"^arn:aws(-[a-z]+)*:{cls.service}:{place}:{cls.resource_prefix}{cls.name_shape()}$"

    @classmethod
    def check_to(cls, to: str) -> None:
        """Refuses what is no ARN of such a resource."""
        fix = f"write an ARN such as {cls.example}"
        try:
            arn = Arn.parse(to)
        except ValueError as error:
            raise SettingError(f"not an ARN: {error}", fix) from None
        if arn.service != cls.service or not arn.resource.startswith(cls.resource_prefix):
            raise SettingError("the ARN of something else", fix)
        if not arn.region or not arn.account:
            raise SettingError("the ARN lacks its Region or its account", fix)
        if "\n" in to or not re.match(cls.shape(), to):
            raise SettingError("more than an ARN, or one with a malformed name at its end", fix)
