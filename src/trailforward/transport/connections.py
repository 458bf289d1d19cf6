"""A thread-safe pool of HTTP connections that stay open between invocations."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from trailforward.errors import PermanentError, TransientError
from trailforward.transport import http1
from trailforward.transport.http1 import InvalidResponseError, NoResponseError, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Connections", "Endpoint", "Response"]

#: Most idle connections in a pool; others are closed.
MAX_IDLE = 16

#: Seconds after which an idle connection is not reused. Most servers and load balancers close idle
#: connections after 60 s or more, and NAT devices drop idle connections without notice.
IDLE_SECONDS = 50.0

#: Bodies up to this size are sent together with the head, to save packets.
_SEND_TOGETHER_BYTES = 65_536

_FIRST_FAILURE = 300
_HTTP, _HTTPS = 80, 443

_CONNECTION_LOST = (
    BrokenPipeError,
    ConnectionAbortedError,
    ConnectionResetError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)


class Endpoint(NamedTuple):
    """The server that connections go to.

    Attributes:
        host: host name or IP address, without brackets.
        port: port number.
        tls: verifies the server; None for plain HTTP.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None


class Connections:
    """A pool of connections to one server. Every method is thread-safe.

    Args:
        endpoint: the server.
        connect_timeout: seconds for each IP address of the host, including the TLS handshake.
        read_timeout: seconds between two bytes of a response, and seconds to send the request.
        ca_hint: advice for the error text if the server's certificate is not trusted.
        clock: seconds; the wall clock by default, because it continues while Lambda freezes the environment.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        connect_timeout: float,
        read_timeout: float,
        *,
        ca_hint: str = "set `ca_file` if the server has a private CA",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = endpoint
        self._host = _host(endpoint)
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._ca_hint = ca_hint
        self._clock = clock
        # append and pop of a deque are atomic; the connection used last is the most likely to be open
        self._idle: deque[tuple[socket.socket, float]] = deque()
        self._closed = False

    def post(self, target: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Sends one POST request. Redirects are not followed.

        If the server closes a reused connection before the first byte of a response, the request is sent once
        more over a new connection. A server that had read the request receives it twice.

        Raises:
            TransientError: ``dns``, ``connect_timeout``, ``connection_refused``, ``connection_failed``,
                ``tls_handshake``, ``write_timeout``, ``read_timeout``, ``connection_reset``,
                ``invalid_response``.
            PermanentError: ``tls``: the server's certificate is not trusted.
        """
        idle = self._take()
        if idle is not None:
            try:
                return self._exchange(idle, target, headers, body)
            except NoResponseError:
                pass
        try:
            return self._exchange(self._open(), target, headers, body)
        except NoResponseError as error:
            raise TransientError("connection_reset", f"the connection was lost: {error}") from None

    def connect(self) -> str:
        """Opens a connection and closes it; returns the TLS version, or empty for plain HTTP.

        Raises:
            TransientError: as for ``post``.
            PermanentError: ``tls``: the server's certificate is not trusted.
        """
        with self._open() as connection:
            return connection.version() or "" if isinstance(connection, ssl.SSLSocket) else ""

    def close(self) -> None:
        """Closes idle connections. Threads close the connections that are in use."""
        self._closed = True
        while idle := self._pop():
            idle[0].close()

    def __del__(self) -> None:
        # Closes the connections of a sink that was not closed.
        self.close()

    def _pop(self) -> tuple[socket.socket, float] | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _take(self) -> socket.socket | None:
        while idle := self._pop():
            connection, since = idle
            if 0 <= self._clock() - since < IDLE_SECONDS and not _readable(connection):
                return connection
            connection.close()
        return None

    def _keep(self, connection: socket.socket) -> None:
        if len(self._idle) >= MAX_IDLE:
            connection.close()
            return
        self._idle.append((connection, self._clock()))
        if self._closed:  # the pool was closed while this thread used the connection
            self.close()

    def _open(self) -> socket.socket:
        host, port, tls = self._endpoint
        connection = None
        try:
            connection = socket.create_connection((host, port), self._connect_timeout)
            # Each write is a complete request, so waiting to fill a packet would only add delay.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                connection = tls.wrap_socket(connection, server_hostname=host)
        except OSError as error:
            if connection is not None:
                connection.close()
            raise _connect_error(error, self._ca_hint) from None
        connection.settimeout(self._read_timeout)
        return connection

    def _exchange(
        self, connection: socket.socket, target: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        keep = False
        try:
            complete = _write(connection, http1.head(target, self._host, headers, len(body)), body)
            response, reusable = _read(connection)
            if not complete and response.status < _FIRST_FAILURE:
                text = f"the server returned status {response.status} before it had read the request"
                raise TransientError("connection_reset", text)
            keep = complete and reusable
            return response
        finally:
            if keep:
                self._keep(connection)
            else:
                connection.close()


def _write(connection: socket.socket, head: bytes, body: bytes) -> bool:
    """Sends the request; False if the server closed the connection before it had read everything."""
    try:
        if len(body) <= _SEND_TOGETHER_BYTES:
            connection.sendall(head + body)
        else:
            connection.sendall(head)
            connection.sendall(body)
    except TimeoutError:
        raise TransientError("write_timeout", "the server did not read the request in time") from None
    except _CONNECTION_LOST:
        # A server may respond (401, 413) and close the connection early. The caller reads the response.
        return False
    except OSError as error:
        raise TransientError("connection_reset", f"the connection was lost: {_reason(error)}") from None
    return True


def _read(connection: socket.socket) -> tuple[Response, bool]:
    """The response, and whether the connection can be reused.

    Raises:
        NoResponseError: the connection was lost before the first byte of a response.
        TransientError: no response, or an incomplete one.
    """
    try:
        return http1.read(connection)
    except TimeoutError:
        text = "no complete response in time; the server may have processed the request"
        raise TransientError("read_timeout", text) from None
    except InvalidResponseError as error:
        raise TransientError("invalid_response", str(error)) from None
    except OSError as error:
        raise TransientError("connection_reset", f"the connection was lost: {_reason(error)}") from None


#: Exception type, code, and text. The first match counts. ``_connect_error`` checks certificates before.
_CONNECT_ERRORS: tuple[tuple[type[OSError] | tuple[type[OSError], ...], str, str], ...] = (
    (socket.gaierror, "dns", "the host name could not be resolved"),
    (TimeoutError, "connect_timeout", "the connection was not established in time"),
    (ConnectionRefusedError, "connection_refused", "nothing listens on the port"),
    (_CONNECTION_LOST, "connection_reset", "the connection was lost before the request"),
    (ssl.SSLError, "tls_handshake", "the TLS handshake failed"),
    (OSError, "connection_failed", "the connection failed"),
)


def _connect_error(error: OSError, ca_hint: str) -> TransientError | PermanentError:
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"the server's certificate is not trusted: {error.verify_message}; {ca_hint}"
        return PermanentError("tls", text)
    code, text = next((code, text) for kind, code, text in _CONNECT_ERRORS if isinstance(error, kind))
    return TransientError(code, f"{text}: {_reason(error)}")


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _readable(sock: socket.socket) -> bool:
    """Whether an idle connection has data to read: its end, or unexpected bytes."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _host(endpoint: Endpoint) -> str:
    """The value of the header ``Host``."""
    host, port, tls = endpoint
    name = f"[{host}]" if ":" in host else host
    return name if port == (_HTTP if tls is None else _HTTPS) else f"{name}:{port}"
