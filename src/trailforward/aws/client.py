"""The AWS client that sinks use: direct calls where they are equivalent to botocore, otherwise botocore."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from trailforward.aws import direct as direct_calls
from trailforward.aws.errors import UNPARSEABLE, to_sink_error
from trailforward.aws.own_calls import parsed
from trailforward.errors import PermanentError, TransientError
from trailforward.transport import calls

if TYPE_CHECKING:
    from collections.abc import Collection

    from trailforward.arn import Arn
    from trailforward.aws.api import Api

#: Seconds to wait for a connection, and between two bytes of a response.
CONNECT_TIMEOUT = 3.0
READ_TIMEOUT = 10.0


class Client:
    """A client for one service in one Region, shared by all threads.

    Importing botocore and creating a client are the most expensive steps of a cold start. The batch calls
    avoid both if the environment has plain credentials and no other setting that botocore reads
    (``direct.py``). The first call creates what it needs. Both ways make one attempt, because the forwarder
    does the retries.

    Args:
        service: botocore's name of the service.
        region: Region of the destination's ARN.
        direct: False to always call through botocore.
        connect_timeout: seconds; :data:`CONNECT_TIMEOUT` by default.
        read_timeout: seconds between two bytes of a response; :data:`READ_TIMEOUT` by default.

    Raises:
        MissingExtraError: botocore is needed but not installed.
    """

    def __init__(
        self,
        service: str,
        region: str,
        *,
        direct: bool = True,
        connect_timeout: float | None = None,
        read_timeout: float | None = None,
    ) -> None:
        self._service = service
        self._region = region
        self._timeouts = connect_timeout or CONNECT_TIMEOUT, read_timeout or READ_TIMEOUT
        self._direct = direct
        self._api: Api | None = None
        self._client: Any = None
        self._lock = threading.Lock()
        if self._botocore_reason():
            self._require_botocore()

    def _botocore_reason(self) -> str:
        """Why calls must go through botocore; empty if they need not."""
        if not self._direct:
            return "the configuration says so"
        home = os.path.expanduser("~")  # noqa: PTH111  # pathlib would slow down the cold start
        return direct_calls.botocore_reason(self._service, self._region, os.environ, home)

    def _require_botocore(self) -> None:
        from trailforward.aws.session import require_botocore

        require_botocore(f"calling {self._service} through botocore, because {self._botocore_reason()},")

    @property
    def endpoint(self) -> str:
        """The endpoint's URL, without a trailing slash.

        Raises:
            TransientError: as for ``botocore``.
        """
        api = self._direct_api()
        url: str = api.url if api else self.botocore.meta.endpoint_url
        return url.rstrip("/")

    @property
    def botocore(self) -> Any:
        """The botocore client.

        Raises:
            MissingExtraError: botocore is not installed.
            TransientError: the client cannot be created (a profile does not exist, an endpoint is invalid).
        """
        client = self._client
        if client is None:
            with self._lock:
                client = self._client = self._client or self._make()
        return client

    def prepare(self) -> None:
        """Creates what the first call needs, without connecting. Errors are deferred to the first call."""
        with suppress(TransientError):
            if self._direct_api() is None:
                _ = self.botocore

    def connect(self) -> str:
        """Connects to the endpoint, sends nothing, and returns the TLS version; empty without TLS.

        Behind a proxy it does not connect, because the proxy would.

        Raises:
            TransientError: there is no connection at the moment.
            PermanentError: the server's certificate is not trusted.
        """
        from urllib.parse import urlsplit
        from urllib.request import getproxies, proxy_bypass

        from trailforward.transport.connections import Connections, Endpoint
        from trailforward.transport.tls import client_context

        url = urlsplit(self.endpoint)
        host, secure = url.hostname or "", url.scheme == "https"
        if url.scheme in getproxies() and not proxy_bypass(host):
            return ""
        bundle = os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")
        try:
            tls = client_context(bundle) if secure else None
        except OSError as error:
            raise PermanentError("tls", f"AWS_CA_BUNDLE cannot be used: {error.strerror}") from None
        endpoint = Endpoint(host, url.port or (443 if secure else 80), tls)
        hint = "set AWS_CA_BUNDLE if it has a private CA"
        return Connections(endpoint, *self._timeouts, ca_hint=hint).connect()

    def close(self) -> None:
        """Closes the connections. The next call opens new ones."""
        for client in (self._api, self._client):
            if client is not None:
                client.close()
        self._api = self._client = None

    def _direct_api(self) -> Api | None:
        api = self._api
        if api is None and not self._botocore_reason():
            from trailforward.aws.api import Api

            url, is_aws = direct_calls.endpoint(self._service, self._region, os.environ)
            with self._lock:
                api = self._api = self._api or Api(
                    self._service, self._region, url, self._timeouts, is_aws=is_aws
                )
        return api

    def _make(self) -> Any:
        self._require_botocore()
        from botocore.exceptions import BotoCoreError

        from trailforward.aws.session import make_client

        connect, read = self._timeouts
        try:
            return make_client(self._service, self._region, connect_timeout=connect, read_timeout=read)
        except (BotoCoreError, ValueError) as error:
            raise TransientError(type(error).__name__, _first_line(error)) from None

    def call(self, operation: str, *, transient: Collection[str] = (), **parameters: Any) -> dict[str, Any]:
        """Calls an operation once, without retries.

        Args:
            operation: botocore's method name.
            transient: the service's own transient error codes, in addition to :data:`TRANSIENT_CODES`.
            **parameters: the operation's parameters.

        Raises:
            TransientError: throttled, server error, or no response. The call may have succeeded anyway.
            PermanentError: the request was rejected. It is divisible if a single entry may be the cause.
        """
        api = self._direct_api()
        # Read for each call, so that credentials renewed in the environment take effect at once.
        credentials = direct_calls.environment_credentials(os.environ)
        if (
            api is None
            or credentials is None
            or operation not in direct_calls.SERVICES[self._service].operations
        ):
            return self._call_botocore(operation, transient, parameters)
        return api.call(operation, parameters, credentials, transient)

    def _call_botocore(
        self, operation: str, transient: Collection[str], parameters: dict[str, Any]
    ) -> dict[str, Any]:
        method = getattr(self.botocore, operation)
        from botocore import exceptions
        from botocore.parsers import ResponseParserError

        try:
            response: dict[str, Any] = method(**parameters)
        except exceptions.ClientError as error:
            details, metadata = (error.response.get(key, {}) for key in ("Error", "ResponseMetadata"))
            raise to_sink_error(
                str(details.get("Code") or ""),
                str(details.get("Message") or ""),
                metadata.get("HTTPStatusCode", 0),
                metadata.get("HTTPHeaders", {}).get("retry-after"),
                transient,
            ) from None
        except exceptions.ParamValidationError as error:
            raise PermanentError("ParamValidation", _first_line(error), divisible=True) from None
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
            raise PermanentError("NoCredentials", _first_line(error)) from None
        except exceptions.SSLError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise PermanentError("tls", _first_line(error)) from None
            raise TransientError("tls_handshake", _first_line(error)) from None
        except exceptions.BotoCoreError as error:
            # Timeouts, resets, truncated responses: whether the service did the work is unknown.
            raise TransientError(type(error).__name__, _first_line(error)) from None
        except (ResponseParserError, AttributeError, LookupError, TypeError, ValueError) as error:
            # botocore's parsers reject responses that AWS would not send, or fail on them.
            text = f"unparseable response from {self._service} ({type(error).__name__})"
            raise TransientError(UNPARSEABLE, text) from None
        task = calls.current()
        if task is not None and task.abandoned:  # botocore takes a connection that was shut down for its end
            raise calls.past_deadline()
        return response


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _caller(region: str | None, *, direct: bool, seconds: float) -> Arn:
    client = Client(
        "sts", region or "us-east-1", direct=direct, connect_timeout=seconds, read_timeout=seconds
    )
    try:
        arn = parsed(client.call("get_caller_identity").get("Arn"))
    finally:
        client.close()
    if arn is None:
        raise TransientError(UNPARSEABLE, "unparseable response from sts: no ARN")
    return arn


def caller_account(region: str | None = None) -> str:
    """The account of this process's credentials, from STS.

    Args:
        region: Region of the STS endpoint.

    Raises:
        SinkError: the STS call failed: throttled, unreachable, or forbidden.
        MissingExtraError: botocore is needed but not installed.
    """
    return _caller(region, direct=True, seconds=3.0).account


def caller_role(region: str | None = None, *, direct: bool = True) -> tuple[str, str] | None:
    """Account and name of the role that this process runs as, from STS; None if it does not run as a role.

    Args:
        region: Region of the STS endpoint.
        direct: False to always call through botocore.

    Raises:
        SinkError: the STS call failed: throttled, unreachable, or forbidden.
        MissingExtraError: botocore is needed but not installed.
    """
    arn = _caller(region, direct=direct, seconds=1.0)
    kind, _, rest = arn.resource.partition("/")
    return (arn.account, rest.partition("/")[0]) if kind == "assumed-role" else None
