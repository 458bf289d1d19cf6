"""HTTP connections of sinks: kept over invocations, shared by threads, strict about what an answer is."""

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

#: Idle connections kept; more are closed.
MAX_IDLE = 16

#: Seconds after which an idle connection is not trusted any more: most servers and load balancers hang up
#: after 60 s or more, and address translators drop what is idle for long without a word.
IDLE_SECONDS = 50.0

#: Up to this size a body travels with its head, in one packet or few.
_TOGETHER = 65_536

_FIRST_FAILURE = 300
_HTTP, _HTTPS = 80, 443

_LOST = (
    BrokenPipeError,
    ConnectionAbortedError,
    ConnectionResetError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)


class Endpoint(NamedTuple):
    """Where connections go.

    Attributes:
        host: name or address, without brackets.
        port: number.
        tls: how to check the server; None for plain HTTP.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None


class Connections:
    """A small pool. Every method may be called from any thread.

    Args:
        endpoint: where to.
        connect_timeout: seconds for each address of the host, TLS handshake included.
        read_timeout: seconds of silence while an answer is awaited, and for sending the request.
        trust: what to do where the server's certificate is not trusted.
        clock: the wall clock, since it keeps going while Lambda freezes the environment.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        connect_timeout: float,
        read_timeout: float,
        *,
        trust: str = "set `ca_file` if the server has a private CA",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = endpoint
        self._host = _host(endpoint)
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._trust = trust
        self._clock = clock
        # append and pop of a deque are atomic; the last one used is the likeliest to be alive
        self._idle: deque[tuple[socket.socket, float]] = deque()
        self._closed = False

    def post(self, target: str, headers: Mapping[str, str], body: bytes) -> Response:
        """One POST. Redirects are not followed.

        A kept connection that the server closes without a byte of an answer is replaced once: if the
        server had read the request after all, it gets it twice.

        Raises:
            TransientError: ``dns``, ``connect_timeout``, ``connection_refused``, ``connection_failed``,
                ``tls_handshake``, ``write_timeout``, ``read_timeout``, ``connection_reset``, ``bad_answer``.
            PermanentError: ``tls``, the server's certificate is not trusted.
        """
        kept = self._take()
        if kept is not None:
            try:
                return self._exchange(kept, target, headers, body)
            except NoResponseError:
                pass
        try:
            return self._exchange(self._open(), target, headers, body)
        except NoResponseError as error:
            raise TransientError("connection_reset", f"the connection was lost: {error}") from None

    def close(self) -> None:
        """Closes idle connections; those in use are closed by their thread."""
        self._closed = True
        while idle := self._pop():
            idle[0].close()

    def __del__(self) -> None:
        # Nobody else can close what a sink leaves that is not closed itself.
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
        if self._closed:  # while this thread was still busy
            self.close()

    def _open(self) -> socket.socket:
        host, port, tls = self._endpoint
        connection = None
        try:
            connection = socket.create_connection((host, port), self._connect_timeout)
            # What is written is whole: waiting for more would only delay it.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                connection = tls.wrap_socket(connection, server_hostname=host)
        except OSError as error:
            if connection is not None:
                connection.close()
            raise _connect_error(error, self._trust) from None
        connection.settimeout(self._read_timeout)
        return connection

    def _exchange(
        self, connection: socket.socket, target: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        keep = False
        try:
            whole = _write(connection, http1.head(target, self._host, headers, len(body)), body)
            answer, reusable = _read(connection)
            if not whole and answer.status < _FIRST_FAILURE:
                text = f"answered {answer.status} before it had read the request"
                raise TransientError("connection_reset", text)
            keep = whole and reusable
            return answer
        finally:
            if keep:
                self._keep(connection)
            else:
                connection.close()


def _write(connection: socket.socket, head: bytes, body: bytes) -> bool:
    """Sends the request; False if the server hung up before it had all."""
    try:
        if len(body) <= _TOGETHER:
            connection.sendall(head + body)
        else:
            connection.sendall(head)
            connection.sendall(body)
    except TimeoutError:
        raise TransientError("write_timeout", "the server did not take the request in time") from None
    except _LOST:
        # A server may answer (401, 413) and hang up before it has read all: the answer is worth a look.
        return False
    except OSError as error:
        raise TransientError("connection_reset", f"the connection was lost: {_reason(error)}") from None
    return True


def _read(connection: socket.socket) -> tuple[Response, bool]:
    """The answer, and whether the connection can serve again.

    Raises:
        NoResponseError: the connection was lost before a byte of an answer.
        TransientError: no answer, or half of one.
    """
    try:
        return http1.read(connection)
    except TimeoutError:
        text = "no whole answer in time; the request may have arrived"
        raise TransientError("read_timeout", text) from None
    except InvalidResponseError as error:
        raise TransientError("bad_answer", str(error)) from None
    except OSError as error:
        raise TransientError("connection_reset", f"the connection was lost: {_reason(error)}") from None


#: The first kind that fits names the failure. Certificates come before: see ``_connect_error``.
_CONNECT_ERRORS: tuple[tuple[type[OSError] | tuple[type[OSError], ...], str, str], ...] = (
    (socket.gaierror, "dns", "the host's name was not resolved"),
    (TimeoutError, "connect_timeout", "no connection in time"),
    (ConnectionRefusedError, "connection_refused", "nothing listens there"),
    (_LOST, "connection_reset", "the connection was lost before the request"),
    (ssl.SSLError, "tls_handshake", "no TLS connection"),
    (OSError, "connection_failed", "no connection"),
)


def _connect_error(error: OSError, trust: str) -> TransientError | PermanentError:
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"the server's certificate is not trusted: {error.verify_message}; {trust}"
        return PermanentError("tls", text)
    code, text = next((code, text) for kind, code, text in _CONNECT_ERRORS if isinstance(error, kind))
    return TransientError(code, f"{text}: {_reason(error)}")


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _readable(sock: socket.socket) -> bool:
    """Whether an idle connection has something to say: the end, or bytes nobody asked for."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _host(endpoint: Endpoint) -> str:
    """What the header ``Host`` says."""
    host, port, tls = endpoint
    name = f"[{host}]" if ":" in host else host
    return name if port == (_HTTP if tls is None else _HTTPS) else f"{name}:{port}"
