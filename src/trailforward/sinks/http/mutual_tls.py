"""Connections with a client certificate from Secrets Manager or Parameter Store, which may be rotated."""

from __future__ import annotations

import os
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from trailforward.errors import PermanentError, SecretError, TransientError
from trailforward.sinks.http.auth import as_sink_error
from trailforward.transport.tls import client_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from trailforward.aws.secrets import Secrets
    from trailforward.sinks.http.network import ClientCertificate
    from trailforward.transport.connections import Connections, Response

#: Codes of failures that another certificate may end.
_REFUSED = frozenset({"client_certificate", "tls_handshake"})


class MutualTls:
    """A pool of connections whose certificate follows the secrets. It has the methods of ``Connections``.

    Args:
        settings: the references.
        secrets: cache of secrets.
        lifetime: seconds that a secret stays in the cache.
        ca_file: PEM file of a private CA for the receiver's certificate.
        connect: makes a pool of connections with a TLS context.
    """

    def __init__(
        self,
        settings: ClientCertificate,
        secrets: Secrets,
        lifetime: float,
        ca_file: str | None,
        connect: Callable[[ssl.SSLContext], Connections],
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._lifetime = lifetime
        self._ca_file = ca_file
        self._connect = connect
        self._lock = threading.Lock()
        self._pem: Mapping[str, str] = {}
        self._pool: Connections | None = None

    def post(self, target: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Sends one POST request.

        Raises:
            TransientError: as ``Connections.post``; or the receiver refused the certificate, and there is a
                newer one.
            PermanentError: as ``Connections.post``; ``client_certificate``: the receiver refuses it, or it
                cannot be used; ``secret``: it cannot be read.
        """
        pool, pem = self._current()
        try:
            return pool.post(target, headers, body)
        except (TransientError, PermanentError) as error:
            self._after(error, pem)

    def connect(self) -> str:
        """Opens a connection and closes it; returns the TLS version. Raises as ``post``."""
        pool, pem = self._current()
        try:
            return pool.connect()
        except (TransientError, PermanentError) as error:
            self._after(error, pem)

    def close(self) -> None:
        """Closes idle connections. The next call opens new ones."""
        with self._lock:
            if self._pool is not None:
                self._pool.close()
            self._pool, self._pem = None, {}

    def _after(self, error: TransientError | PermanentError, pem: Mapping[str, str]) -> NoReturn:
        if error.code in _REFUSED and self._read(pem) != pem:
            text = "the receiver refused the client certificate; a newer one was found"
            raise TransientError("tls_handshake", text) from None
        raise error

    def _current(self) -> tuple[Connections, Mapping[str, str]]:
        pem = self._read()
        with self._lock:
            if self._pool is None or pem != self._pem:
                try:
                    tls = context(pem, self._ca_file)
                except PermanentError:
                    # A rotation may have changed one secret between the reads.
                    if (newer := self._read(pem)) == pem:
                        raise
                    pem = newer
                    tls = context(pem, self._ca_file)
                if self._pool is not None:
                    self._pool.close()
                self._pool, self._pem = self._connect(tls), pem
            return self._pool, self._pem

    def _read(self, rejected: Mapping[str, str] | None = None) -> Mapping[str, str]:
        return read(self._settings, self._secrets, self._lifetime, rejected)


def read(
    settings: ClientCertificate,
    secrets: Secrets,
    lifetime: float,
    rejected: Mapping[str, str] | None = None,
) -> Mapping[str, str]:
    """The values of all references, by key.

    Args:
        settings: the references.
        secrets: cache of secrets.
        lifetime: seconds that a secret stays in the cache.
        rejected: values that the receiver refused: those that are still in the cache are read again.

    Raises:
        TransientError: a secret cannot be read at the moment.
        PermanentError: ``secret``: a secret cannot be read until somebody fixes the cause.
    """
    try:
        if rejected is None:
            return {key: secrets.get(name, lifetime=lifetime) for key, name in settings.references.items()}
        return {
            key: secrets.renew(name, rejected=rejected.get(key)) for key, name in settings.references.items()
        }
    except SecretError as error:
        raise as_sink_error(error) from None


def context(pem: Mapping[str, str], ca_file: str | None) -> ssl.SSLContext:
    """A TLS context with a client certificate.

    Args:
        pem: ``certificate``, and optionally ``private_key`` and ``password``.
        ca_file: PEM file of a private CA for the receiver's certificate.

    Raises:
        PermanentError: ``client_certificate``: it cannot be used. The text does not repeat it.
    """
    found = client_context(ca_file)
    # The key comes first, because OpenSSL takes the first one that it finds.
    text = f"{pem.get('private_key', '')}\n{pem['certificate']}\n"
    password = pem.get("password", "").rstrip("\r\n")
    try:
        with _file(text.encode()) as path:
            # A function, because OpenSSL would ask for a missing password in the terminal.
            found.load_cert_chain(path, password=lambda: password)
    except (ssl.SSLError, ValueError):
        raise PermanentError("client_certificate", _problem(text, password)) from None
    return found


def _problem(text: str, password: str) -> str:
    what = "the client certificate cannot be used: "
    if "-----BEGIN CERTIFICATE-----" not in text:
        return f"{what}it is not PEM. Fix: store text that begins with -----BEGIN CERTIFICATE-----"
    if "PRIVATE KEY-----" not in text:
        return f"{what}the private key is missing. Fix: append it to the certificate, or set `private_key`"
    if "ENCRYPTED" in text:
        which = "wrong" if password else "missing"
        return f"{what}the private key is encrypted. Fix: set `password`, which is {which}"
    return (
        f"{what}the private key does not belong to the certificate, or one of them is damaged. "
        "Fix: store both with their line breaks, the certificate before those of intermediate CAs"
    )


@contextmanager
def _file(data: bytes) -> Iterator[str]:
    """The path of a file that only this process can read, and that ends with the block.

    Python's ssl module reads keys from files only. On Linux the file is in memory.
    """
    try:
        descriptor = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
    except (AttributeError, OSError):  # another system, or a sandbox
        import tempfile

        with tempfile.NamedTemporaryFile() as file:  # mode 600
            file.write(data)
            file.flush()
            yield file.name
        return
    with os.fdopen(descriptor, "wb") as memory:
        memory.write(data)
        memory.flush()
        yield f"/proc/self/fd/{descriptor}"
