"""The settings of an HTTP sink, and what a preset makes of them."""

from __future__ import annotations

import ssl
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from trailforward.aws.secrets import LIFETIME, check_reference, secret_call
from trailforward.errors import SettingError
from trailforward.settings import Constraint
from trailforward.sinks.http import presets
from trailforward.sinks.http.auth import (
    Auth,
    SecretAuth,
    SigV4Auth,
    UrlAuth,
    check_header_name,
    printable,
)
from trailforward.sinks.http.framing import Array, CloudEventsArray, Framing, Ndjson
from trailforward.sinks.http.url import check_url
from trailforward.sinks.settings import SinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from urllib.parse import SplitResult

    from trailforward.aws.own_calls import OwnCall
    from trailforward.formats.base import Format
    from trailforward.sinks.http.presets.base import Preset

Batch = Literal["array", "ndjson", "single"]
Seconds = Annotated[float, Constraint(gt=0, le=900, allow_inf_nan=False)]

_SHAPES: dict[str, type[Framing]] = {"array": Array, "ndjson": Ndjson, "single": Framing}
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
_SIGNATURE = frozenset({"authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"})


class HttpSettings(SinkSettings):
    """``[sinks.NAME]`` with a URL.

    Attributes:
        to: ``https://…``; ``http://…`` for this machine only. Parts that must stay secret belong in ``auth``.
        preset: a well-known kind of receiver, whose body, headers and answers need no further setting.
        secret: what the preset asks for, by reference: a token, a key, or the whole URL. ``auth`` instead
            where another way is wanted.
        metadata: what the preset writes beside each event, such as Splunk's ``index`` or Datadog's
            ``service``.
        batch: ``array`` (a JSON array of the events' exact bytes), ``ndjson`` (a line each) or ``single``
            (a request each, whose body is the event's exact bytes).
        gzip: compress the body.
        auth: how to show who sends: ``bearer``, ``header``, ``basic``, ``sigv4`` or ``url``; secrets by
            reference.
        headers: more headers, none of them secret.
        connect_timeout_seconds: for each address of the host, TLS included.
        read_timeout_seconds: how long the receiver may stay silent.
        ca_file: PEM file of a private CA; only servers it vouches for are trusted then.
        secret_lifetime_seconds: how long a secret is kept before it is read again.
    """

    preset: presets.Name | None = None
    secret: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    batch: Batch = "array"
    gzip: bool = False
    auth: Auth | None = None
    headers: dict[str, str] = field(default_factory=dict)
    connect_timeout_seconds: Seconds = 3.0
    read_timeout_seconds: Seconds = 10.0
    ca_file: str | None = None
    secret_lifetime_seconds: Annotated[float, Constraint(ge=0, allow_inf_nan=False)] = LIFETIME

    check_to = staticmethod(check_url)
    check_secret = staticmethod(check_reference)

    @classmethod
    def check_headers(cls, headers: dict[str, str]) -> None:
        """Refuses headers that would betray a secret or break the request."""
        for name, value in headers.items():
            if name.lower() in _CREDENTIALS:
                raise SettingError(f"the header {name} would put a secret into the configuration", "use auth")
            check_header_name(name)
            if value and not printable(value):
                raise SettingError(
                    f"the header {name} holds line breaks or other characters that no header may hold",
                    "use one line of Latin-1 text",
                )

    def __post_init__(self) -> None:
        """Lets a preset choose what was left open, and refuses settings that contradict each other."""
        self._check_preset()
        if self.ca_file is not None and self.url.scheme == "http":
            raise SettingError("`ca_file` is for https", "remove `ca_file`, or write https://…")
        if self.ca_file is not None:
            try:
                ssl.create_default_context(cafile=self.ca_file)
            except OSError as error:  # ssl.SSLError is one, too
                reason = error.strerror or type(error).__name__
                raise SettingError(
                    f"`ca_file` is unusable: {reason}", "name a PEM file of certificates"
                ) from None
        if self.batch == "single" and self.limits.max_entries not in {None, 1}:
            raise SettingError(
                '`limits.max_entries` does not fit batch = "single", which sends one event a request',
                "remove `limits.max_entries`",
            )
        self._check_auth()

    def _check_auth(self) -> None:
        auth = self.authentication
        if auth is None:
            return
        own = {auth.header.lower()} if isinstance(auth, SecretAuth) else _SIGNATURE
        for name in self.headers:
            if name.lower() in own:
                raise SettingError(f"`auth` writes the header {name}", f"remove it from `headers`: {name}")
        if isinstance(auth, UrlAuth) and (self.url.path.strip("/") or self.url.query):
            raise SettingError(
                "the secret is the whole URL, so its path may not stand here, too",
                "write https://HOST alone, and the whole URL into the secret",
            )

    def _check_preset(self) -> None:
        preset = self.loaded_preset
        if preset is None:
            if self.secret is not None:
                raise SettingError("`secret` belongs to a preset", 'use auth = { type = "…", secret = "…" }')
            if self.metadata:
                raise SettingError("`metadata` belongs to a preset", "remove it, or name the preset")
            return
        name = f'preset = "{self.preset}"'
        preset.check(self.url)
        if self.secret is not None and self.auth is not None:
            raise SettingError("both `secret` and `auth`", "remove one of them")
        if self.secret is None and self.auth is None and preset.needs_secret:
            raise SettingError(f"{name} needs a secret", "add secret = the ARN of a secret or parameter")
        if any(key not in preset.metadata for key in self.metadata):
            fix = f"use only {', '.join(preset.metadata)}" if preset.metadata else "remove `metadata`"
            raise SettingError(f"{name} has no such metadata", fix)
        if "batch" in vars(self) and self.batch != preset.batch:
            raise SettingError(f"{name} frames the body itself", "remove `batch`")
        if self.gzip and not preset.gzip:
            raise SettingError(f"{name} takes no compressed bodies", "remove `gzip`")
        chosen = {"format": preset.format} | ({"batch": preset.batch} if preset.batch else {})
        vars(self).update({**chosen, **vars(self)})

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """Reading the secret. CloudTrail does not record requests to receivers, signed ones included."""
        auth = self.authentication
        return (secret_call(auth.secret),) if isinstance(auth, SecretAuth) else ()

    @property
    def url(self) -> SplitResult:
        """The destination, taken apart."""
        return urlsplit(self.to)

    @property
    def loaded_preset(self) -> Preset | None:
        """What the preset's name stands for."""
        return None if self.preset is None else presets.load(self.preset)

    @property
    def authentication(self) -> SecretAuth | SigV4Auth | None:
        """``auth``, or what the preset makes of ``secret``."""
        preset = self.loaded_preset
        return self.auth if preset is None or self.secret is None else preset.auth(self.secret)

    def check(self, format: Format) -> None:  # noqa: A002  # named as the setting is
        """Refuses a format that does not fit ``batch`` or the preset. Called where both are known.

        Raises:
            SettingError: it does not fit.
        """
        super().check(format)
        preset = self.loaded_preset
        if preset is not None and preset.formats and format.name not in preset.formats:
            raise SettingError(
                f'format {format.name!r} does not fit preset = "{self.preset}"',
                f'use format = "{preset.formats[0]}"',
            )
        if self.batch != "single" and not format.json:
            raise SettingError(
                f"format {format.name!r} is no JSON, so it does not fit batch = {self.batch!r}",
                'set batch = "single"' if preset is None else "use another format",
            )

    def framing(self) -> Framing:
        """How events make a body."""
        preset = self.loaded_preset
        if preset is not None and not preset.batch:
            return preset.framing(self.metadata)
        if self.batch == "array" and self.format == "cloudevents":
            return CloudEventsArray()
        return _SHAPES[self.batch]()
