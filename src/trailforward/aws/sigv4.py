"""AWS Signature Version 4 of a POST whose body is in memory.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from trailforward.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping

_VISIBLE = re.compile("[!-~]*")

_ALGORITHM = "AWS4-HMAC-SHA256"

#: Intermediaries may change them, so they are never signed.
_UNSIGNED = frozenset({"user-agent", "x-amzn-trace-id"})


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """Credentials. They have no repr, so that no traceback shows them.

    Attributes:
        access_key: its id.
        secret_key: the secret.
        token: of a session; empty for a user's own keys.
    """

    access_key: str
    secret_key: str
    token: str = ""


class Scope(NamedTuple):
    """What a signature is good for, beside the day."""

    region: str
    service: str


def sign(
    keys: Keys, scope: Scope, path: str, headers: Mapping[str, str], body: bytes, *, now: float | None = None
) -> dict[str, str]:
    """The headers of a signed request: those given and ``X-Amz-Date``, the token and ``Authorization``.

    Args:
        keys: who signs.
        scope: Region and service.
        path: of the URL, of letters, digits, ``-._~`` and single slashes, so that it is canonical as it is.
        headers: all that are sent and must not change on the way; ``Host`` among them.
        body: as sent.
        now: seconds since 1970; the clock's by default.

    Raises:
        PermanentError: ``NoCredentials``: they cannot stand in a header.
    """
    if not _VISIBLE.fullmatch(keys.access_key + keys.token):
        # Said here, where it is known that this is a credential.
        text = (
            "the access key's id or the token holds a blank or a line break: take it out of the environment"
        )
        raise PermanentError("NoCredentials", text)
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    sent = {**headers, "X-Amz-Date": moment}
    if keys.token:
        sent["X-Amz-Security-Token"] = keys.token
    canonical = {name.lower(): " ".join(value.split()) for name, value in sent.items()}
    signed = sorted(canonical.keys() - _UNSIGNED)
    names = ";".join(signed)
    lines = "".join(f"{name}:{canonical[name]}\n" for name in signed)
    request = f"POST\n{path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    day = moment[:8]
    place = f"{day}/{scope.region}/{scope.service}/aws4_request"
    text = f"{_ALGORITHM}\n{moment}\n{place}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = _hmac(signing_key(keys.secret_key, day, scope), text).hex()
    sent["Authorization"] = (
        f"{_ALGORITHM} Credential={keys.access_key}/{place}, SignedHeaders={names}, Signature={signature}"
    )
    return sent


@lru_cache(maxsize=32)
def signing_key(secret: str, day: str, scope: Scope) -> bytes:
    """The key derived for a day (``20150830``), a Region and a service."""
    key = _hmac(f"AWS4{secret}".encode(), day)
    return _hmac(_hmac(_hmac(key, scope.region), scope.service), "aws4_request")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
