"""Signs requests as Standard Webhooks requires: HMAC-SHA256 over ID, timestamp, and the exact body.

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
from trailforward.sinks.http.auth import SecretAuth, SecretAuthorizer
from trailforward.sinks.http.proof import Authorizer, Proof

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.aws.secrets import Secrets

_PREFIX = "whsec_"


class StandardWebhooksAuth(SecretAuth):
    """The headers ``webhook-id``, ``webhook-timestamp``, and ``webhook-signature``.

    The ID is derived from the body, so a body that is sent again has the same ID. Several secrets, separated
    by spaces, create several signatures, so that secrets can be rotated.
    """

    type: Literal["standard-webhooks"]

    @property
    def header(self) -> str:
        """Name of the header that contains the signature."""
        return "webhook-signature"

    def authorizer(self, secrets: Secrets, lifetime: float) -> Authorizer:
        """The authorizer that signs requests."""
        return _Signer(self, secrets, lifetime)


class _Signer(SecretAuthorizer):
    def prove(self, _url: str, _headers: Mapping[str, str], body: bytes) -> Proof:
        secret = self.read()
        message_id = "msg_" + hashlib.sha256(body).hexdigest()[:32]
        try:
            return Proof(signed(secret, message_id, int(time.time()), body), secret)
        except ValueError:
            text = f"{self.reference} is not a signing secret: expected whsec_ and base64"
            raise PermanentError("secret", text) from None


def signed(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a signed request.

    Args:
        secret: one or more secrets ``whsec_…``, separated by spaces.
        message_id: the message's ID, without a dot.
        timestamp: seconds since 1970.
        body: the request's body.

    Raises:
        ValueError: a secret is invalid, or there is none.
    """
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.digest(_key(each), content, "sha256")).decode()
        for each in secret.split()
    ]
    if not signatures:
        raise ValueError("no secret")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def _key(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        raise ValueError("not a symmetric secret")
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if not key:
        raise ValueError("empty")
    return key
