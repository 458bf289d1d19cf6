"""``client_certificate``: settings of mutual TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.aws.secrets import check_reference
from trailforward.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

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
