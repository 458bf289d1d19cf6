"""HTTP: POST to any receiver that answers with a status."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

from trailforward._version import __version__
from trailforward.aws.secrets import Secrets
from trailforward.errors import MissingExtraError, TransientError
from trailforward.sinks._lines import one_line_each
from trailforward.sinks.base import Entry, Limits, Rejection, Sink
from trailforward.sinks.http.auth import SecretAuth
from trailforward.sinks.http.settings import HttpSettings
from trailforward.transport.connections import Connections, Endpoint
from trailforward.transport.responses import failure
from trailforward.transport.tls import client_context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.sinks.http.proof import Authorizer

__all__ = ["LIMITS", "HttpSettings", "HttpSink"]

#: Our choice, before compression: receivers differ, and 1 MB is what the stricter of them take (Splunk HEC).
LIMITS = Limits(max_entries=500, max_entry_bytes=1_000_000, max_batch_bytes=1_000_000, max_concurrency=4)


class HttpSink(Sink):
    """Sends events by POST. Any complete 2xx answer, and nothing else, means delivered.

    A preset may look into a 2xx answer, too.

    Args:
        settings: see :class:`HttpSettings`.
        secrets: shared between sinks; by default the sink's own.

    Raises:
        MissingExtraError: ``auth`` needs botocore, which is not installed.
    """

    Settings: ClassVar = HttpSettings
    uses_fields = False

    def __init__(self, settings: HttpSettings, *, secrets: Secrets | None = None) -> None:
        self._preset = settings.loaded_preset
        self._framing = settings.framing()
        most = LIMITS if self._preset is None else self._preset.limits
        entries = 1 if settings.batch == "single" else most.max_entries
        self.limits = settings.limits.over(
            Limits(entries, most.max_entry_bytes, most.max_batch_bytes, self._framing.overhead, most.max_concurrency)
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
        self._authorizer = _authorizer(settings, secrets)
        self._connections = Connections(
            _endpoint(settings), settings.connect_timeout_seconds, settings.read_timeout_seconds
        )

    def size(self, entry: Entry) -> int:
        """The event's bytes, and what the body has beside them."""
        return self._framing.size(entry)

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """One request.

        Raises:
            TransientError: no complete answer, or one that asks to come again; the receiver may have taken
                the batch all the same.
            PermanentError: refused; divisible for 400, 413 and 422, where one event may be to blame.
        """
        refused: list[Rejection] = []
        places = list(enumerate(batch))
        if self._framing.one_line:
            places, refused = one_line_each(batch)
        if places:
            told = self._post([entry for _, entry in places])
            refused += [Rejection(places[r.index][0], r.code, r.message, r.transient) for r in told]
        return refused

    def close(self) -> None:
        """Closes the connections that are kept."""
        self._connections.close()

    def _body(self, batch: Sequence[Entry]) -> bytes:
        body = self._framing.body(batch)
        if self._gzip:
            import gzip

            return gzip.compress(body, mtime=0)
        return body

    def _headers_for(self, batch: Sequence[Entry]) -> dict[str, str]:
        """Routes may send several formats to one sink; a request on its own says which it is."""
        if not self._framing.content_type and batch[0].content_type:
            return {**self._headers, "Content-Type": batch[0].content_type}
        return self._headers

    def _post(self, batch: Sequence[Entry]) -> list[Rejection]:
        body, headers = self._body(batch), self._headers_for(batch)
        proof = self._authorizer and self._authorizer.prove(self._url, headers, body)
        headers = {**headers, **proof.headers} if proof else headers
        target = proof.target if proof and proof.target else self._target
        answer = self._connections.post(target, headers, body)
        status = answer.status
        if 200 <= status < 300:  # noqa: PLR2004  # HTTP's own classes
            return self._preset.read(answer, len(batch)) if self._preset else []
        # Where the URL is the secret, a wrong one is not found.
        refusals = _NOT_FOUND if proof and proof.target else _UNAUTHORIZED
        if status in refusals and proof and self._authorizer and self._authorizer.renew(proof.used):
            raise TransientError(
                f"http_{status}", f"{self._origin} refused the secret, and a newer one was found"
            )
        raise (self._preset.failure if self._preset else failure)(answer, self._origin)


_UNAUTHORIZED = frozenset({401, 403})
_NOT_FOUND = _UNAUTHORIZED | {404, 410}


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
    if find_spec("botocore") is None:
        raise MissingExtraError("secrets" if isinstance(auth, SecretAuth) else "SigV4", "aws")
    return auth.authorizer(secrets or Secrets(), settings.secret_lifetime_seconds)


def _endpoint(settings: HttpSettings) -> Endpoint:
    url = settings.url
    host = url.hostname or ""
    if url.scheme == "http":
        return Endpoint(host, url.port or 80, None)
    return Endpoint(host, url.port or 443, client_context(settings.ca_file))
