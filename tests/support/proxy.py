"""A real HTTP proxy on 127.0.0.1 that opens tunnels (``CONNECT``), with or without TLS and authentication."""

from __future__ import annotations

import select
import socket
import ssl
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

import trustme


class TunnelProxy:
    """The proxy. Use it as a context manager.

    Args:
        status: the status of every response to CONNECT; the tunnel is opened for 200.
        credentials: the value of ``Proxy-Authorization`` that is required; empty for none.
        tls: encrypt the connection to the proxy; the CA is in ``ca_file``.
        raw: sent instead of a response.

    Attributes:
        heads: the requests so far, each with its headers.
        carried: bytes that went through tunnels, in both directions.
    """

    def __init__(
        self, *, status: int = 200, credentials: str = "", tls: bool = False, raw: bytes | None = None
    ) -> None:
        self.heads: list[bytes] = []
        self.carried = 0
        self._status, self._credentials, self._raw = status, credentials, raw
        self._folder = tempfile.TemporaryDirectory()
        self.ca_file = str(Path(self._folder.name) / "ca.pem")
        self._tls = None
        if tls:
            authority = trustme.CA()
            authority.cert_pem.write_to_path(self.ca_file)
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("localhost").configure_cert(self._tls)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def port(self) -> int:
        """The port that the proxy listens on."""
        port: int = self._server.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The URL for ``HTTPS_PROXY``, without credentials."""
        return f"https://localhost:{self.port}" if self._tls else f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in list(self._threads):
            thread.join()
        self._server.close()
        self._folder.cleanup()

    def _accept(self) -> None:
        self._server.settimeout(0.05)
        while not self._stop.is_set():
            with suppress(TimeoutError):
                client, _ = self._server.accept()
                thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            client.settimeout(10)
            if self._tls:
                client = self._tls.wrap_socket(client, server_side=True)
            with client:
                self._tunnel(client)

    def _tunnel(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := client.recv(4_096)):
                return
            head += data
        self.heads.append(head)
        if self._raw is not None:
            client.sendall(self._raw)
            return
        wanted = f"Proxy-Authorization: {self._credentials}\r\n".encode()
        status = 407 if self._credentials and wanted not in head else self._status
        client.sendall(b"HTTP/1.1 %d Said\r\nRetry-After: 7\r\nX-Proxy: yes\r\n\r\n" % status)
        if status != 200:
            return
        port = int(head.split(b" ")[1].rpartition(b":")[2])
        with socket.create_connection(("127.0.0.1", port), 10) as upstream:
            self._relay(client, upstream)

    def _relay(self, client: socket.socket, upstream: socket.socket) -> None:
        other = {client: upstream, upstream: client}
        while not self._stop.is_set():
            pending = isinstance(client, ssl.SSLSocket) and client.pending()
            ready = [client] if pending else select.select([*other], [], [], 0.05)[0]
            for side in ready:
                if not (data := side.recv(65_536)):
                    return
                self.carried += len(data)
                other[side].sendall(data)
