"""Proxies: which one the environment names for a URL, and a tunnel through it (``CONNECT``).

The variables mean what they mean to botocore, so that a function's sinks and AWS calls take the same way.
Sources: ``urllib.request.getproxies_environment``, ``proxy_bypass_environment``, and RFC 9110, section 9.3.6.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from trailforward._version import __version__
from trailforward.errors import PermanentError, TransientError
from trailforward.transport import http1
from trailforward.transport.http1 import InvalidResponseError, NoResponseError
from trailforward.transport.responses import retry_after_seconds

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping
    from urllib.parse import SplitResult

_HOST = re.compile(r"[A-Za-z0-9_.-]{1,254}|[0-9A-Fa-f:.]{2,45}")
_VARIABLE = "HTTPS_PROXY"
_UNAUTHENTICATED = 407
_PASSING = frozenset({408, 425, 429})
_HTTP, _HTTPS = 80, 443


class Proxy(NamedTuple):
    """A proxy without its credentials.

    Attributes:
        host: host name or IP address, without brackets.
        port: port number.
        tls: whether the connection to the proxy is encrypted.
    """

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        return _authority(self.host, self.port)


def proxy_for(url: SplitResult, environ: Mapping[str, str]) -> str:
    """The URL of the proxy for a destination, with credentials if it has some; empty for none.

    Plain http, which sinks use on the loopback interface only, is never sent to another machine.

    Args:
        url: of the destination.
        environ: the environment variables.
    """
    if url.scheme != "https":
        return ""
    found = ""
    no_proxy = ""
    # A name in lower case takes precedence, even if it is empty.
    for name in sorted(environ):
        match name.lower():
            case "https_proxy":
                found = environ[name] if environ[name] or name.islower() else found
            case "no_proxy":
                no_proxy = environ[name] if environ[name] or name.islower() else no_proxy
    return "" if not found or _bypassed(url.netloc, no_proxy) else found


def _bypassed(netloc: str, no_proxy: str) -> bool:
    """Whether ``NO_PROXY`` names the host: ``*``, a domain with or without a leading dot, ``host:port``."""
    if no_proxy == "*":
        return True
    full = netloc.lower()
    host = re.sub(r":[0-9]*$", "", full)
    for name in no_proxy.lower().split(","):
        plain = name.strip().lstrip(".")
        ends = (f".{plain}",)
        if name.strip() and (plain in {host, full} or host.endswith(ends) or full.endswith(ends)):
            return True
    return False


def tunnel(
    proxy_url: str,
    target: tuple[str, int],
    connect: Callable[[str, int], socket.socket],
    readable: Callable[[socket.socket], http1.Readable],
) -> socket.socket:
    """Connects to a host through a proxy.

    Args:
        proxy_url: from :func:`proxy_for`.
        target: host and port of the destination.
        connect: connects to a host and port.
        readable: what the response is read from, within the limits of the call.

    Raises:
        TransientError: the proxy is unreachable, or cannot reach the destination at the moment.
        PermanentError: ``proxy``: the variable is malformed, or the proxy refuses the user or the host.
        OSError: from the connection to the proxy.
    """
    proxy, authorization = parse(proxy_url)
    connection = connect(proxy.host, proxy.port)
    try:
        if proxy.tls:
            connection = _encrypted(connection, proxy)
        place = _authority(*target)
        lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}", f"User-Agent: trailforward/{__version__}"]
        lines += [f"Proxy-Authorization: {authorization}"] if authorization else []
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        try:
            status, headers = http1.read_head(readable(connection))
        except (InvalidResponseError, NoResponseError) as error:
            fix = f"check that {_VARIABLE} names an HTTP proxy"
            text = f"the proxy {proxy} did not respond to CONNECT ({error}). Fix: {fix}"
            raise TransientError("invalid_response", text) from None
        _check(proxy, place, status, headers, known=bool(authorization))
    except BaseException:
        connection.close()
        raise
    return connection


def _encrypted(connection: socket.socket, proxy: Proxy) -> socket.socket:
    """Does the TLS handshake with the proxy itself."""
    import ssl

    from trailforward.transport.tls import client_context

    try:
        return client_context().wrap_socket(connection, server_hostname=proxy.host)
    except ssl.SSLCertVerificationError as error:
        fix = "set SSL_CERT_FILE to a PEM file with the proxy's CA, or use the proxy by http://"
        text = f"the certificate of the proxy {proxy} is not trusted: {error.verify_message}. Fix: {fix}"
        raise PermanentError("proxy", text) from None


def parse(proxy_url: str) -> tuple[Proxy, str]:
    """A proxy, and the value of ``Proxy-Authorization``; empty without credentials.

    Raises:
        PermanentError: ``proxy``: the URL is malformed. The text does not repeat it.
    """
    text = f"http:{proxy_url}" if proxy_url.startswith("//") else proxy_url
    text = text if "://" in text else f"http://{text}"
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
    except ValueError:
        host, port = "", None
    else:
        if url.scheme in {"http", "https"} and _HOST.fullmatch(host) and port != 0:
            tls = url.scheme == "https"
            proxy = Proxy(host, port or (_HTTPS if tls else _HTTP), tls)
            if url.username is None:
                return proxy, ""
            pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
            return proxy, "Basic " + base64.b64encode(pair.encode()).decode()
    fix = f"write {_VARIABLE}=http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT with percent-encoded parts"
    raise PermanentError("proxy", f"{_VARIABLE} is not the URL of an HTTP proxy. Fix: {fix}")


def _check(proxy: Proxy, place: str, status: int, headers: Mapping[str, str], *, known: bool) -> None:
    """Raises the error of a proxy that does not open a tunnel."""
    if 200 <= status < 300:  # noqa: PLR2004
        return
    if status == _UNAUTHENTICATED:
        what = "refuses the user name or the password" if known else "requires a user name and a password"
        fix = f"write {_VARIABLE}=http://USER:PASSWORD@{proxy} with percent-encoded parts"
        raise PermanentError("proxy", f"the proxy {proxy} {what} (status 407). Fix: {fix}")
    if status in _PASSING or status >= 500:  # noqa: PLR2004  # 502 and 504: it does not reach the destination
        fix = "if this persists, check that the proxy resolves and reaches the host"
        text = f"the proxy {proxy} returned status {status} for {place}. Fix: {fix}"
        wait = retry_after_seconds(headers.get("retry-after"))
        raise TransientError("proxy_unavailable", text, retry_after=wait)
    fix = f"allow {place} in the proxy, or add its host to NO_PROXY"
    raise PermanentError("proxy", f"the proxy {proxy} refuses {place} (status {status}). Fix: {fix}")


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
