"""Signatures after Standard Webhooks: HMAC-SHA256 over id, time and the exact body.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from typing import TYPE_CHECKING, Literal

from trailforward.errors import PermanentError
from trailforward.sinks.http.auth import SecretAuth, ShownSecret
from trailforward.sinks.http.proof import Authorizer, Proof

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.aws.secrets import Secrets

_PREFIX = "whsec_"


class StandardWebhooksAuth(SecretAuth):
    """``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``.

    The id is the body's digest, so that it is the same whenever a body is sent again. Several secrets,
    separated by blanks, give several signatures: for the time of a rotation.
    """

    type: Literal["standard-webhooks"]

    @property
    def header(self) -> str:
        """Name of the header that carries the proof."""
        return "webhook-signature"

    def authorizer(self, secrets: Secrets, lifetime: float) -> Authorizer:
        """Signs."""
        return _Signer(self, secrets, lifetime)


class _Signer(ShownSecret):
    def prove(self, _url: str, _headers: Mapping[str, str], body: bytes) -> Proof:
        secret = self.read()
        number = "msg_" + hashlib.sha256(body).hexdigest()[:32]
        try:
            return Proof(signed(secret, number, int(time.time()), body), secret)
        except ValueError:
            text = f"{self.reference} is no signing secret: whsec_ and base64 are expected"
            raise PermanentError("secret", text) from None


def signed(secret: str, number: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers.

    Args:
        secret: one or several of ``whsec_…``, separated by blanks.
        number: identifies the message; without a dot.
        timestamp: seconds since 1970.
        body: as the receiver gets it.

    Raises:
        ValueError: a secret is none.
    """
    content = f"{number}.{timestamp}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.digest(_key(each), content, "sha256")).decode()
        for each in secret.split()
    ]
    if not signatures:
        raise ValueError("no secret")
    return {
        "webhook-id": number,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def _key(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        raise ValueError("not a symmetric secret")
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("no base64") from None
    if not key:
        raise ValueError("empty")
    return key
