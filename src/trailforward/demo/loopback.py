"""A small HTTP server on a free port of 127.0.0.1, which logs nothing and closes every connection."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType


class Handler(BaseHTTPRequestHandler):
    """Keeps connections alive, responds in one packet, and logs nothing."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # sends headers and body together
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name in the base class
        """Logs nothing."""

    def handle_expect_100(self) -> bool:
        """Requests the body immediately, because clients wait for this before they send it."""
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def body(self) -> bytes:
        """The request's body."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def respond(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        """Sends a response. ``headers`` may set ``Content-Length``, which HEAD has without a body."""
        self.send_response_only(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class LoopbackServer(ThreadingHTTPServer):
    """Serves in a thread, inside a ``with`` block.

    Args:
        handler: handles the requests; ``self.server`` is this server.
    """

    request_queue_size = 64

    def __init__(self, handler: type[Handler]) -> None:
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(("127.0.0.1", 0), handler)
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """The port on which the server listens."""
        return self.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._open:  # clients may keep them open forever
                with suppress(OSError):  # the client has just closed it
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def server_bind(self) -> None:
        """Binds without the DNS lookup of the host name that the base class makes."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Adds the connection to the open ones."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Removes the connection from the open ones and closes it."""
        with self._lock:
            self._open.discard(request)
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores closed connections; prints the traceback of any other error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
