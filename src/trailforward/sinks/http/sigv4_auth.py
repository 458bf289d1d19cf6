"""Signs requests of an HTTP sink with SigV4: directly for simple URLs, otherwise through botocore."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from typing import TYPE_CHECKING, Any

from trailforward.aws.direct import environment_credentials
from trailforward.aws.sigv4 import Credentials, Scope, sign
from trailforward.errors import PermanentError, TransientError
from trailforward.sinks.http.proof import Proof

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A canonical URL: no query, no escapes, no path segment that begins with a dot, no default port.
_CANONICAL_URL = re.compile(
    r"https?://(?P<host>[a-z0-9.-]+(:(?!(80|443)(/|$))[0-9]+)?)(?P<path>(/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*/?)"
)


class Signature:
    """Signs requests with the function's credentials.

    Args:
        service: signing name of the service, such as ``execute-api``.
        region: Region of the endpoint.
    """

    def __init__(self, service: str, region: str) -> None:
        self._scope = Scope(region, service)
        self._lock = threading.Lock()
        self._credentials: Any = None

    def prove(self, url: str, headers: Mapping[str, str], body: bytes) -> Proof:
        """Signs one request.

        Raises:
            TransientError: the credentials cannot be read at the moment.
            PermanentError: there are no credentials.
        """
        credentials = self._get_credentials()
        # OpenSearch Serverless requires this header; other services ignore it.
        sent = {**headers, "X-Amz-Content-SHA256": hashlib.sha256(body).hexdigest()}
        canonical = _CANONICAL_URL.fullmatch(url)
        if canonical and isinstance(credentials, Credentials):
            signed = sign(
                credentials, self._scope, canonical["path"] or "/", {**sent, "Host": canonical["host"]}, body
            )
            return Proof(signed, _fingerprint(credentials))
        from botocore.auth import SigV4Auth as Signer
        from botocore.awsrequest import AWSRequest

        request = AWSRequest("POST", url, headers=sent, data=body)
        Signer(credentials, self._scope.service, self._scope.region).add_auth(request)
        return Proof(dict(request.headers.items()), _fingerprint(credentials))

    def renew(self, used: str) -> bool:
        """Reads the credentials again; True if they changed."""
        with self._lock:
            self._credentials = None
        return _fingerprint(self._get_credentials()) != used

    def _get_credentials(self) -> Any:
        """Credentials from the environment, or else from botocore, which finds and renews them."""
        with self._lock:
            credentials = self._credentials = self._credentials or environment_credentials(os.environ)
        if isinstance(credentials, Credentials):
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
            raise TransientError(
                "credentials", f"the AWS credentials cannot be read at the moment: {type(error).__name__}"
            ) from None
        raise PermanentError("NoCredentials", "no AWS credentials for SigV4 were found")


def _fingerprint(credentials: Any) -> str:
    return f"{credentials.access_key} {credentials.token or ''}"
