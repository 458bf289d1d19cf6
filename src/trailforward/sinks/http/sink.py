"""HTTP: sends batches of events as POST requests."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from trailforward._version import __version__
from trailforward.aws.secrets import Secrets
from trailforward.errors import MissingExtraError, TransientError
from trailforward.sinks.base import DETECTION, SEVERITY, Entry, Limits, Rejection, Sink
from trailforward.sinks.http.network import connections
from trailforward.sinks.http.settings import HttpSettings
from trailforward.transport.responses import failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trailforward.sinks.http.proof import Authorizer
    from trailforward.transport.connections import Connections

__all__ = ["LIMITS", "HttpSettings", "HttpSink"]

#: Chosen by trailforward, before compression. Receivers differ; strict ones accept 1 MB (Splunk HEC).
LIMITS = Limits(max_entries=500, max_entry_bytes=1_000_000, max_batch_bytes=1_000_000, max_concurrency=4)


class HttpSink(Sink):
    """Sends events as POST requests. Only a complete 2xx response means that they were delivered.

    A preset may also check the body of a 2xx response. Status 207 is an error unless the preset reads it.

    Args:
        settings: see :class:`HttpSettings`.
        secrets: cache of secrets, shared between sinks; a new one by default.

    Raises:
        MissingExtraError: a secret or a signature needs botocore, which is not installed.
    """

    Settings: ClassVar = HttpSettings
    uses_fields = False

    def __init__(self, settings: HttpSettings, *, secrets: Secrets | None = None) -> None:
        self._preset = settings.loaded_preset
        self._reads_multi_status = self._preset is not None and self._preset.reads_multi_status
        self.uses_fields = self._preset is not None and self._preset.uses_fields
        self._framing = settings.framing()
        defaults = LIMITS if self._preset is None else self._preset.limits
        max_entries = 1 if settings.batch == "single" else defaults.max_entries
        self.limits = settings.limits.over(
            Limits(
                max_entries=max_entries,
                max_entry_bytes=defaults.max_entry_bytes,
                max_batch_bytes=defaults.max_batch_bytes,
                batch_overhead=self._framing.overhead,
                max_concurrency=defaults.max_concurrency,
            )
        )
        url = settings.url
        self._url = settings.to
        self._gzip = settings.gzip
        self._origin = f"{url.scheme}://{url.netloc}"
        path = url.path or "/"
        if self._preset is not None and path == "/":
            path = self._preset.path or path
        self._target = path + (f"?{url.query}" if url.query else "")
        self._headers = _fixed_headers(settings, self._framing.content_type or "application/json")
        if find_spec("botocore") is None and (settings.references or settings.authentication):
            raise MissingExtraError("secrets" if settings.references else "SigV4", "aws")
        if settings.references:  # shared by everything that the sink authenticates with
            secrets = secrets or Secrets()
        self._authorizer = _authorizer(settings, secrets)
        self._connections = _connections(settings, secrets)

    def size(self, entry: Entry) -> int:
        """The event's bytes, plus the bytes that the body adds for it."""
        return self._framing.size(entry)

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Makes one request.

        Raises:
            TransientError: no complete response, or a transient status. The receiver may have accepted the
                batch anyway.
            PermanentError: rejected. It is divisible for 207, 400, 413, and 422: a single event may be the
                cause.
        """
        return self._post(batch) if batch else []

    def connect(self) -> str:
        """Does the TLS handshake, and sends nothing."""
        return self._connections.connect()

    def add_headers(self, headers: Mapping[str, str]) -> None:
        """Adds headers to every request."""
        self._headers = {**self._headers, **headers}

    def close(self) -> None:
        """Closes idle connections."""
        self._connections.close()

    def _body(self, batch: Sequence[Entry]) -> bytes:
        body = self._framing.body(batch)
        if self._gzip:
            import gzip

            return gzip.compress(body, mtime=0)
        return body

    def _headers_for(self, batch: Sequence[Entry]) -> dict[str, str]:
        """The headers; for the body of a single event, with its content type, severity, and detections."""
        if self._framing.content_type:
            return self._headers
        entry, headers = batch[0], self._headers
        if entry.content_type:
            headers = {**headers, "Content-Type": entry.content_type}
        if DETECTION in entry.attributes:
            said = {
                name: entry.attributes[name] for name in (SEVERITY, DETECTION) if name in entry.attributes
            }
            headers = {**headers, **said}
        return headers

    def _post(self, batch: Sequence[Entry]) -> list[Rejection]:
        body, headers = self._body(batch), self._headers_for(batch)
        proof = self._authorizer and self._authorizer.prove(self._url, headers, body)
        headers = {**headers, **proof.headers} if proof else headers
        target = proof.target if proof and proof.target else self._target
        response = self._connections.post(target, headers, proof.body or body if proof else body)
        status = response.status
        if 200 <= status < 300 and (status != _MULTI_STATUS or self._reads_multi_status):  # noqa: PLR2004
            return self._preset.rejections(response, len(batch)) if self._preset else []
        if proof and status in proof.rejections and self._authorizer and self._authorizer.renew(proof.used):
            raise TransientError(
                f"http_{status}", f"{self._origin} rejected the secret; a newer one was found"
            )
        raise (self._preset.failure if self._preset else failure)(response, self._origin)


_MULTI_STATUS = 207


def _fixed_headers(settings: HttpSettings, content_type: str) -> dict[str, str]:
    headers = {
        **settings.headers,
        "Content-Type": content_type,
        "User-Agent": f"trailforward/{__version__}",
    }
    if settings.gzip:
        headers["Content-Encoding"] = "gzip"
    return headers


def _authorizer(settings: HttpSettings, secrets: Secrets | None) -> Authorizer | None:
    auth = settings.authentication
    if auth is None:
        return None
    return auth.authorizer(secrets or Secrets(), settings.secret_lifetime_seconds)


def _connections(settings: HttpSettings, secrets: Secrets | None) -> Connections:
    url, ca_file, certificate = settings.url, settings.ca_file, settings.client_certificate
    timeouts = (
        settings.connect_timeout_seconds,
        settings.read_timeout_seconds,
        settings.total_timeout_seconds,
    )
    if certificate is None:
        return connections(url, ca_file, timeouts)
    # Imported here because few configurations use it.
    from trailforward.sinks.http.mutual_tls import MutualTls

    made: Any = MutualTls(  # has the methods that the sink uses
        certificate,
        secrets or Secrets(),
        settings.secret_lifetime_seconds,
        ca_file,
        lambda tls: connections(url, tls, timeouts),
    )
    return made  # type: ignore[no-any-return]
