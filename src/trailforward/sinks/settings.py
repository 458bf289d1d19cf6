"""Settings that all sinks have: the destination, the format, and the limits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, ClassVar

from trailforward.arn import Arn
from trailforward.errors import SettingError
from trailforward.settings import Constraint, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trailforward.aws.own_calls import OwnCall
    from trailforward.formats.base import Format
    from trailforward.sinks.base import Limits

_Positive = Annotated[int, Constraint(ge=1)]

#: Names that take the article "an": a first vowel, or a letter that is spelled out, as in SNS.
_VOWEL_SOUND = re.compile("[AEIOU]|[FHLMNRSX][A-Z]")


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
    """The keys that every table ``[sinks.NAME]`` supports.

    Attributes:
        to: the destination: an ARN or a URL.
        format: how events are written: ``raw`` (the envelope's bytes), ``record`` (the bytes of ``detail``) …
        redact: dotted paths of values that are removed before the event is formatted.
        min_severity: only events that match a detection of at least this severity. A route without severity
            sends nothing to the sink.
        group: whether the alerts of one batch become one message. For the formats of chats and mail.
        canaries: whether the sink gets the events of the stack's canary, like any other event.
        limits: overrides the destination's documented limits.
    """

    to: str
    format: str = "raw"
    redact: Annotated[
        tuple[Annotated[str, Constraint(pattern=r"^[^.]+([.][^.]+)*$")], ...], Constraint(strict=False)
    ] = ()
    min_severity: str = ""
    group: bool = False
    canaries: bool = False
    limits: LimitSettings = LimitSettings()

    @classmethod
    def check_min_severity(cls, min_severity: str) -> None:
        """Refuses unknown words."""
        # Imported here, because most sinks do not filter.
        from trailforward.matched import SEVERITIES

        if min_severity not in SEVERITIES:
            raise SettingError("unknown value", f"write one of {', '.join(SEVERITIES)}")

    @property
    def resource(self) -> str:
        """ARN of the destination, or empty."""
        return self.to if self.to.startswith("arn:") else ""

    @property
    def required_account(self) -> str:
        """The account that the function must run in; empty for any account.

        An API that takes a name instead of an ARN uses the resource of that name in the caller's account;
        Security Hub refuses findings for other accounts.
        """
        return ""

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """The AWS calls that the sink makes, with their resources. Their CloudTrail events are not forwarded.

        Every settings class declares its calls; it is empty for a sink that calls no AWS service.
        Events of undeclared calls are forwarded, and counted as ``unusual_self``.
        """
        return ()

    @property
    def references(self) -> Mapping[str, str]:
        """Key → reference, for every secret that the sink reads."""
        return {}

    def check(self, format: Format) -> None:  # noqa: A002  # named as the setting is
        """Checks that the format is compatible with the other settings.

        Raises:
            SettingError: it is not.
        """
        if self.redact and format.name == "raw":
            raise SettingError(
                'format "raw" sends the event unchanged, but `redact` changes it',
                'use another format ("record", "cloudevents" …), or remove `redact`',
            )
        if self.group and not hasattr(format, "digest"):
            reason = "for programs, which read each event by itself"
            fix = 'remove `group`, or use "text", "slack", "teams", "google-chat", or "amazon-q"'
            if format.name == "pagerduty":
                reason = "for PagerDuty, where each alert is an incident that is resolved by itself"
                fix = "remove `group`"
            raise SettingError(f"format {format.name!r} is {reason}, so `group` is not possible", fix)


class AwsSinkSettings(SinkSettings):
    """Settings of a sink whose destination is an ARN. Its Region and account come from the ARN alone.

    Attributes:
        service: the service in the ARN.
        service_name: name of the service in error texts.
        resource_type: name of the resource type in error texts.
        resource_prefix: the resource part of the ARN up to the name.
        example: a valid ARN.
        only_own_account: whether the API reaches only the caller's account: it takes a name instead of an
            ARN, or refuses other accounts.
    """

    service: ClassVar[str]
    service_name: ClassVar[str]
    resource_type: ClassVar[str]
    resource_prefix: ClassVar[str] = ""
    example: ClassVar[str]
    only_own_account: ClassVar[bool] = False

    @property
    def arn(self) -> Arn:
        """The destination's ARN."""
        return Arn.parse(self.to)

    @property
    def required_account(self) -> str:
        """The destination's account if the API reaches only the caller's, otherwise empty."""
        return self.arn.account if self.only_own_account else ""

    @property
    def resource_name(self) -> str:
        """The resource's name: ``NAME`` for the resource ``stream/NAME``."""
        return self.arn.resource.removeprefix(self.resource_prefix)

    @classmethod
    def name_shape(cls) -> str:
        """Pattern of the resource's name."""
        return "[A-Za-z0-9_.-]{1,256}"

    @classmethod
    def shape(cls) -> str:
        """Pattern of ``to``. The JSON Schema uses the same regular expression."""
        place = "[a-z]{2,}(-[a-z]+)+-[0-9]+:[0-9]{12}"
        return f"^arn:aws(-[a-z]+)*:{cls.service}:{place}:{cls.resource_prefix}{cls.name_shape()}$"

    @classmethod
    def check_to(cls, to: str) -> None:
        """Checks that the destination is the ARN of such a resource.

        Raises:
            SettingError: it is not.
        """
        fix = f"write an ARN such as {cls.example}"
        try:
            arn = Arn.parse(to)
        except ValueError as error:
            raise SettingError(f"not an ARN: {error}", fix) from None
        if arn.service != cls.service or not arn.resource.startswith(cls.resource_prefix):
            article = "an" if _VOWEL_SOUND.match(cls.service_name) else "a"
            raise SettingError(
                f"not {article} {cls.service_name} {cls.resource_type} ARN: "
                f"expected service `{cls.service}` and resource `{cls.resource_prefix}NAME`",
                fix,
            )
        if not arn.region or not arn.account:
            raise SettingError("the ARN has no Region or no account ID", fix)
        name = arn.resource.removeprefix(cls.resource_prefix)
        if not re.fullmatch(cls.name_shape(), name):
            problem = (
                f"contains characters that {cls.service_name} does not allow, or is too long"
                if name
                else "is missing"
            )
            raise SettingError(f"the {cls.resource_type} name {problem}", fix)
        if "\n" in to or not re.match(cls.shape(), to):
            raise SettingError("the partition, the Region, or the account ID in the ARN is invalid", fix)
