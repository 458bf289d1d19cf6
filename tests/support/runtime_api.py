"""Lambda's Runtime API on the loopback interface, for AWS's Python runtime client (awslambdaric).

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FUNCTION_ARN = "arn:aws:lambda:eu-west-1:111122223333:function:trailforward"


class Response(NamedTuple):
    """The result of an invocation.

    Attributes:
        kind: ``response``, ``error`` or ``init``.
        body: the JSON that the function returned.
    """

    kind: str
    body: Any


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Does nothing: tests stop clients in the middle of a request."""


class Function:
    """A function in a separate process, run by the real runtime client.

    Args:
        environ: environment variables of the function.
        folder: an empty folder to run in, so that the checkout cannot hide a missing file.
        handler: handler name, as in a template.
    """

    def __init__(
        self, environ: Mapping[str, str], folder: Path, handler: str = "trailforward.handler.lambda_handler"
    ) -> None:
        self._events: queue.Queue[tuple[bytes, float] | None] = queue.Queue()
        self._responses: queue.Queue[Response] = queue.Queue()
        self._taken = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._log = folder / "function.log"
        self._folder = folder
        self._handler_name = handler
        self._environ = {
            "PATH": os.environ["PATH"],
            **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE")},
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "trailforward",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "token",
            "AWS_EC2_METADATA_DISABLED": "true",
            "LAMBDA_TASK_ROOT": str(folder),
            **environ,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "awslambdaric", self._handler_name],
                cwd=self._folder,
                env=self._environ,
                stdout=log,
                stderr=log,
            )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        # The client waits for events in C code, which signals do not interrupt. It ends when the API fails.
        self._events.put(None)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.terminate()
        finally:
            self._process.kill()
            self._process.wait()
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def invoke(self, payload: Any, *, seconds: float = 30.0) -> Response:
        """Sends one event and waits for the response."""
        self._events.put((payload if isinstance(payload, bytes) else json.dumps(payload).encode(), seconds))
        return self._responses.get(timeout=600)

    def invoke_and_kill(self, payload: Any, after: float, *, seconds: float = 30.0) -> Response | None:
        """Sends one event and kills the process with SIGKILL, if it does not respond in time.

        Args:
            payload: JSON.
            after: seconds from the moment when the process has the event.
            seconds: remaining time of the invocation.

        Returns:
            The response, also if it came just before the end; None if there was none.
        """
        assert self._process is not None
        self._taken.clear()
        self._events.put((json.dumps(payload).encode(), seconds))
        self._taken.wait(600)
        try:
            return self._responses.get(timeout=after)
        except queue.Empty:
            self._process.kill()
            self._process.wait()
        try:
            return self._responses.get(timeout=0.05)
        except queue.Empty:
            return None

    def init_error(self) -> Response:
        """Waits for the client's report that the handler could not be loaded."""
        return self._responses.get(timeout=600)

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """The function's log."""
        return self._log.read_text()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        events, responses, taken = self._events, self._responses, self._taken

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                event = events.get(timeout=600)
                if event is None:
                    events.put(None)  # for the client's next request
                    self.send_error(500)
                    return
                payload, seconds = event
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "33333333-0000-4000-8000-000000000000")
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + seconds) * 1000)))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", FUNCTION_ARN)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)
                taken.set()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kind = "init" if "/init/" in self.path else self.path.rpartition("/")[2]
                responses.put(Response(kind, json.loads(body)))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler
