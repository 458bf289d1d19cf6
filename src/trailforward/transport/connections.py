"""A thread-safe pool of HTTP connections that stay open between invocations."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.errors import PermanentError, TransientError
from trailforward.transport import calls, http1
from trailforward.transport.http1 import InvalidResponseError, NoResponseError, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Connections", "Endpoint", "Response"]

#: Most idle connections in a pool; others are closed.
MAX_IDLE = 16

#: Seconds after which an idle connection is not reused. Most servers and load balancers close idle
#: connections after 60 s or more, and NAT devices drop idle connections without notice.
IDLE_SECONDS = 50.0

#: Seconds that a call may take in total.
TOTAL_SECONDS = 30.0

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
        total_timeout: seconds for the whole call, however steadily the server sends.
        ca_hint: advice for the error text if the server's certificate is not trusted.
        proxy: URL of a proxy (:func:`trailforward.transport.proxies.proxy_for`); empty for none.
        clock: seconds; the wall clock by default, because it continues while Lambda freezes the environment.
    """

    def __init__(  # noqa: PLR0913  # each is independent
        self,
        endpoint: Endpoint,
        connect_timeout: float,
        read_timeout: float,
        total_timeout: float = TOTAL_SECONDS,
        *,
        ca_hint: str = "set `ca_file` if the server has a private CA",
        proxy: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = endpoint
        self._host = _host(endpoint)
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._total_timeout = total_timeout
        self._ca_hint = ca_hint
        self._proxy = proxy
        self._clock = clock
        # append and pop of a deque are atomic; the connection used last is the most likely to be open
        self._idle: deque[tuple[socket.socket, float]] = deque()
        self._closed = False

    def post(self, target: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Sends one POST request. Redirects are not followed.

        If the server closes a reused connection before the first byte of a response, the request is sent once
        more over a new connection. A server that had read the request receives it twice.

        The call ends after ``total_timeout`` seconds, at the deadline of the thread's task, or when the task
        is abandoned (:class:`~trailforward.transport.calls.Calls`).

        Raises:
            TransientError: ``dns``, ``connect_timeout``, ``connection_refused``, ``connection_failed``,
                ``tls_handshake``, ``write_timeout``, ``read_timeout``, ``total_timeout``, ``deadline``,
                ``connection_reset``, ``invalid_response``.
            PermanentError: ``tls``: the server's certificate is not trusted; ``client_certificate``: the
                server refuses the client's; ``proxy``: the proxy refuses the server or the user.
        """
        request = http1.head(target, self._host, headers, len(body))
        return self._call(request, body, http1.MAX_BODY_BYTES)

    def get(self, target: str, headers: Mapping[str, str], most: int) -> Response:
        """Sends one GET request, as :meth:`post` does. The response's body is truncated to ``most`` bytes."""
        return self._call(http1.head(target, self._host, headers, 0, "GET"), b"", most)

    def _call(self, request: bytes, body: bytes, most: int) -> Response:
        limit = _Limit(self._total_timeout)
        idle = self._take()
        if idle is not None:
            try:
                return self._exchange(idle, limit, request, body, most)
            except NoResponseError:
                pass
        try:
            return self._exchange(self._open(limit), limit, request, body, most)
        except NoResponseError as error:
            raise TransientError("connection_reset", f"the connection was lost: {error}") from None

    def connect(self) -> str:
        """Opens a connection and closes it; returns the TLS version, or empty for plain HTTP.

        Raises:
            TransientError: as for ``post``.
            PermanentError: ``tls``: the server's certificate is not trusted.
        """
        with self._open(_Limit(self._total_timeout)) as connection:
            secured: Any = connection  # ssl.SSLSocket, or urllib3's within a TLS proxy
            return secured.version() or "" if self._endpoint.tls is not None else ""

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

    def _open(self, limit: _Limit) -> socket.socket:
        host, port, tls = self._endpoint
        connection = None
        try:
            connection = self._connect(host, port, limit)
            # Each write is a complete request, so waiting to fill a packet would only add delay.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                connection.settimeout(limit.seconds(self._connect_timeout))
                connection = _secured(connection, tls, host)
            connection.settimeout(self._read_timeout)
        except OSError as error:
            if connection is not None:
                connection.close()
            if isinstance(error, TimeoutError) and limit.reached:
                raise limit.error() from None
            found = _connect_error(error, self._ca_hint)
            if self._proxy:
                found = type(found)(found.code, f"through the proxy: {found.message}")
            raise found from None
        except (TransientError, PermanentError):
            if connection is not None:
                connection.close()
            raise
        return connection

    def _connect(self, host: str, port: int, limit: _Limit) -> socket.socket:
        if not self._proxy:
            return _connect(host, port, self._connect_timeout, limit)
        from trailforward.transport import proxies

        def connect(proxy_host: str, proxy_port: int) -> socket.socket:
            try:
                return _connect(proxy_host, proxy_port, self._connect_timeout, limit)
            except OSError as error:
                if isinstance(error, TimeoutError) and limit.reached:
                    raise
                place = f"{proxy_host}:{proxy_port}"
                found = _connect_error(error, "")
                text = (
                    f"the proxy {place}: {found.message}. Fix: check HTTPS_PROXY, or add {host} to NO_PROXY"
                )
                raise TransientError(found.code, text) from None

        return proxies.tunnel(
            self._proxy,
            (host, port),
            connect,
            lambda connection: _Incoming(connection, limit, self._connect_timeout),
        )

    def _exchange(
        self, connection: socket.socket, limit: _Limit, request: bytes, body: bytes, most: int
    ) -> Response:
        keep = False
        task = limit.task
        try:
            if task is not None:
                task.begin(_outermost(connection))
            complete = _write(connection, request, body, limit, self._read_timeout)
            response, reusable = _read(connection, limit, self._read_timeout, most)
            if task is not None and task.abandoned:  # the end of the connection was not the server's
                raise calls.past_deadline()
            if not complete and response.status < _FIRST_FAILURE:
                text = f"the server returned status {response.status} before it had read the request"
                raise TransientError("connection_reset", text)
            keep = complete and reusable
            return response
        finally:
            if task is not None:
                task.end(_outermost(connection))
                keep = keep and not task.abandoned
            if keep:
                if limit.applied:
                    connection.settimeout(self._read_timeout)
                self._keep(connection)
            else:
                connection.close()


class _Limit:
    """When a call must end.

    Args:
        seconds: from now on, unless the deadline of the thread's task is earlier.

    Attributes:
        applied: whether a connection got a shorter timeout than it usually has.
        task: the task that the thread works on, if any.
    """

    __slots__ = ("_ends", "_seconds", "applied", "task")

    def __init__(self, seconds: float) -> None:
        self.task = calls.current()
        self.applied = False
        self._seconds = seconds
        self._ends = time.monotonic() + seconds
        if self.task is not None:
            self._ends = min(self._ends, self.task.deadline)

    def seconds(self, most: float) -> float:
        """The seconds that are left, at most ``most``.

        Raises:
            TransientError: ``total_timeout`` or ``deadline``: none are left.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise self.error()
        return min(left, most)

    def apply(self, connection: socket.socket, timeout: float) -> None:
        """Shortens the timeout of a connection, which is ``timeout`` so far, if less time is left.

        Raises:
            TransientError: as for :meth:`seconds`.
        """
        # Setting a timeout is a system call, which most calls do not need.
        if self.applied or self._ends - time.monotonic() < timeout:
            self.applied = True
            connection.settimeout(self.seconds(timeout))

    @property
    def reached(self) -> bool:
        """Whether the call must have ended."""
        return time.monotonic() >= self._ends

    def error(self) -> TransientError:
        """The error of a call that did not end in time."""
        if self.task is not None and self._ends == self.task.deadline:
            return calls.past_deadline()
        text = f"no complete response within {self._seconds:g} s; the server may have processed the request"
        return TransientError("total_timeout", text)


class _Incoming:
    """What a server sends. One that sends a byte now and then cannot hold the thread beyond the limit."""

    __slots__ = ("_connection", "_limit", "_timeout")

    def __init__(self, connection: socket.socket, limit: _Limit, timeout: float) -> None:
        self._connection = connection
        self._limit = limit
        self._timeout = timeout

    def recv(self, most: int) -> bytes:
        """The next bytes, at most ``most``; none if the server ended the connection."""
        self._limit.apply(self._connection, self._timeout)
        return self._connection.recv(most)


def _connect(host: str, port: int, timeout: float, limit: _Limit) -> socket.socket:
    """Connects to the first address of a host that accepts, with a timeout for each address."""
    failed: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        seconds = limit.seconds(timeout)
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(seconds)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failed = error
        else:
            return connection
    raise failed or OSError("the host has no address")


def _secured(connection: socket.socket, tls: ssl.SSLContext, host: str) -> socket.socket:
    """Does the TLS handshake; within an encrypted connection to a proxy, with urllib3, which botocore has."""
    if not isinstance(connection, ssl.SSLSocket):
        return tls.wrap_socket(connection, server_hostname=host)
    try:
        from urllib3.util.ssltransport import SSLTransport
    except ImportError:
        connection.close()
        text = "an https:// proxy needs an optional part: pip install 'trailforward[aws]'"
        raise PermanentError("proxy", text) from None
    inner: Any = SSLTransport(connection, tls, server_hostname=host)
    return inner  # type: ignore[no-any-return]


def _outermost(connection: socket.socket) -> socket.socket:
    """The connection that another thread can shut down: within a TLS proxy, the one to the proxy."""
    outer: socket.socket = getattr(connection, "socket", connection)
    return outer


def _write(connection: socket.socket, head: bytes, body: bytes, limit: _Limit, timeout: float) -> bool:
    """Sends the request; False if the server closed the connection before it had read everything."""
    try:
        limit.apply(connection, timeout)
        if len(body) <= _SEND_TOGETHER_BYTES:
            connection.sendall(head + body)
        else:
            connection.sendall(head)
            limit.apply(connection, timeout)
            connection.sendall(body)
    except TimeoutError:
        if limit.reached:
            raise limit.error() from None
        raise TransientError("write_timeout", "the server did not read the request in time") from None
    except _CONNECTION_LOST:
        # A server may respond (401, 413) and close the connection early. The caller reads the response.
        return False
    except OSError as error:
        raise TransientError("connection_reset", f"the connection was lost: {_reason(error)}") from None
    return True


def _read(connection: socket.socket, limit: _Limit, timeout: float, most: int) -> tuple[Response, bool]:
    """The response, and whether the connection can be reused.

    Raises:
        NoResponseError: the connection was lost before the first byte of a response.
        TransientError: no response, or an incomplete one.
    """
    try:
        return http1.read(_Incoming(connection, limit, timeout), most)
    except TimeoutError:
        if limit.reached:
            raise limit.error() from None
        text = "no complete response in time; the server may have processed the request"
        raise TransientError("read_timeout", text) from None
    except InvalidResponseError as error:
        raise TransientError("invalid_response", str(error)) from None
    except OSError as error:
        # With TLS 1.3, a server refuses the client's certificate after the handshake.
        if (refused := _refused_certificate(error)) is not None:
            raise refused from None
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
    if (refused := _refused_certificate(error)) is not None:
        return refused
    code, text = next((code, text) for kind, code, text in _CONNECT_ERRORS if isinstance(error, kind))
    return TransientError(code, f"{text}: {_reason(error)}")


#: Ends of OpenSSL's reasons for alerts about the client's certificate (RFC 8446, section 6.2).
_CERTIFICATE_ALERTS = (
    "ALERT_ACCESS_DENIED",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_REQUIRED",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_UNKNOWN_CA",
    "ALERT_UNSUPPORTED_CERTIFICATE",
)


def _refused_certificate(error: OSError) -> PermanentError | None:
    """The error if the server refuses the client's certificate, or misses one."""
    reason = getattr(error, "reason", None)
    if not isinstance(error, ssl.SSLError) or not str(reason).endswith(_CERTIFICATE_ALERTS):
        return None
    said = str(reason).rpartition("ALERT_")[2].lower().replace("_", " ")
    fix = "set `client_certificate` to one that is valid and that the server trusts"
    return PermanentError("client_certificate", f"the server refuses the client: {said}. Fix: {fix}")


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
