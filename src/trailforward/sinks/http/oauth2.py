"""OAuth 2.0 client credentials: one token per sink, cached, shared by its threads, and renewed after a 401.

Source: https://datatracker.ietf.org/doc/html/rfc6749#section-4.4
"""

from __future__ import annotations

import json
import re
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from trailforward.aws.errors import UNPARSEABLE
from trailforward.errors import PermanentError, SecretError, TransientError
from trailforward.sinks.http.auth import as_sink_error
from trailforward.sinks.http.network import connections
from trailforward.sinks.http.proof import Proof
from trailforward.transport.responses import failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trailforward.aws.secrets import Secrets
    from trailforward.sinks.http.auth import OAuth2Auth
    from trailforward.transport.connections import Response

#: A token is renewed this many seconds before it expires, or after nine tenths of a short lifetime.
MARGIN = 60.0
#: Seconds that a token is used whose lifetime the server does not state.
DEFAULT_LIFETIME = 300.0
#: A token that was renewed after a rejection is not renewed again within this many seconds.
RENEWAL_PAUSE = 60.0
#: Seconds until the next attempt if renewing a token fails that is still valid.
_RETRY_SECONDS = 10.0

_CONNECT_SECONDS, _READ_SECONDS, _TOTAL_SECONDS = 3.0, 10.0, 15.0
#: RFC 6750, section 2.1; the length is ours, because servers limit headers.
_TOKEN = r"[A-Za-z0-9._~+/-]+=*"  # noqa: S105  # a pattern
_MOST_CHARACTERS = 16_384
_ERROR = r"[a-z_]{1,60}"
_REFUSED = frozenset({400, 401, 403})
_UNAUTHORIZED = frozenset({401})


class _Token:
    """A token as last fetched. It has no repr of its value."""

    __slots__ = ("expires", "fetched", "renew_at", "renewed", "value")

    def __init__(self, value: str, now: float, lifetime: float, *, renewed: bool) -> None:
        self.value = value
        self.fetched = now
        self.expires = now + lifetime
        self.renew_at = now + max(lifetime - MARGIN, lifetime * 0.9)
        self.renewed = renewed


class Tokens:
    """Authenticates requests with a token.

    Args:
        settings: the client and the token endpoint.
        secrets: reads the client's secret.
        lifetime: seconds that the secret stays in the cache.
        clock: seconds; the wall clock by default, because it continues while Lambda freezes the environment.
    """

    def __init__(
        self,
        settings: OAuth2Auth,
        secrets: Secrets,
        lifetime: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._lifetime = lifetime
        self._clock = clock
        self._token: _Token | None = None
        self._lock = threading.Lock()
        url = urlsplit(settings.token_url)
        self._origin = f"{url.scheme}://{url.netloc}"
        self._target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self._connections = connections(
            url, settings.ca_file, (_CONNECT_SECONDS, _READ_SECONDS, _TOTAL_SECONDS)
        )

    def prove(self, _url: str, _headers: Mapping[str, str], _body: bytes) -> Proof:
        """The token as a header.

        Raises:
            TransientError: the token endpoint or the client's secret cannot be reached at the moment.
            PermanentError: ``secret``: the token endpoint refuses the client, or its secret cannot be read.
        """
        with self._lock:  # other threads wait for the same token
            token, now = self._token, self._clock()
            if token is None or not token.fetched <= now < token.expires:
                token = self._token = self._fetch(renewed=False)
            elif now >= token.renew_at:
                try:
                    token = self._token = self._fetch(renewed=False)
                except TransientError:
                    token.renew_at = now + _RETRY_SECONDS
            value = token.value
        return Proof({"Authorization": f"Bearer {value}"}, value, rejections=_UNAUTHORIZED)

    def renew(self, used: str) -> bool:
        """Fetches a new token after a 401; False if the rejected token was itself fetched for this reason.

        Raises:
            TransientError: as for ``prove``.
            PermanentError: as for ``prove``.
        """
        with self._lock:
            token = self._token
            if token is None or token.value != used:
                return True  # another thread has renewed it
            if token.renewed and 0 <= self._clock() - token.fetched < RENEWAL_PAUSE:
                return False
            self._token = None
            self._token = self._fetch(renewed=True)
            return True

    def _fetch(self, *, renewed: bool) -> _Token:
        secret = self._secret()
        response = self._request(secret)
        if response.status in _REFUSED and (newer := self._newer(secret)) != secret:
            response = self._request(newer)
        now = self._clock()
        if not 200 <= response.status < 300:  # noqa: PLR2004
            raise self._failure(response)
        value, lifetime = _read(response, self._origin)
        return _Token(value, now, lifetime, renewed=renewed)

    def _secret(self) -> str:
        try:
            return self._secrets.get(self._settings.client_secret, lifetime=self._lifetime).strip()
        except SecretError as error:
            raise as_sink_error(error) from None

    def _newer(self, used: str) -> str:
        try:
            return self._secrets.renew(self._settings.client_secret).strip()
        except SecretError:
            return used  # the first refusal says more

    def _request(self, secret: str) -> Response:
        settings = self._settings
        form = {"grant_type": "client_credentials", "scope": settings.scope, "audience": settings.audience}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if settings.auth_style == "basic":
            import base64

            # Both parts are encoded before they are joined: RFC 6749, section 2.3.1.
            pair = f"{quote(settings.client_id, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": settings.client_id, "client_secret": secret}
        body = urlencode({name: value for name, value in form.items() if value}).encode()
        try:
            return self._connections.post(self._target, headers, body)
        except (TransientError, PermanentError) as error:
            raise type(error)(error.code, f"token endpoint {self._origin}: {error.message}") from None

    def _failure(self, response: Response) -> TransientError | PermanentError:
        """Classifies an error of the token endpoint; its description may repeat the request."""
        error = _object(response).get("error")
        code = error if isinstance(error, str) and re.fullmatch(_ERROR, error) else ""
        found = failure(response, f"the token endpoint {self._origin}", detail=code)
        if isinstance(found, TransientError):
            return found
        fix = _FIXES.get(code, "check `token_url`, `client_id`, and the secret that `client_secret` names")
        text = f"{self._origin} returned status {response.status} instead of a token"
        return PermanentError("secret", f"{text}{f' ({code})' if code else ''}. Fix: {fix}")


#: Source: https://datatracker.ietf.org/doc/html/rfc6749#section-5.2
_FIXES = {
    "invalid_client": "check `client_id`, and store the current secret of the client (it may have expired)",
    "invalid_scope": "correct `scope`",
    "invalid_target": "correct `audience`",
    "unauthorized_client": "allow the client credentials grant for this client",
    "unsupported_grant_type": "check `token_url`: this server does not support client credentials",
}


def _read(response: Response, origin: str) -> tuple[str, float]:
    """Token and lifetime in seconds, from the response of a token endpoint."""
    content = _object(response)
    value = content.get("access_token")
    kind = content.get("token_type", "Bearer")
    if not isinstance(value, str) or not isinstance(kind, str) or kind.lower() != "bearer":
        raise TransientError(UNPARSEABLE, f"{origin} returned no bearer token. Fix: check `token_url`")
    if len(value) > _MOST_CHARACTERS or not re.fullmatch(_TOKEN, value):
        raise TransientError(UNPARSEABLE, f"{origin} returned a token that a header cannot contain")
    try:
        lifetime = float(content.get("expires_in") or DEFAULT_LIFETIME)
    except (TypeError, ValueError, OverflowError):
        lifetime = DEFAULT_LIFETIME
    return value, lifetime if 0 < lifetime < float("inf") else DEFAULT_LIFETIME


def _object(response: Response) -> dict[str, Any]:
    try:
        content = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
