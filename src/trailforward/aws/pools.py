"""Gives botocore's connections the rules of the direct client.

An idle connection is not trusted after :data:`IDLE_SECONDS`, a task that is abandoned closes its connections,
and a certificate that matches only by its common name is refused. urllib3's pools have no such settings.
"""

from __future__ import annotations

import socket
import time
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)

from trailforward.errors import TransientError
from trailforward.transport import calls
from trailforward.transport.connections import IDLE_SECONDS


def use_pools(client: Any) -> None:
    """Makes a new client use these pools, also through a proxy.

    The attribute is private to botocore. A version without it keeps botocore's own pools, and a test fails.
    """
    session = getattr(getattr(client, "_endpoint", None), "http_session", None)
    classes = getattr(session, "_pool_classes_by_scheme", None)
    if classes is not None:
        classes.update(http=_HttpPool, https=_HttpsPool)


class _Connection:
    """Tells the thread's task when it opens a connection."""

    sock: Any

    def connect(self) -> None:
        """Connects."""
        super().connect()  # type: ignore[misc]
        _begin(self.sock)


class _HttpConnection(_Connection, AWSHTTPConnection):  # type: ignore[misc]
    pass


class _HttpsConnection(_Connection, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _Pool:
    """A pool that closes connections that were idle too long, by the wall clock.

    Attributes:
        clock: seconds; continues while Lambda freezes the environment.
    """

    clock = staticmethod(time.time)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        context = kwargs.get("ssl_context")
        if context is not None:
            context.hostname_checks_common_name = False
        super().__init__(*args, **kwargs)

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        if connection.sock is not None:
            idle = self.clock() - getattr(connection, "idle_since", 0.0)
            if not 0 <= idle < IDLE_SECONDS:
                connection.close()  # urllib3 opens it again
                return connection
            try:
                _begin(connection.sock)
            except TransientError:
                connection.close()
                raise
        return connection

    def _put_conn(self, connection: Any) -> None:
        if connection is not None:
            task = calls.current()
            if task is not None and connection.sock is not None:
                task.end(connection.sock)
                if task.abandoned:
                    connection.close()
            connection.idle_since = self.clock()
        super()._put_conn(connection)  # type: ignore[misc]


class _HttpPool(_Pool, AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _HttpConnection


class _HttpsPool(_Pool, AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _HttpsConnection


def _begin(connection: Any) -> None:
    task = calls.current()
    # Through a TLS proxy, it is urllib3's own object, which cannot be shut down from another thread.
    if task is not None and isinstance(connection, socket.socket):
        task.begin(connection)
