"""Signatures of an HTTP sink (SigV4): by botocore, but for plain URLs with the environment's credentials."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from typing import TYPE_CHECKING, Any

from trailforward.aws.direct import keys as environment_keys
from trailforward.aws.sigv4 import Keys, Scope, sign
from trailforward.errors import PermanentError, TransientError
from trailforward.sinks.http.proof import Proof

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A URL that is canonical as it is: no query, no escapes, no steps that begin with a dot, no usual port.
_PLAIN_URL = re.compile(
    r"https?://(?P<host>[a-z0-9.-]+(:(?!(80|443)(/|$))[0-9]+)?)(?P<path>(/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*/?)"
)


class Signature:
    """Signs requests.

    Args:
        service: signing name of the service, such as ``execute-api``.
        region: Region of the endpoint.
    """

    def __init__(self, service: str, region: str) -> None:
        self._scope = Scope(region, service)
        self._lock = threading.Lock()
        self._credentials: Any = None

    def prove(self, url: str, headers: Mapping[str, str], body: bytes) -> Proof:
        """The signature's headers.

        Raises:
            TransientError: the credentials cannot be read right now.
            PermanentError: there are none.
        """
        keys = self._keys()
        # OpenSearch Serverless asks for this header; no service minds it.
        sent = {**headers, "X-Amz-Content-SHA256": hashlib.sha256(body).hexdigest()}
        plain = _PLAIN_URL.fullmatch(url)
        if plain and isinstance(keys, Keys):
            signed = sign(keys, self._scope, plain["path"] or "/", {**sent, "Host": plain["host"]}, body)
            return Proof(signed, _fingerprint(keys))
        from botocore.auth import SigV4Auth as Signer
        from botocore.awsrequest import AWSRequest

        request = AWSRequest("POST", url, headers=sent, data=body)
        Signer(keys, self._scope.service, self._scope.region).add_auth(request)
        return Proof(dict(request.headers.items()), _fingerprint(keys))

    def renew(self, used: str) -> bool:
        """Reads the credentials again; True if they are others now."""
        with self._lock:
            self._credentials = None
        return _fingerprint(self._keys()) != used

    def _keys(self) -> Any:
        """Access key, secret key and token: of the environment, or as botocore finds and renews them."""
        with self._lock:
            credentials = self._credentials = self._credentials or environment_keys(os.environ)
        if isinstance(credentials, Keys):
            return credentials
        from botocore import exceptions

        from trailforward.aws.session import new_session

        try:
            with self._lock:
                if self._credentials is None:
                    self._credentials = new_session().get_credentials()
                credentials = self._credentials
            if credentials is not None:
                return credentials.get_frozen_credentials()
        except (exceptions.PartialCredentialsError, exceptions.ProfileNotFound) as error:
            raise PermanentError("NoCredentials", str(error)) from None
        except exceptions.BotoCoreError as error:
            raise TransientError("credentials", f"cannot be read now: {type(error).__name__}") from None
        raise PermanentError("NoCredentials", "SigV4 needs AWS credentials, and none were found")


def _fingerprint(keys: Any) -> str:
    return f"{keys.access_key} {keys.token or ''}"
