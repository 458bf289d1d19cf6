"""Connections to the host of a URL, through a proxy if the environment names one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from trailforward.transport.connections import Connections, Endpoint
from trailforward.transport.tls import client_context

if TYPE_CHECKING:
    import ssl
    from urllib.parse import SplitResult


def connections(
    url: SplitResult, trust: str | ssl.SSLContext | None, timeouts: tuple[float, float, float]
) -> Connections:
    """A pool of connections.

    Args:
        url: the URL of the receiver.
        trust: PEM file of a private CA, or a complete TLS context; the system's CAs by default.
        timeouts: seconds to connect, between two bytes of a response, and in total.
    """
    proxy = ""
    # Most functions have no proxy, and should not import the module.
    if any(name[-6:].lower() == "_proxy" for name in os.environ):
        from trailforward.transport.proxies import proxy_for

        proxy = proxy_for(url, os.environ)
    hint = "set `ca_file` if the server has a private CA"
    if proxy:
        hint += ", or to the CA of a proxy that decrypts TLS"
    return Connections(endpoint(url, trust), *timeouts, ca_hint=hint, proxy=proxy)


def endpoint(url: SplitResult, trust: str | ssl.SSLContext | None = None) -> Endpoint:
    """The server of a URL, with TLS that verifies it unless the URL is http."""
    host = url.hostname or ""
    if url.scheme == "http":
        return Endpoint(host, url.port or 80, None)
    tls = client_context(trust) if trust is None or isinstance(trust, str) else trust
    return Endpoint(host, url.port or 443, tls)
