"""Connections to the host of a URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.transport.connections import Connections, Endpoint
from trailforward.transport.tls import client_context

if TYPE_CHECKING:
    from urllib.parse import SplitResult


def connections(url: SplitResult, ca_file: str | None, timeouts: tuple[float, float, float]) -> Connections:
    """A pool of connections.

    Args:
        url: the URL of the receiver.
        ca_file: PEM file of a private CA; the system's CAs by default.
        timeouts: seconds to connect, between two bytes of a response, and in total.
    """
    return Connections(endpoint(url, ca_file), *timeouts)


def endpoint(url: SplitResult, ca_file: str | None = None) -> Endpoint:
    """The server of a URL, with TLS that verifies it unless the URL is http."""
    host = url.hostname or ""
    if url.scheme == "http":
        return Endpoint(host, url.port or 80, None)
    return Endpoint(host, url.port or 443, client_context(ca_file))
