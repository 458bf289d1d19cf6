"""Settings of an HTTP sink, and the defaults that a preset provides."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from trailforward.aws.secrets import LIFETIME, check_reference, secret_call
from trailforward.errors import PluginError, SettingError
from trailforward.settings import Constraint
from trailforward.settings.literal_secrets import check_header, check_metadata
from trailforward.sinks.http import presets
from trailforward.sinks.http.auth import (
    Auth,
    OAuth2Auth,
    SecretAuth,
    SigV4Auth,
    UrlAuth,
    check_ca_file,
    check_header_name,
    printable,
)
from trailforward.sinks.http.framing import Array, CloudEventsArray, Framing, Ndjson
from trailforward.sinks.http.network import ClientCertificate  # noqa: TC001  # a field
from trailforward.sinks.http.url import check_signed_host, check_url
from trailforward.sinks.settings import SinkSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from urllib.parse import SplitResult

    from trailforward.aws.own_calls import OwnCall
    from trailforward.formats.base import Format
    from trailforward.sinks.http.presets.base import Preset

Batch = Literal["array", "ndjson", "single"]
Seconds = Annotated[float, Constraint(gt=0, le=900, allow_inf_nan=False)]

_SHAPES: dict[str, type[Framing]] = {"array": Array, "ndjson": Ndjson, "single": Framing}
_SIGNATURE = frozenset({"authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"})


class HttpSettings(SinkSettings):
    """``[sinks.NAME]`` with a URL.

    Attributes:
        to: ``https://…``, or ``http://…`` on the loopback interface. Secret parts belong in ``auth``.
        preset: a common type of receiver. It determines the body, the headers, and the checks of responses.
        secret: reference to the secret that the preset needs: a token, a key, or the whole URL. Use ``auth``
            instead for another method.
        metadata: fields that the preset adds to each event, such as Splunk's ``index`` or Datadog's
            ``service``.
        batch: ``array`` (a JSON array of the events' exact bytes), ``ndjson`` (one line per event), or
            ``single`` (one request per event, whose body is the event's exact bytes).
        gzip: compress the body.
        auth: authentication: ``bearer``, ``header``, ``basic``, ``oauth2``, ``sigv4``, or ``url``. Secrets
            are references.
        headers: additional headers, without secrets.
        connect_timeout_seconds: for each IP address of the host, including TLS.
        read_timeout_seconds: how long the receiver may send nothing.
        total_timeout_seconds: for the whole request, from connecting to the last byte of the response.
        ca_file: PEM file of a private CA. It replaces the system's CAs.
        client_certificate: certificate and private key for mutual TLS, by reference.
        secret_lifetime_seconds: how long a secret stays in the cache.
    """

    preset: str | None = None
    secret: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    batch: Batch = "array"
    gzip: bool = False
    auth: Auth | None = None
    headers: dict[str, str] = field(default_factory=dict)
    connect_timeout_seconds: Seconds = 3.0
    read_timeout_seconds: Seconds = 10.0
    total_timeout_seconds: Seconds = 30.0
    ca_file: str | None = None
    client_certificate: ClientCertificate | None = None
    secret_lifetime_seconds: Annotated[float, Constraint(ge=0, allow_inf_nan=False)] = LIFETIME

    check_to = staticmethod(check_url)
    check_secret = staticmethod(check_reference)

    @classmethod
    def check_preset(cls, preset: str) -> None:
        """Rejects presets that neither trailforward nor an installed package has."""
        try:
            presets.load(preset)
        except KeyError:
            raise SettingError("unknown value", f"write one of {', '.join(presets.names())}") from None
        except PluginError as error:
            raise SettingError(str(error), "update or uninstall that package") from None

    @classmethod
    def check_headers(cls, headers: dict[str, str]) -> None:
        """Rejects headers that contain secrets or make the request invalid."""
        for name, value in headers.items():
            check_header_name(name)
            check_header(name, value)
            if value and not printable(value):
                raise SettingError(
                    f"the header {name} contains line breaks or other invalid characters",
                    "use one line of Latin-1 text",
                )

    @classmethod
    def check_metadata(cls, metadata: dict[str, str]) -> None:
        """Rejects secrets in metadata."""
        for name, value in metadata.items():
            check_metadata(name, value)

    def __post_init__(self) -> None:
        """Applies the preset's defaults, and rejects settings that contradict each other."""
        self._check_preset()
        for name in ("ca_file", "client_certificate") if self.url.scheme == "http" else ():
            if getattr(self, name) is not None:
                raise SettingError(f"`{name}` is for https", f"remove `{name}`, or write https://…")
        if self.ca_file is not None:
            check_ca_file(self.ca_file)
        if self.batch == "single" and self.limits.max_entries not in {None, 1}:
            raise SettingError(
                '`limits.max_entries` is not compatible with batch = "single" (one event per request)',
                "remove `limits.max_entries`",
            )
        self._check_auth()

    def _check_auth(self) -> None:
        auth = self.authentication
        if auth is None:
            return
        set_by_auth = {auth.header.lower()} if isinstance(auth, SecretAuth) else _SIGNATURE
        for name in self.headers:
            if name.lower() in set_by_auth:
                raise SettingError(f"`auth` sets the header {name}", f"remove {name} from `headers`")
        if isinstance(auth, SigV4Auth):
            check_signed_host(self.url.hostname or "", auth.service, auth.region)
        if isinstance(auth, UrlAuth) and (self.url.path.strip("/") or self.url.query):
            raise SettingError(
                "the secret is the whole URL, so `to` must not contain a path or query",
                "write https://HOST only, and store the whole URL in the secret",
            )

    def _check_preset(self) -> None:
        preset = self.loaded_preset
        if preset is None:
            if self.secret is not None:
                raise SettingError("`secret` needs a preset", 'use auth = { type = "…", secret = "…" }')
            if self.metadata:
                raise SettingError("`metadata` needs a preset", "remove it, or set `preset`")
            return
        name = f'preset = "{self.preset}"'
        preset.check(self.url)
        if self.secret is not None and self.auth is not None:
            raise SettingError("`secret` and `auth` are both set", "remove one of them")
        if self.secret is None and self.auth is None and preset.needs_secret:
            raise SettingError(f"{name} needs a secret", preset.fix)
        if any(key not in preset.metadata for key in self.metadata):
            fix = f"use only {', '.join(preset.metadata)}" if preset.metadata else "remove `metadata`"
            raise SettingError(f"{name} does not support this metadata", fix)
        preset.check_metadata(self.metadata)
        if "batch" in vars(self) and self.batch != preset.batch:
            raise SettingError(f"{name} determines `batch`", "remove `batch`")
        if self.gzip and not preset.gzip:
            raise SettingError(f"{name} does not support compressed bodies", "remove `gzip`")
        defaults = {"format": preset.format} | ({"batch": preset.batch} if preset.batch else {})
        vars(self).update({**defaults, **vars(self)})

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """The calls that read secrets. CloudTrail does not record the requests to the receiver."""
        return tuple(map(secret_call, dict.fromkeys(self.references.values())))

    @property
    def references(self) -> Mapping[str, str]:
        """Key → reference, for every secret that the sink reads."""
        auth, certificate, found = self.authentication, self.client_certificate, {}
        if isinstance(auth, SecretAuth):
            found["secret" if self.secret else "auth.secret"] = auth.secret
        elif isinstance(auth, OAuth2Auth):
            found["auth.client_secret"] = auth.client_secret
        for key, reference in certificate.references.items() if certificate else ():
            found[f"client_certificate.{key}"] = reference
        return found

    @property
    def url(self) -> SplitResult:
        """The parsed URL."""
        return urlsplit(self.to)

    @property
    def loaded_preset(self) -> Preset | None:
        """The preset, or None."""
        return None if self.preset is None else presets.load(self.preset)

    @property
    def authentication(self) -> SecretAuth | SigV4Auth | OAuth2Auth | None:
        """``auth``, or the preset's authentication with ``secret``; None without authentication."""
        preset = self.loaded_preset
        return self.auth if preset is None or self.secret is None else preset.auth(self.secret)

    def check(self, format: Format) -> None:  # noqa: A002  # named as the setting is
        """Checks that the format is compatible with ``batch`` and the preset.

        Raises:
            SettingError: it is not.
        """
        super().check(format)
        preset = self.loaded_preset
        if preset is not None and preset.formats and format.name not in preset.formats:
            raise SettingError(
                f'format {format.name!r} is not compatible with preset = "{self.preset}"',
                f'use format = "{preset.formats[0]}"',
            )
        if self.batch != "single" and not format.json:
            raise SettingError(
                f"format {format.name!r} is not JSON, so it is not compatible with batch = {self.batch!r}",
                'set batch = "single"' if preset is None else "use another format",
            )

    def framing(self) -> Framing:
        """How events are combined into a body."""
        preset = self.loaded_preset
        if preset is not None and not preset.batch:
            return preset.framing(self.metadata)
        if self.batch == "array" and self.format == "cloudevents":
            return CloudEventsArray()
        return _SHAPES[self.batch]()
