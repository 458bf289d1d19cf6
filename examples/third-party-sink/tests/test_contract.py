"""The syslog sink complies with trailforward's contract."""

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
        """Reads frames until the sink closes the connection."""
        while length := self._until_space():
            self.server.taken.append(self.rfile.read(int(length)).split(b" - - - ", 1)[1])

    def _until_space(self) -> bytes:
        data = b""
        while (byte := self.rfile.read(1)) not in {b"", b" "}:
            data += byte
        return data


class TestSyslogSink(SinkContract):
    """Every test of the contract, against a server on the loopback interface."""

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
        """The events that the server has read. Syslog has no responses, so it never rejects an entry."""
        return list(self.server.taken)

    def fail_call(self, *, transient: bool) -> bool:
        """Stops the server. A permanent failure does not exist in syslog."""
        if transient:
            self.server.shutdown()
            self.server.server_close()
        return transient
