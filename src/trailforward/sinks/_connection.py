"""HTTP connections of sinks: kept over invocations, shared by threads, strict about what an answer is."""

from __future__ import annotations

import http.client
import io
import selectors
import socket
import ssl
import time
from collections import deque
from email.errors import MissingHeaderBodySeparatorDefect
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.errors import PermanentError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Most of an answer's body that is read. A longer one costs the connection, not the delivery.
MAX_ANSWER = 1 << 20

#: Idle connections kept; more are closed.
MAX_IDLE = 16

#: Seconds after which an idle connection is not trusted any more: most servers and load balancers hang up
#: after 60 s or more, and address translators drop what is idle for long without a word.
IDLE_SECONDS = 50.0

_FIRST_FINAL_STATUS = 200
_FIRST_FAILURE = 300

_LOST = (
    BrokenPipeError,
    ConnectionAbortedError,
    ConnectionResetError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)


class Answer(NamedTuple):
    """A complete answer.

    Attributes:
        status: 200 or above.
        headers: looked up without regard to case.
        body: of at most :data:`MAX_ANSWER` bytes; what lies beyond is cut off.
    """

    status: int
    headers: http.client.HTTPMessage
    body: bytes


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


class _StaleError(Exception):
    """A kept connection that the server had closed before it answered."""


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
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._trust = trust
        self._clock = clock
        # append and pop of a deque are atomic; the last one used is the likeliest to be alive
        self._idle: deque[tuple[http.client.HTTPConnection, float]] = deque()
        self._closed = False

    def post(self, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
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
            except _StaleError:
                pass
        try:
            return self._exchange(self._open(), target, headers, body)
        except _StaleError as error:
            raise TransientError("connection_reset", f"the connection was lost: {error}") from None

    def close(self) -> None:
        """Closes idle connections; those in use are closed by their thread."""
        self._closed = True
        while idle := self._pop():
            idle[0].close()

    def __del__(self) -> None:
        # Nobody else can close what a sink leaves that is not closed itself.
        self.close()

    def _pop(self) -> tuple[http.client.HTTPConnection, float] | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _take(self) -> http.client.HTTPConnection | None:
        while idle := self._pop():
            connection, since = idle
            if 0 <= self._clock() - since < IDLE_SECONDS and not _readable(connection.sock):
                return connection
            connection.close()
        return None

    def _keep(self, connection: http.client.HTTPConnection) -> None:
        if len(self._idle) >= MAX_IDLE:
            connection.close()
            return
        self._idle.append((connection, self._clock()))
        if self._closed:  # while this thread was still busy
            self.close()

    def _open(self) -> http.client.HTTPConnection:
        host, port, tls = self._endpoint
        connection: http.client.HTTPConnection
        if tls is None:
            connection = http.client.HTTPConnection(host, port, timeout=self._connect_timeout)
        else:
            connection = http.client.HTTPSConnection(host, port, timeout=self._connect_timeout, context=tls)
        connection.response_class = _Response
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise _connect_error(error, self._trust) from None
        connection.sock.settimeout(self._read_timeout)
        return connection

    def _exchange(
        self, connection: http.client.HTTPConnection, target: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        keep = False
        try:
            whole = _write(connection, target, headers, body)
            with _begin(connection) as response:
                data, reusable = _drain(response)
                if not whole and response.status < _FIRST_FAILURE:
                    text = f"answered {response.status} before it had read the request"
                    raise TransientError("connection_reset", text)
                keep = whole and reusable
                return Answer(response.status, response.headers, data)
        finally:
            if keep:
                self._keep(connection)
            else:
                connection.close()


def _write(
    connection: http.client.HTTPConnection, target: str, headers: Mapping[str, str], body: bytes
) -> bool:
    """Sends the request; False if the server hung up before it had all."""
    try:
        connection.request("POST", target, body, dict(headers))
    except TimeoutError:
        raise TransientError("write_timeout", "the server did not take the request in time") from None
    except _LOST:
        # A server may answer (401, 413) and hang up before it has read all: the answer is worth a look.
        return False
    except OSError as error:
        raise TransientError("connection_reset", f"the connection was lost: {_reason(error)}") from None
    return True


def _begin(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    """Status and headers."""
    try:
        response = connection.getresponse()
    except TimeoutError:
        raise TransientError("read_timeout", "no answer in time; the request may have arrived") from None
    except _LOST as error:  # among them http.client.RemoteDisconnected: not a byte of an answer
        raise _StaleError(_reason(error)) from None
    except http.client.HTTPException as error:
        raise TransientError("bad_answer", f"no HTTP answer: {type(error).__name__}") from None
    except OSError as error:
        raise TransientError("connection_reset", f"the connection was lost: {_reason(error)}") from None
    problem = _malformed(response)
    if problem:
        response.close()
        raise TransientError("bad_answer", problem)
    return response


def _malformed(response: http.client.HTTPResponse) -> str:
    """What is wrong with a head that http.client puts up with; empty if nothing."""
    if response.status < _FIRST_FINAL_STATUS:
        return f"status {response.status} is no final answer"
    if any(isinstance(defect, MissingHeaderBodySeparatorDefect) for defect in response.headers.defects):
        return "a header line without a colon"
    if response.length is None and not response.chunked and "Content-Length" in response.headers:
        return "a Content-Length that is no number"
    return ""


def _drain(response: http.client.HTTPResponse) -> tuple[bytes, bool]:
    """The body, read to its end; and whether the connection can serve again."""
    try:
        data = response.read(MAX_ANSWER + 1)
    except TimeoutError:
        raise TransientError("read_timeout", "the answer stopped half-way") from None
    except http.client.HTTPException as error:
        raise TransientError("bad_answer", f"the answer is cut short: {type(error).__name__}") from None
    except OSError as error:
        raise TransientError("connection_reset", f"the connection was lost: {_reason(error)}") from None
    if len(data) > MAX_ANSWER:
        return data[:MAX_ANSWER], False
    if response.length:
        raise TransientError("bad_answer", f"the answer is cut short: {response.length} bytes are missing")
    return data, response.isclosed() and not response.will_close


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
    """The system's words; of http.client's own errors only the name, since their text quotes the server."""
    return error.strerror or type(error).__name__


def _readable(sock: socket.socket) -> bool:
    """Whether an idle connection has something to say: the end, or bytes nobody asked for."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


class _Lines(io.BufferedReader):
    """Refuses a line that ends with the connection: http.client would take it for the end of the headers."""

    _begun = False

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if not line.endswith(b"\n") and len(line) != size and (line or self._begun):
            raise http.client.IncompleteRead(line)
        self._begun = True
        return line


class _Response(http.client.HTTPResponse):
    """An answer whose head must be complete."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp = _Lines(self.fp.detach())
