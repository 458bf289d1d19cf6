"""A real HTTP receiver on 127.0.0.1 that records every request and follows a script of faults.

    with Receiver([Status(429, {"Retry-After": "0"}), Reset(), Slow(0.2)]) as receiver:
        send_to(receiver.url)
        assert [request.body for request in receiver.requests] == [...]

The first request gets the first fault, and so on. After the script ends, every response is a plain 200.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import struct
import tempfile
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from email.message import Message


@dataclass(frozen=True, slots=True)
class Request:
    """A request with a complete body.

    Attributes:
        method: ``POST``.
        path: the target, including the query.
        headers: names are case-insensitive.
        body: the body as sent, without decompression.
        connection: number of the TCP connection, from 1.
    """

    method: str
    path: str
    headers: Message
    body: bytes
    connection: int

    @property
    def decoded(self) -> bytes:
        """The body without its content encoding."""
        return gzip.decompress(self.body) if self.headers["Content-Encoding"] == "gzip" else self.body

    @property
    def json(self) -> Any:
        """The decoded body, parsed as JSON."""
        return json.loads(self.decoded)


class Fault:
    """What happens to one request.

    Attributes:
        stored: whether the body is read and recorded first.
    """

    stored: bool = True

    def apply(self, exchange: Exchange) -> None:
        """Responds, or does not."""
        raise NotImplementedError


@dataclass(frozen=True)
class Status(Fault):
    """A complete response."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def apply(self, exchange: Exchange) -> None:
        """Responds."""
        exchange.respond(self.status, self.headers, self.body)


@dataclass(frozen=True)
class Slow(Fault):
    """Waits, then responds with 200. With ``stored=False`` it does not read the request or respond."""

    seconds: float
    stored: bool = True

    def apply(self, exchange: Exchange) -> None:
        """Waits, then responds or closes the connection."""
        exchange.pause(self.seconds)
        if self.stored:
            exchange.respond(200, {}, b"")
        else:
            exchange.close_after()


@dataclass(frozen=True)
class Hold(Fault):
    """Waits until ``go`` is set (or the receiver stops), then responds with 200."""

    go: threading.Event = field(default_factory=threading.Event)

    def apply(self, exchange: Exchange) -> None:
        """Waits, then responds."""
        while not self.go.wait(0.02) and not exchange.receiver.stopping:
            pass
        exchange.respond(200, {}, b"")


@dataclass(frozen=True)
class Reset(Fault):
    """TCP RST: before the body is read, or (``stored=True``) instead of a response."""

    stored: bool = False

    def apply(self, exchange: Exchange) -> None:
        """Resets the connection."""
        exchange.reset()


@dataclass(frozen=True)
class HangUp(Fault):
    """Closes the connection instead of responding, with or without reading the body."""

    stored: bool = True

    def apply(self, exchange: Exchange) -> None:
        """Closes the connection."""
        exchange.close_after()


@dataclass(frozen=True)
class Goodbye(Fault):
    """Responds with 200 and then closes the connection, without having announced it."""

    def apply(self, exchange: Exchange) -> None:
        """Responds, then closes the connection."""
        exchange.respond(200, {}, b"")
        exchange.close_after()


@dataclass(frozen=True)
class Raw(Fault):
    """Sends exactly these bytes, then closes the connection (or, with ``end=False``, keeps it open)."""

    data: bytes
    end: bool = True

    def apply(self, exchange: Exchange) -> None:
        """Writes the bytes."""
        exchange.raw(self.data)
        if self.end:
            exchange.close_after()


@dataclass(frozen=True)
class Trickle(Fault):
    """Sends some bytes, then one byte at a time for as long as the client listens.

    Args:
        data: sent first.
        seconds: between two bytes.
        byte: repeated; several bytes are sent together.
    """

    data: bytes = b"HTTP/1.1 200 OK\r\nX-Slow: "
    seconds: float = 0.02
    byte: bytes = b"x"

    def apply(self, exchange: Exchange) -> None:
        """Sends bytes until the client or the receiver closes the connection."""
        exchange.close_after()
        exchange.raw(self.data)
        while not exchange.receiver.stopping:
            exchange.pause(self.seconds)
            exchange.raw(self.byte)


@dataclass(frozen=True)
class Mute(Fault):
    """Sends nothing until the client or the receiver closes the connection."""

    def apply(self, exchange: Exchange) -> None:
        """Waits for the end of the connection."""
        exchange.close_after()
        exchange.rfile.read(1)


@dataclass(frozen=True)
class Early(Fault):
    """Responds and closes the connection without reading the body."""

    status: int
    stored: bool = False

    def apply(self, exchange: Exchange) -> None:
        """Responds, then closes the connection."""
        exchange.respond(self.status, {"Connection": "close"}, b"")
        exchange.close_after()


#: Never comes to a final response.
ENDLESS_CONTINUE = Trickle(b"", 0.0, b"HTTP/1.1 100 Continue\r\n\r\n")
#: Announces 100 bytes and sends 9.
TRUNCATED = Raw(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"took":3')
#: Ends in the middle of the headers.
TRUNCATED_HEAD = Raw(b"HTTP/1.1 200 OK\r\nContent-Le")
#: Not HTTP at all.
MALFORMED = Raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


class Kind(Protocol):
    """What a kind of receiver does with a request."""

    @property
    def events(self) -> Callable[[bytes], list[bytes]]:
        """The events in a request's body."""
        ...

    @property
    def response(self) -> Callable[[Sequence[int]], tuple[int, bytes]]:
        """Status and body of the response, given the status that each event gets."""
        ...


class Receiver:
    """The receiver. Use it as a context manager.

    Args:
        faults: the script.
        tls: host names in the certificate (``"localhost"``), separated by spaces; empty for plain HTTP. The
            CA is in ``ca_file``.
        then: happens to every request after the script.
        common_name: issue the certificate for this common name only, without alternative names.
        kind: finds the events in a body, and makes the response from a status for each; responses with
            status 200 and no body are made by it.
    """

    def __init__(
        self,
        faults: Iterable[Fault] = (),
        *,
        tls: str = "",
        then: Fault | None = None,
        common_name: str = "",
        kind: Kind | None = None,
    ) -> None:
        self.kind = kind
        self._then = then or Status()
        self._script = deque(faults)
        self._changed = threading.Condition()
        self._requests: list[Request] = []
        self._played: list[tuple[Request, Fault]] = []
        self._opened = 0
        self._closed = 0
        self._sockets: set[socket.socket] = set()
        self._stop = threading.Event()
        self._folder = tempfile.TemporaryDirectory()
        self.ca_file = str(Path(self._folder.name) / "ca.pem")
        self._tls = self._certify(tls.split(), common_name) if tls or common_name else None
        self._server = _Server(self, self._tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The port that the receiver listens on."""
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        """The URL for requests, on ``localhost`` with TLS, otherwise on 127.0.0.1."""
        return f"https://localhost:{self.port}/in" if self._tls else f"http://127.0.0.1:{self.port}/in"

    @property
    def requests(self) -> list[Request]:
        """The requests so far, in order."""
        with self._changed:
            return list(self._requests)

    @property
    def played(self) -> list[tuple[Request, Fault]]:
        """The requests so far, each with what happened to it."""
        with self._changed:
            return list(self._played)

    @property
    def bodies(self) -> list[bytes]:
        """The decoded bodies of the requests so far."""
        return [request.decoded for request in self.requests]

    @property
    def connections(self) -> int:
        """Connections accepted so far."""
        with self._changed:
            return self._opened

    @property
    def stopping(self) -> bool:
        """Whether the receiver is being closed."""
        return self._stop.is_set()

    def script(self, *faults: Fault) -> None:
        """Adds faults to the script."""
        with self._changed:
            self._script.extend(faults)

    def wait_for_requests(self, count: int) -> list[Request]:
        """Waits until ``count`` requests have arrived."""
        self._wait(lambda: len(self._requests) >= count)
        return self.requests

    def wait_for_closed(self, count: int) -> None:
        """Waits until the receiver has closed ``count`` connections."""
        self._wait(lambda: self._closed >= count)

    def close(self) -> None:
        """Stops, closes all connections, and waits for all threads."""
        self._stop.set()
        self._server.shutdown()
        self._thread.join()
        with self._changed:
            sockets = list(self._sockets)
        for connection in sockets:
            with suppress(OSError):
                # Shuts down the TCP socket: a TLS shutdown could wait for a client that is gone.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self._server.server_close()
        self._folder.cleanup()

    def _wait(self, reached: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(reached, timeout=600), "the receiver waited too long"

    def _certify(self, names: list[str], common_name: str) -> ssl.SSLContext:
        import trustme

        if common_name:
            from tests.support.certificates import without_alternative_names

            return without_alternative_names(common_name, self.ca_file)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(context)
        return context

    # The exchanges call these, each in its own thread.

    def connected(self, connection: socket.socket) -> int:
        """Counts a connection and returns its number."""
        with self._changed:
            self._opened += 1
            self._sockets.add(connection)
            return self._opened

    def disconnected(self, connection: socket.socket) -> None:
        """Counts a connection that the receiver closed."""
        with self._changed:
            self._sockets.discard(connection)
            self._closed += 1
            self._changed.notify_all()

    def next_fault(self) -> Fault:
        """The script's next fault."""
        with self._changed:
            return self._script.popleft() if self._script else self._then

    def store(self, request: Request, fault: Fault) -> None:
        """Records a request and what happens to it."""
        with self._changed:
            self._requests.append(request)
            self._played.append((request, fault))
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Waits, unless the receiver stops."""
        self._stop.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them
    request_queue_size = 64

    def __init__(self, receiver: Receiver, tls: ssl.SSLContext | None) -> None:
        self.receiver = receiver
        self.tls = tls
        super().__init__(("127.0.0.1", 0), Exchange)

    def server_bind(self) -> None:
        # Avoids HTTPServer's reverse DNS lookup, which may take seconds.
        socket.socket.bind(self.socket, self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Does nothing: tests expect clients that close connections or reject the certificate."""


class Exchange(BaseHTTPRequestHandler):
    """One connection, with the methods that faults use."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        """Does the TLS handshake, if there is TLS."""
        self.receiver = self.server.receiver
        if self.server.tls is not None:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.number = self.receiver.connected(self.request)
        super().setup()

    def finish(self) -> None:
        """Closes the connection."""
        with suppress(OSError):
            super().finish()
        with suppress(OSError):
            self.request.shutdown(socket.SHUT_WR)
        self.request.close()
        self.receiver.disconnected(self.request)

    def handle(self) -> None:
        """Handles requests until either side closes the connection."""
        with suppress(OSError):
            super().handle()

    def do_PUT(self) -> None:  # name required by the base class
        """Handles PUT like POST."""
        self.do_POST()

    def do_POST(self) -> None:
        """Records the request and applies its fault."""
        fault = self.receiver.next_fault()
        if fault.stored:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                raise ConnectionResetError
            self.stored = Request(self.command, self.path, self.headers, body, self.number)
            self.receiver.store(self.stored, fault)
        else:
            self.close_connection = True
        fault.apply(self)

    def events(self) -> list[bytes]:
        """The events of this exchange's request."""
        kind = self.receiver.kind
        return kind.events(self.stored.decoded) if kind else []

    def succeed(self, statuses: Sequence[int]) -> None:
        """Sends the response of this kind of receiver, given the status that each event gets."""
        status, body = self.receiver.kind.response(statuses) if self.receiver.kind else (200, b"")
        self._send(status, {}, body)

    def respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Sends a complete response."""
        if status == 200 and not body and self.receiver.kind is not None:
            self.succeed([200 for _ in self.events()])
        else:
            self._send(status, headers, body)

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def raw(self, data: bytes) -> None:
        """Sends exactly these bytes."""
        self.wfile.write(data)

    def close_after(self) -> None:
        """Closes the connection after this exchange."""
        self.close_connection = True

    def reset(self) -> None:
        """Resets the connection (TCP RST)."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.wfile.close()
        self.connection.close()
        raise ConnectionAbortedError

    def pause(self, seconds: float) -> None:
        """Waits, unless the receiver stops."""
        self.receiver.pause(seconds)

    def log_message(self, *_: object) -> None:
        """Logs nothing."""
