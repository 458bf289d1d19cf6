"""Calls of AWS without botocore: one signed POST over connections that are kept."""

from __future__ import annotations

import ssl
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from trailforward._version import __version__
from trailforward.errors import TransientError
from trailforward.sinks._connection import Connections, Endpoint
from trailforward.sinks._direct import SERVICES
from trailforward.sinks._refusals import UNREADABLE, refusal
from trailforward.sinks._sigv4 import Scope, sign

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from trailforward.sinks._sigv4 import Keys

_OK = range(200, 300)


class Api:
    """A service in a Region. Every method may be called from any thread.

    Args:
        service: of :data:`SERVICES`.
        region: where.
        url: of the endpoint: scheme, host and port alone.
        timeouts: seconds for a connection, and between two bytes of an answer.
        own: whether the endpoint is AWS's own, where Kinesis has a host for each account.

    Attributes:
        url: of the endpoint.
    """

    def __init__(
        self, service: str, region: str, url: str, timeouts: tuple[float, float], *, own: bool
    ) -> None:
        self.url = url
        self._service = SERVICES[service]
        self._protocol = import_module(f"trailforward.sinks._{self._service.protocol}_protocol")
        self._scope = Scope(region, service)
        self._timeouts = timeouts
        scheme, _, self._host = url.partition("://")
        self._secure = scheme == "https"
        self._host_by_account = own and service == "kinesis"
        self._pools: dict[str, Connections] = {}

    def call(
        self, operation: str, parameters: Mapping[str, Any], keys: Keys, transient: Collection[str]
    ) -> dict[str, Any]:
        """One call, one attempt.

        Args:
            operation: botocore's method name.
            parameters: as botocore takes them.
            keys: who calls.
            transient: error codes of this service that pass, beside those of all.

        Raises:
            TransientError: throttled, server error, or no answer (the call may have been carried out).
            PermanentError: refused. Divisible where AWS blames the request, since one entry may be the cause.
        """
        name = "".join(map(str.capitalize, operation.split("_")))
        protocol = self._protocol
        body: bytes = protocol.encode(self._service, name, parameters)
        host = self._host
        if self._host_by_account:
            host = f"{parameters['StreamARN'].split(':')[4]}.data-{host}"
        headers = {
            "Host": host,
            "User-Agent": f"trailforward/{__version__}",
            **protocol.headers(self._service, name),
        }
        answer = self._connections(host).post("/", sign(keys, self._scope, "/", headers, body), body)
        if answer.status not in _OK:
            code, message = protocol.error(answer)
            raise refusal(code, message, answer.status, answer.headers.get("retry-after"), transient)
        told: dict[str, Any] | None = protocol.read(name, answer.body)
        if told is None:
            raise TransientError(UNREADABLE, "the answer is none of the service's")
        return told

    def close(self) -> None:
        """Closes the connections that are kept."""
        for pool in list(self._pools.values()):
            pool.close()

    def _connections(self, host: str) -> Connections:
        pool = self._pools.get(host)
        if pool is None:
            name, _, port = host.partition(":")
            tls = _tls() if self._secure else None
            place = Endpoint(name, int(port or (443 if tls else 80)), tls)
            made = Connections(place, *self._timeouts, trust="set AWS_CA_BUNDLE if it has a private CA")
            pool = self._pools.setdefault(host, made)
        return pool


@cache
def _tls() -> ssl.SSLContext:
    """One for all: to read the certificates of the system's authorities takes a while."""
    tls = ssl.create_default_context()
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.set_alpn_protocols(["http/1.1"])
    return tls
