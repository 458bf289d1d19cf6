"""HTTP: POST to any receiver that answers with a status."""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from trailforward import __version__
from trailforward.errors import MissingExtraError, PermanentError, TransientError
from trailforward.sinks._auth import Auth, Authorizer, SecretAuth, check_header_name, printable
from trailforward.sinks._connection import Answer, Connections, Endpoint
from trailforward.sinks._secrets import LIFETIME, Secrets
from trailforward.sinks.base import Entry, Limits, Rejection
from trailforward.sinks.settings import SinkSettings, fault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from urllib.parse import SplitResult

    from trailforward.formats.base import Format

#: Our choice, before compression: receivers differ, and 1 MB is what the stricter of them take (Splunk HEC).
#: An array costs its brackets.
LIMITS = Limits(entries=500, entry_bytes=1_000_000, batch_bytes=1_000_000)

Batch = Literal["array", "ndjson", "single"]
Seconds = Annotated[float, Field(gt=0, le=900, allow_inf_nan=False)]

#: Per shape of the body: what an entry costs beside its own bytes.
_SEPARATOR: dict[str, int] = {"array": 1, "ndjson": 1, "single": 0}
_BRACKETS = 2

_URL = re.compile(r"[!-~]+")
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,254}}$){_LABEL}(\.{_LABEL})*\.?", re.IGNORECASE)
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
_SIGNATURE = frozenset({"authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"})


class HttpSettings(SinkSettings):
    """``[sinks.NAME]`` with a URL.

    Attributes:
        to: ``https://…``; ``http://…`` for this machine only. Parts that must stay secret belong in ``auth``.
        batch: ``array`` (a JSON array of the events' exact bytes), ``ndjson`` (a line each) or ``single``
            (a request each, whose body is the event's exact bytes).
        gzip: compress the body.
        auth: how to show who sends: ``bearer``, ``header``, ``basic`` or ``sigv4``; secrets by reference.
        headers: more headers, none of them secret.
        connect_timeout_seconds: for each address of the host, TLS included.
        read_timeout_seconds: how long the receiver may stay silent.
        ca_file: PEM file of a private CA; only servers it vouches for are trusted then.
        secret_lifetime_seconds: how long a secret is kept before it is read again.
    """

    batch: Batch = "array"
    gzip: bool = False
    auth: Auth | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    connect_timeout_seconds: Seconds = 3.0
    read_timeout_seconds: Seconds = 10.0
    ca_file: str | None = None
    secret_lifetime_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = LIFETIME

    @field_validator("to")
    @classmethod
    def _to(cls, to: str) -> str:
        # No fault repeats the URL: what is wrong with it may be a password.
        if not _URL.fullmatch(to):
            raise fault(
                "the URL holds blanks, control characters or letters beyond ASCII",
                "percent-encode its path, and write the host in its ASCII form (xn--…)",
            )
        try:
            url = urlsplit(to)
            port, host = url.port, url.hostname or ""
        except ValueError:
            raise fault("the URL's host or port is malformed", "write https://HOST:PORT/PATH") from None
        if url.scheme not in {"http", "https"}:
            raise fault("the URL is neither https nor http", "write https://HOST/PATH")
        if "@" in url.netloc:
            raise fault("the URL holds a user name or password", 'use auth = { type = "basic", … }')
        if "#" in to:
            raise fault("the URL has a fragment, which is never sent", "remove # and what follows")
        if not _is_host(host) or port == 0:
            raise fault("the URL's host or port is missing or malformed", "write https://HOST:PORT/PATH")
        if url.scheme == "http" and not _is_loopback(host):
            raise fault("plain http would show the events to everyone on the way", "write https://…")
        return to

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if name.lower() in _CREDENTIALS:
                raise fault(f"the header {name} would put a secret into the configuration", "use auth")
            check_header_name(name)
            if value and not printable(value):
                raise fault(
                    f"the header {name} holds line breaks or other characters that no header may hold",
                    "use one line of Latin-1 text",
                )
        return headers

    def model_post_init(self, _context: Any) -> None:
        """Refuses settings that contradict each other."""
        if self.ca_file is not None and self.url.scheme == "http":
            raise fault("`ca_file` is for https", "remove `ca_file`, or write https://…")
        if self.ca_file is not None:
            try:
                ssl.create_default_context(cafile=self.ca_file)
            except OSError as error:  # ssl.SSLError is one, too
                reason = error.strerror or type(error).__name__
                raise fault(f"`ca_file` is unusable: {reason}", "name a PEM file of certificates") from None
        if self.batch == "single" and self.limits.entries not in {None, 1}:
            raise fault(
                '`limits.entries` does not fit batch = "single", which sends one event a request',
                "remove `limits.entries`",
            )
        if self.auth is not None:
            own = {self.auth.header.lower()} if isinstance(self.auth, SecretAuth) else _SIGNATURE
            for name in self.headers:
                if name.lower() in own:
                    raise fault(f"`auth` writes the header {name}", f"remove it from `headers`: {name}")

    @property
    def url(self) -> SplitResult:
        """The destination, taken apart."""
        return urlsplit(self.to)

    def check(self, format: Format) -> None:  # noqa: A002  # named as the setting is
        """Refuses a format that does not fit ``batch``. Called where both are known; so does the sink.

        Raises:
            PydanticCustomError: a ``fault``, as from validation.
        """
        if self.batch != "single" and not format.json:
            raise fault(
                f"format {format.name!r} is no JSON, so it does not fit batch = {self.batch!r}",
                'set batch = "single"',
            )


class HttpSink:
    """Sends events by POST. Any complete 2xx answer, and nothing else, means delivered.

    Args:
        settings: see :class:`HttpSettings`.
        format: gives the content type of single events that tell none.
        secrets: shared between sinks; by default the sink's own.

    Raises:
        PydanticCustomError: a ``fault``: the format does not fit.
        MissingExtraError: ``auth`` needs botocore, which is not installed.
    """

    Settings: ClassVar = HttpSettings

    def __init__(self, settings: HttpSettings, format: Format, *, secrets: Secrets | None = None) -> None:  # noqa: A002
        settings.check(format)
        self.arn = ""
        overhead = _BRACKETS if settings.batch == "array" else 0
        entries = 1 if settings.batch == "single" else LIMITS.entries
        self.limits = settings.limits.over(
            Limits(entries, LIMITS.entry_bytes, LIMITS.batch_bytes, batch_overhead=overhead)
        )
        url = settings.url
        self._settings = settings
        self._origin = f"{url.scheme}://{url.netloc}"
        self._target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self._headers = _fixed_headers(settings, format)
        self._authorizer = _authorizer(settings, secrets)
        self._connections = Connections(
            _endpoint(settings), settings.connect_timeout_seconds, settings.read_timeout_seconds
        )

    def size(self, entry: Entry) -> int:
        """The event's bytes, and the comma or line break after it."""
        return len(entry.data) + _SEPARATOR[self._settings.batch]

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """One request.

        Raises:
            TransientError: no complete answer, or one that asks to come again; the receiver may have taken
                the batch all the same.
            PermanentError: refused; divisible for 400, 413 and 422, where one event may be to blame.
        """
        refused: list[Rejection] = []
        if self._settings.batch == "ndjson":
            batch, refused = _one_line_each(batch)
        if batch:
            self._post(self._body(batch), self._headers_for(batch))
        return refused

    def close(self) -> None:
        """Closes the connections that are kept."""
        self._connections.close()

    def _body(self, batch: Sequence[Entry]) -> bytes:
        if self._settings.batch == "array":
            body = b"[" + b",".join(entry.data for entry in batch) + b"]"
        elif self._settings.batch == "ndjson":
            body = b"".join(entry.data + b"\n" for entry in batch)
        else:
            (entry,) = batch
            body = entry.data
        if self._settings.gzip:
            import gzip

            return gzip.compress(body, mtime=0)
        return body

    def _headers_for(self, batch: Sequence[Entry]) -> dict[str, str]:
        """Routes may send several formats to one sink; a request on its own says which it is."""
        if self._settings.batch == "single" and batch[0].content_type:
            return {**self._headers, "Content-Type": batch[0].content_type}
        return self._headers

    def _post(self, body: bytes, headers: dict[str, str]) -> None:
        proof = self._authorizer and self._authorizer.prove(self._settings.to, headers, body)
        headers = {**headers, **proof.headers} if proof else headers
        answer = self._connections.post(self._target, headers, body)
        status = answer.status
        if 200 <= status < 300:  # noqa: PLR2004  # HTTP's own classes
            return
        if status in _UNAUTHORIZED and proof and self._authorizer and self._authorizer.renew(proof.used):
            raise TransientError(
                f"http_{status}", f"{self._origin} refused the secret, and a newer one was found"
            )
        raise _failure(answer, self._origin)


_UNAUTHORIZED = frozenset({401, 403})
_TRANSIENT = frozenset({408, 425, 429})
_DIVISIBLE = frozenset({400, 413, 422})
_HINTS = {
    401: "the secret is missing or wrong",
    403: "the secret lacks the right, or is wrong",
    404: "check the path of `to`",
    410: "the endpoint is gone for good",
    413: "too large: lower `limits.batch_bytes`",
}


def _failure(answer: Answer, origin: str) -> TransientError | PermanentError:
    """Sorts an answer that is no success. Its body and reason stay out: they may repeat what was sent."""
    status = answer.status
    code = f"http_{status}"
    text = f"{origin} answered {status}"
    if status in _TRANSIENT or status >= 500:  # noqa: PLR2004  # HTTP's own classes
        return TransientError(code, text, retry_after=_retry_after(answer.headers.get("Retry-After")))
    if status < 400:  # noqa: PLR2004  # HTTP's own classes
        text += "; redirects are not followed. Fix: set `to` to the address it points to"
    elif status in _HINTS:
        text += f": {_HINTS[status]}"
    return PermanentError(code, text, divisible=status in _DIVISIBLE)


_SECONDS = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")


def _retry_after(value: str | None) -> float | None:
    """Seconds, from seconds or an HTTP date; None for anything else."""
    if value is None:
        return None
    if _SECONDS.fullmatch(value.strip()):
        return max(float(value), 0.0)
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(value)
        wait = date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(wait.total_seconds(), 0.0)


def _one_line_each(batch: Sequence[Entry]) -> tuple[list[Entry], list[Rejection]]:
    sendable: list[Entry] = []
    refused: list[Rejection] = []
    for index, entry in enumerate(batch):
        if b"\n" in entry.data or b"\r" in entry.data:
            text = 'holds a line break between tokens, which a line of NDJSON cannot; batch = "array" can'
            refused.append(Rejection(index, "line_break", text, transient=False))
        else:
            sendable.append(entry)
    return sendable, refused


def _fixed_headers(settings: HttpSettings, format: Format) -> dict[str, str]:  # noqa: A002
    types = {"array": "application/json", "ndjson": "application/x-ndjson", "single": format.content_type}
    headers = {
        **settings.headers,
        "Content-Type": types[settings.batch],
        "User-Agent": f"trailforward/{__version__}",
    }
    if settings.gzip:
        headers["Content-Encoding"] = "gzip"
    return headers


def _authorizer(settings: HttpSettings, secrets: Secrets | None) -> Authorizer | None:
    if settings.auth is None:
        return None
    if find_spec("botocore") is None:
        raise MissingExtraError("secrets" if isinstance(settings.auth, SecretAuth) else "SigV4", "aws")
    return settings.auth.authorizer(secrets or Secrets(), settings.secret_lifetime_seconds)


def _endpoint(settings: HttpSettings) -> Endpoint:
    url = settings.url
    host = url.hostname or ""
    if url.scheme == "http":
        return Endpoint(host, url.port or 80, None)
    tls = ssl.create_default_context(cafile=settings.ca_file)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.set_alpn_protocols(["http/1.1"])
    return Endpoint(host, url.port or 443, tls)


def _is_host(host: str) -> bool:
    if ":" in host:
        from ipaddress import IPv6Address

        try:
            IPv6Address(host)
        except ValueError:
            return False
        return True
    return _HOST.fullmatch(host) is not None


def _is_loopback(host: str) -> bool:
    if host in {"localhost", "::1"}:
        return True
    from ipaddress import IPv4Address

    try:
        return IPv4Address(host).is_loopback
    except ValueError:
        return False
