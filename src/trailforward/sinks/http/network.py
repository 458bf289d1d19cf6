"""The way to a receiver: client certificates, and connections, through a proxy if there is one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from trailforward.aws.secrets import check_reference
from trailforward.settings import Settings
from trailforward.transport.connections import Connections, Endpoint
from trailforward.transport.tls import client_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from trailforward.aws.secrets import Secrets


class ClientCertificate(Settings):
    """The certificate and the private key that the sink shows to the receiver, by reference.

    Attributes:
        certificate: reference to PEM text: the certificate, then those of intermediate CAs. It also has the
            private key, unless ``private_key`` is set.
        private_key: reference to the private key in PEM.
        password: reference to the password, if the private key is encrypted.
    """

    certificate: str
    private_key: str | None = None
    password: str | None = None

    check_certificate = staticmethod(check_reference)
    check_private_key = staticmethod(check_reference)
    check_password = staticmethod(check_reference)

    @property
    def references(self) -> Mapping[str, str]:
        """Key → reference, in the order certificate, private key, password."""
        given = {
            "certificate": self.certificate,
            "private_key": self.private_key,
            "password": self.password,
        }
        return {key: reference for key, reference in given.items() if reference}

    def check_usable(self, secrets: Secrets, lifetime: float) -> None:
        """Reads certificate, key, and password, and checks that they belong together.

        Raises:
            TransientError: a secret cannot be read at the moment.
            PermanentError: ``secret`` or ``client_certificate``: they cannot be read or used.
        """
        # Imported here because few configurations use it.
        from trailforward.sinks.http import mutual_tls

        mutual_tls.context(mutual_tls.read(self, secrets, lifetime), None)


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
