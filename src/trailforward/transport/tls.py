"""TLS settings for all connections of the transport."""

from __future__ import annotations

import ssl


def client_context(ca_file: str | None = None) -> ssl.SSLContext:
    """A context that verifies the server: TLS 1.2 or newer, HTTP/1.1 only.

    The host name must be among the certificate's subject alternative names. OpenSSL would also accept a
    certificate without any whose common name matches, which RFC 9525 forbids.

    Args:
        ca_file: PEM file of a private CA; the system's CAs by default.

    Raises:
        OSError: the file cannot be read, or is not a PEM file with certificates.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.set_alpn_protocols(["http/1.1"])
    return context
