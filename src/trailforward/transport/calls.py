"""The calls that one task makes: when they must end, and how another thread ends them.

A thread that waits for a slow server cannot be stopped, but its connection can be shut down, which ends the
wait.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from trailforward.errors import TransientError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_local = threading.local()


class Calls:
    """The calls of all threads that work on one task.

    Args:
        deadline: on ``time.monotonic``; no call of the direct client continues after it.

    Attributes:
        deadline: as given.
        abandoned: whether :meth:`abandon` was called.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.abandoned = False
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()

    def run(self, work: Callable[[], None]) -> None:
        """Runs a function whose calls in this thread belong to the task."""
        _local.calls = self
        try:
            work()
        finally:
            _local.calls = None

    def begin(self, connection: socket.socket) -> None:
        """A call uses this connection from now on.

        Raises:
            TransientError: ``deadline``: the task was abandoned.
        """
        with self._lock:
            if self.abandoned:
                raise past_deadline()
            self._connections.add(connection)

    def end(self, connection: socket.socket) -> None:
        """The call is over. Must precede closing the connection: its file descriptor may be reused."""
        with self._lock:
            self._connections.discard(connection)

    def abandon(self) -> None:
        """Shuts down the connections of all calls in progress, and lets no other call begin."""
        import socket

        with self._lock:
            self.abandoned = True
            for connection in self._connections:
                with suppress(OSError):  # closed already
                    # Of the TCP connection: ending TLS would wait for the server.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
            self._connections.clear()


def current() -> Calls | None:
    """The task that this thread works on; None outside of tasks."""
    calls: Calls | None = getattr(_local, "calls", None)
    return calls


def past_deadline() -> TransientError:
    """The error of a call that the deadline ends."""
    return TransientError("deadline", "no response before the deadline")
