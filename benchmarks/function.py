"""Runs a Lambda function with AWS's runtime client in a separate process, and measures that process.

The measuring process serves the Runtime API with blocking sockets, because the client sends one request at a
time. Sources: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html; the CPU
clock of another process, with all its threads, user and system time: ``clock_getcpuclockid(3)``.
"""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

FUNCTION = "trailforward-benchmark"
_ARN = f"arn:aws:lambda:us-east-1:111122223333:function:{FUNCTION}"
_TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
_SECONDS = 300
#: The kernel counts a process's CPU time in ``/proc/PID/stat`` in ticks.
_TICK = 1 / os.sysconf("SC_CLK_TCK")


class FunctionError(Exception):
    """A function failed; the text ends with its log."""


class Invocation(NamedTuple):
    """The result of one invocation.

    Attributes:
        response: of the handler.
        cpu: CPU time in seconds, from sending the event to receiving the response.
    """

    response: Any
    cpu: float


@dataclass(slots=True)
class _Request:
    connection: socket.socket
    target: str
    body: bytes


class Function:
    """A running function. Use it as a context manager.

    Args:
        handler: as in a template: ``module.function``.
        environ: all environment variables except those that Lambda sets.
        folder: for its log.
    """

    def __init__(self, handler: str, environ: Mapping[str, str], folder: Path) -> None:
        self._handler = handler
        self._environ = environ
        self._folder = folder / uuid.uuid4().hex
        self._log = self._folder.with_suffix(".log")

    def __enter__(self) -> Self:
        self._folder.mkdir()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._buffers: dict[socket.socket, bytearray] = {}
        environ = {
            **self._environ,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._listener.getsockname()[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": FUNCTION,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "LAMBDA_TASK_ROOT": str(self._folder),
        }
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "awslambdaric", self._handler]
            self._process = subprocess.Popen(
                command, cwd=self._folder, env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        return self

    def __exit__(self, *_: object) -> None:
        # The client waits for its next event in C code, where only SIGKILL ends it.
        self._process.kill()
        self._process.wait()
        for connection in (self._listener, *self._buffers):
            connection.close()
        self._selector.close()

    def invoke(self, payload: bytes) -> Invocation:
        """Sends one event and waits for the response.

        Raises:
            FunctionError: the handler raised, or the process ended.
        """
        waiting = self._request()
        self._expect(waiting, waiting.target.endswith("/next"))
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
            f"Lambda-Runtime-Aws-Request-Id: {uuid.uuid4()}\r\n"
            f"Lambda-Runtime-Deadline-Ms: {(time.time() + _SECONDS) * 1000:.0f}\r\n"
            f"Lambda-Runtime-Invoked-Function-Arn: {_ARN}\r\n"
            f"Lambda-Runtime-Trace-Id: {_TRACE}\r\n\r\n"
        )
        message = head.encode() + payload
        before = self.cpu()
        waiting.connection.sendall(message)
        response = self._request()
        after = self.cpu()
        self._expect(response, response.target.endswith("/response"))
        response.connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        return Invocation(orjson.loads(response.body), after - before)

    def cpu(self) -> float:
        """CPU time of the process in seconds: all threads, user and system."""
        return time.clock_gettime_ns((~self._process.pid << 3) | 2) / 1e9

    def peak_memory(self) -> int:
        """Peak memory of the process in bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def check_clock(self) -> None:
        """Compares the CPU clock with ``/proc/PID/stat`` while the function waits.

        Raises:
            FunctionError: they differ by more than the precision of that file.
        """
        # The name in parentheses may contain spaces; the times are the 14th and 15th fields.
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = (int(fields[11]) + int(fields[12])) * _TICK
        if abs(self.cpu() - ticks) > 3 * _TICK:
            raise FunctionError(f"the clock says {self.cpu():.3f} s of CPU, /proc says {ticks:.3f} s")

    def _request(self) -> _Request:
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            for key, _ in self._selector.select(timeout=1):
                if key.fileobj is self._listener:
                    connection, _ = self._listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._buffers[connection] = bytearray()
                    self._selector.register(connection, selectors.EVENT_READ)
                elif (request := self._received(key.fileobj)) is not None:
                    return request
        raise FunctionError(f"{self._handler} ended or hangs\n{self._tail()}")

    def _received(self, connection: Any) -> _Request | None:
        data = connection.recv(1 << 20)
        buffer = self._buffers[connection]
        buffer += data
        head, blank, body = bytes(buffer).partition(b"\r\n\r\n")
        if not data:
            self._selector.unregister(connection)
            del self._buffers[connection]
            connection.close()
        lines = head.decode().split("\r\n")
        lengths = [line for line in lines if line.lower().startswith("content-length:")]
        if not blank or len(body) < (int(lengths[0].partition(":")[2]) if lengths else 0):
            return None
        buffer.clear()
        return _Request(connection, lines[0].split()[1], body)

    def _expect(self, request: _Request, wanted: object) -> None:
        if not wanted:
            text = request.body.decode(errors="replace")[:2_000]
            raise FunctionError(f"{self._handler}: {request.target}: {text}\n{self._tail()}")

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-2_000:]
