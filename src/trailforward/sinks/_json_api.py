"""Calls of AWS's JSON protocols without botocore: one signed POST over connections that are kept.

Source: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

from __future__ import annotations

import json
import ssl
from binascii import b2a_base64
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from trailforward import __version__
from trailforward.errors import SinkError, TransientError
from trailforward.sinks._connection import Connections, Endpoint
from trailforward.sinks._direct import SERVICES
from trailforward.sinks._refusals import UNREADABLE, refusal
from trailforward.sinks._sigv4 import Scope, sign

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from trailforward.sinks._connection import Answer
    from trailforward.sinks._sigv4 import Keys

#: Operations whose success is an empty answer.
_WITHOUT_ANSWER = frozenset({"create_log_stream"})

_OK = range(200, 300)


class JsonApi:
    """A service in a Region. Every method may be called from any thread.

    Args:
        service: of :data:`SERVICES`.
        region: where.
        url: of the endpoint: scheme, host and port alone.
        own: whether the endpoint is AWS's own, where Kinesis has a host for each account.
        timeouts: seconds for a connection, and between two bytes of an answer.
    """

    def __init__(
        self, service: str, region: str, url: str, timeouts: tuple[float, float], *, own: bool
    ) -> None:
        self.url = url
        self._api = SERVICES[service]
        self._scope = Scope(region, service)
        self._timeouts = timeouts
        scheme, _, self._host = url.partition("://")
        self._tls = scheme == "https"
        self._host_by_account = own and service == "kinesis"
        self._headers = {
            "Content-Type": f"application/x-amz-json-{self._api.version}",
            "User-Agent": f"trailforward/{__version__}",
        }
        if service == "sqs":
            # Asks for the codes that SQS had before it spoke JSON.
            self._headers["X-Amzn-Query-Mode"] = "true"
        self._pools: dict[str, Connections] = {}

    def call(
        self, operation: str, parameters: Mapping[str, Any], keys: Keys, transient: Collection[str]
    ) -> dict[str, Any]:
        """One call, one attempt.

        Args:
            operation: botocore's method name.
            parameters: of JSON and bytes, which travel as base64.
            keys: who calls.
            transient: error codes of this service that pass, beside those of all.

        Raises:
            TransientError: throttled, server error, or no answer (the call may have been carried out).
            PermanentError: refused. Divisible where AWS blames the request, since one entry may be the cause.
        """
        body = _encode(parameters)
        host = self._host
        if self._host_by_account:
            host = f"{parameters['StreamARN'].split(':')[4]}.data-{host}"
        name = "".join(map(str.capitalize, operation.split("_")))
        headers = {**self._headers, "Host": host, "X-Amz-Target": f"{self._api.target}.{name}"}
        answer = self._connections(host).post("/", sign(keys, self._scope, "/", headers, body), body)
        if answer.status not in _OK:
            raise _failure(answer, transient)
        if not answer.body and operation in _WITHOUT_ANSWER:
            return {}
        told = _decode(answer.body)
        if told is None:
            raise TransientError(UNREADABLE, "the answer is no JSON object")
        return told

    def close(self) -> None:
        """Closes the connections that are kept."""
        for pool in list(self._pools.values()):
            pool.close()

    def _connections(self, host: str) -> Connections:
        pool = self._pools.get(host)
        if pool is None:
            name, _, port = host.partition(":")
            tls = _tls() if self._tls else None
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


def _encode(parameters: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(parameters, default=_base64)
    except orjson.JSONEncodeError:  # lone surrogates, which only an escape can spell
        return json.dumps(parameters, default=_base64).encode()


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode()


def _decode(body: bytes) -> dict[str, Any] | None:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return told if isinstance(told, dict) else None


def _failure(answer: Answer, transient: Collection[str]) -> SinkError:
    told = _decode(answer.body) or {}
    headers = answer.headers
    code = str(told.get("__type") or headers.get("x-amzn-errortype") or answer.status).partition(":")[0]
    # What the code was before SQS spoke JSON: ``AWS.SimpleQueueService.NonExistentQueue;Sender``.
    code = headers.get("x-amzn-query-error", "").partition(";")[0] or code
    message = str(told.get("message") or told.get("Message") or "")
    return refusal(code, message, answer.status, headers.get("Retry-After"), transient)
