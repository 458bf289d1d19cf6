"""Direct calls to AWS APIs: one signed POST per call over pooled connections, without botocore."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from trailforward._version import __version__
from trailforward.aws.direct import SERVICES
from trailforward.aws.errors import UNPARSEABLE, to_sink_error
from trailforward.aws.sigv4 import Scope, sign
from trailforward.errors import TransientError
from trailforward.transport.connections import Connections, Endpoint
from trailforward.transport.tls import client_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Collection, Mapping
    from types import ModuleType

    from trailforward.aws.direct import Service
    from trailforward.aws.sigv4 import Credentials

_OK = range(200, 300)


class Api:
    """A client for one service in one Region. Every method is thread-safe.

    Args:
        service: a key of :data:`SERVICES`.
        region: Region name, used in the signature.
        url: the endpoint's URL: scheme, host, and port only.
        timeouts: seconds to wait for a connection, and between two bytes of a response.
        is_aws: whether AWS runs the endpoint. AWS's Kinesis endpoint has one host per account.

    Attributes:
        url: the endpoint's URL.
    """

    def __init__(
        self, service: str, region: str, url: str, timeouts: tuple[float, float], *, is_aws: bool
    ) -> None:
        self.url = url
        self._service_name = service
        self._service = SERVICES[service]
        self._protocol = _protocol(self._service)
        self._scope = Scope(region, self._service.host or service)
        self._timeouts = timeouts
        scheme, _, self._host = url.partition("://")
        self._secure = scheme == "https"
        self._host_per_account = is_aws and service == "kinesis"
        self._pools: dict[str, Connections] = {}

    def call(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        credentials: Credentials,
        transient: Collection[str],
    ) -> dict[str, Any]:
        """Calls an operation once, without retries.

        Args:
            operation: botocore's method name.
            parameters: the same parameters that botocore accepts.
            credentials: sign the request.
            transient: the service's own transient error codes, in addition to the common ones.

        Raises:
            TransientError: throttled, server error, or no response. The call may have succeeded anyway.
            PermanentError: the request was rejected. It is divisible if a single entry may be the cause.
        """
        name = "".join(map(str.capitalize, operation.split("_")))
        protocol = self._protocol
        path, required, body = protocol.request(self._service, name, parameters)
        host = self._host
        if self._host_per_account:
            host = f"{parameters['StreamARN'].split(':')[4]}.data-{host}"
        headers = {
            "Host": host,
            "User-Agent": f"trailforward/{__version__}",
            **required,
        }
        signed = sign(credentials, self._scope, path, headers, body)
        response = self._connections(host).post(path, signed, body)
        if response.status not in _OK:
            code, message = protocol.error(response)
            retry_after = response.headers.get("retry-after")
            raise to_sink_error(code, message, response.status, retry_after, transient)
        result: dict[str, Any] | None = protocol.decode(name, response)
        if result is None:
            raise TransientError(UNPARSEABLE, f"unparseable response from {self._service_name}")
        return result

    def close(self) -> None:
        """Closes idle connections."""
        for pool in list(self._pools.values()):
            pool.close()

    def _connections(self, host: str) -> Connections:
        pool = self._pools.get(host)
        if pool is None:
            name, _, port = host.partition(":")
            tls = _tls() if self._secure else None
            endpoint = Endpoint(name, int(port or (443 if tls else 80)), tls)
            new = Connections(endpoint, *self._timeouts, ca_hint="set AWS_CA_BUNDLE if it has a private CA")
            pool = self._pools.setdefault(host, new)
        return pool


def _protocol(service: Service) -> ModuleType:
    """The module that implements the service's protocol. Imported here to keep the cold start short."""
    if service.protocol == "json":
        from trailforward.aws import json_protocol

        return json_protocol
    if service.protocol == "rest-json":
        from trailforward.aws import rest_json_protocol

        return rest_json_protocol
    from trailforward.aws import query_protocol

    return query_protocol


@cache
def _tls() -> ssl.SSLContext:
    """One context for all services, because loading the system's CA certificates is slow."""
    return client_context()
