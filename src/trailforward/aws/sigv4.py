"""Signs requests with AWS Signature Version 4.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from trailforward.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping

_VISIBLE = re.compile("[!-~]*")

_ALGORITHM = "AWS4-HMAC-SHA256"

#: Headers that are never signed, because intermediaries may change them.
_UNSIGNED = frozenset({"user-agent", "x-amzn-trace-id"})


class Credentials:
    """AWS credentials. They have no repr of their values, so that tracebacks do not show them.

    Attributes:
        access_key: access key ID.
        secret_key: secret access key.
        token: session token; empty for long-term credentials.
    """

    __slots__ = ("access_key", "secret_key", "token")

    def __init__(self, access_key: str, secret_key: str, token: str = "") -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.token = token


class Scope(NamedTuple):
    """Region and service that a signature is valid for."""

    region: str
    service: str


def sign(  # noqa: PLR0913  # the parts of a request
    credentials: Credentials,
    scope: Scope,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float | None = None,
    method: str = "POST",
    query: str = "",
) -> dict[str, str]:
    """The headers of a signed request: ``headers`` plus ``X-Amz-Date``, ``Authorization``, and the token.

    Args:
        credentials: sign the request.
        scope: Region and service.
        path: the URL's path: letters, digits, ``-._~``, single slashes, and percent-encoded bytes only.
        headers: the request's headers, including ``Host``.
        body: the request's body.
        now: seconds since 1970; the current time by default.
        method: HTTP method.
        query: the URL's query: percent-encoded, and sorted by name.

    Raises:
        PermanentError: ``NoCredentials``: a header cannot contain the access key ID or the token.
    """
    if not _VISIBLE.fullmatch(credentials.access_key + credentials.token):
        # Checked here, because later code does not know that the value is a credential.
        text = (
            "the access key ID or the session token contains a space, a line break, or another character "
            "that a header cannot contain. Fix: correct the environment variable"
        )
        raise PermanentError("NoCredentials", text)
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    sent = {**headers, "X-Amz-Date": moment}
    if credentials.token:
        sent["X-Amz-Security-Token"] = credentials.token
    canonical = {name.lower(): " ".join(value.split()) for name, value in sent.items()}
    signed = sorted(canonical.keys() - _UNSIGNED)
    names = ";".join(signed)
    lines = "".join(f"{name}:{canonical[name]}\n" for name in signed)
    # Except for S3, the canonical path is encoded twice.
    canonical_path = path if scope.service == "s3" else path.replace("%", "%25")
    request = f"{method}\n{canonical_path}\n{query}\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    day = moment[:8]
    credential_scope = f"{day}/{scope.region}/{scope.service}/aws4_request"
    text = f"{_ALGORITHM}\n{moment}\n{credential_scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = _hmac(signing_key(credentials.secret_key, day, scope), text).hex()
    sent["Authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{credential_scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return sent


@lru_cache(maxsize=32)
def signing_key(secret: str, day: str, scope: Scope) -> bytes:
    """The signing key for a day (``20150830``), a Region, and a service."""
    key = _hmac(f"AWS4{secret}".encode(), day)
    return _hmac(_hmac(_hmac(key, scope.region), scope.service), "aws4_request")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
