"""The syslog sink keeps trailforward's contract."""

from __future__ import annotations

import socketserver
import threading
from typing import TYPE_CHECKING

import pytest
from trailforward_syslog import SyslogSettings, SyslogSink

from trailforward.testing.contract import SinkContract

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Reads counted frames until the sink hangs up."""
        while length := self._until_blank():
            self.server.taken.append(self.rfile.read(int(length)).split(b" - - - ", 1)[1])

    def _until_blank(self) -> bytes:
        data = b""
        while (byte := self.rfile.read(1)) not in {b"", b" "}:
            data += byte
        return data


class TestSyslogSink(SinkContract):
    """Every promise of the contract, against a server on this machine."""

    @pytest.fixture(autouse=True)
    def _server(self) -> Iterator[None]:
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler) as server:
            server.taken = []
            self.server, self.port = server, server.server_address[1]
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            yield
            server.shutdown()

    def make(self) -> SyslogSink:
        """A sink that sends to the server."""
        return SyslogSink(SyslogSettings(to=f"syslog://127.0.0.1:{self.port}"))

    def taken(self) -> list[bytes]:
        """What the server has read so far. Syslog has no answers, so nothing is ever refused."""
        return list(self.server.taken)

    def fail_call(self, *, transient: bool) -> bool:
        """A server that is gone; one that refuses for good there is not."""
        if transient:
            self.server.shutdown()
            self.server.server_close()
        return transient
