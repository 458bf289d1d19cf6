"""How an HTTP sink shows who it is: a secret in a header, or a signature (SigV4)."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from trailforward.aws.secrets import check_reference
from trailforward.errors import (
    PermanentError,
    SecretError,
    SecretUnavailableError,
    SettingError,
    TransientError,
)
from trailforward.settings import Constraint, Settings, Tagged
from trailforward.sinks.http.proof import Authorizer, Proof
from trailforward.sinks.http.url import CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.aws.secrets import Secrets

#: Headers that the sink writes itself, because the body's framing hangs on them.
FRAMING = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)

#: RFC 9110, section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PRINTABLE = re.compile(r"[\t -~\xa0-\xff]+")


def check_header_name(name: str) -> None:
    """Refuses a header that may not be set from outside.

    Raises:
        SettingError: it is malformed, or the sink's own.
    """
    if not _TOKEN.fullmatch(name):
        raise SettingError(f"{name!r} is no header name", "use letters, digits and hyphens, such as X-Tenant")
    if name.lower() in FRAMING:
        raise SettingError(f"the header {name} is the sink's own", "leave it out; the sink writes it")


def printable(value: str) -> bool:
    """Whether a text can stand in a header: no line breaks or other control characters, Latin-1 only."""
    return _PRINTABLE.fullmatch(value) is not None


class SecretAuth(Settings):
    """What the ways of showing a secret share.

    Attributes:
        secret: ARN of a Secrets Manager secret or of an SSM parameter; ``ARN#KEY`` for a value in JSON.
    """

    secret: str

    check_secret = staticmethod(check_reference)

    @property
    def header(self) -> str:
        """Name of the header that carries it."""
        return "Authorization"

    def value(self, secret: str) -> str:
        """The header's value."""
        # A line break at the end is the file's or the terminal's that the secret came from.
        return secret.strip()

    def authorizer(self, secrets: Secrets, lifetime: float) -> Authorizer:
        """Shows the secret."""
        return _HeaderSecret(self, secrets, lifetime)


class BearerAuth(SecretAuth):
    """``Authorization: Bearer SECRET``."""

    type: Literal["bearer"]

    def value(self, secret: str) -> str:
        """The header's value."""
        return f"Bearer {secret.strip()}" if secret.strip() else ""


class HeaderAuth(SecretAuth):
    """The secret as the whole value of a header.

    Attributes:
        name: of the header: ``X-Api-Key``, ``DD-API-KEY`` …
        prefix: written before the secret, with its blank: ``"ApiKey "``.
    """

    type: Literal["header"]
    name: Annotated[str, Constraint(max_length=256)]
    prefix: Annotated[str, Constraint(max_length=64, pattern=r"^[ -~]*$")] = ""

    check_name = staticmethod(check_header_name)

    @property
    def header(self) -> str:
        """Name of the header that carries it."""
        return self.name

    def value(self, secret: str) -> str:
        """The header's value."""
        return f"{self.prefix}{secret.strip()}" if secret.strip() else ""


class BasicAuth(SecretAuth):
    """``Authorization: Basic …`` with a user name and the secret as the password.

    Attributes:
        username: plain; it is no secret.
    """

    type: Literal["basic"]
    username: Annotated[str, Constraint(max_length=256)]

    @classmethod
    def check_username(cls, username: str) -> None:
        """Refuses what would end the name early, or the header."""
        if ":" in username or not username.isprintable():
            raise SettingError(
                "a user name holds neither colons nor control characters (RFC 7617)",
                "write the name alone, without the password",
            )

    def value(self, secret: str) -> str:
        """The header's value. The password is taken exactly as stored."""
        return "Basic " + base64.b64encode(f"{self.username}:{secret}".encode()).decode()


class UrlAuth(SecretAuth):
    """The secret is the URL itself; ``to`` holds its scheme and host alone."""

    type: Literal["url"]

    def authorizer(self, secrets: Secrets, lifetime: float) -> Authorizer:
        """Takes the path from the secret."""
        return _SecretUrl(self, secrets, lifetime)


class SigV4Auth(Settings):
    """AWS Signature Version 4 with the function's own credentials.

    Attributes:
        service: the name in the signature: ``execute-api``, ``es``, ``aoss``, ``osis``, ``lambda`` …
        region: the Region of the endpoint.
    """

    type: Literal["sigv4"]
    service: Annotated[str, Constraint(pattern=r"^[a-z0-9-]+$", max_length=64)]
    region: Annotated[str, Constraint(pattern=r"^[a-z0-9-]+$", max_length=64)]

    def authorizer(self, _secrets: Secrets, _lifetime: float) -> Authorizer:
        """Signs."""
        # Imported here because most configurations do not sign.
        from trailforward.sinks.http.sigv4_auth import Signature

        return Signature(self.service, self.region)


#: ``auth = { type = "…", … }``
Auth = Annotated[BearerAuth | HeaderAuth | BasicAuth | SigV4Auth | UrlAuth, Tagged()]


class ShownSecret:
    """What the ways of showing a secret have in common: it is read when needed, and again when refused."""

    def __init__(self, settings: SecretAuth, secrets: Secrets, lifetime: float) -> None:
        self._settings = settings
        self._secrets = secrets
        self._lifetime = lifetime

    @property
    def reference(self) -> str:
        """What stands for the secret wherever people may see it."""
        return self._settings.secret

    def read(self) -> str:
        """The secret.

        Raises:
            TransientError: it cannot be read right now.
            PermanentError: it cannot be read until somebody puts that right.
        """
        try:
            return self._secrets.get(self._settings.secret, lifetime=self._lifetime)
        except SecretError as error:
            raise _as_sink_error(error) from None

    def renew(self, used: str) -> bool:
        """Reads it again after a refusal; True if it is another now."""
        try:
            return self._secrets.renew(self._settings.secret, refused=used) != used
        except SecretError as error:
            raise _as_sink_error(error) from None


class _HeaderSecret(ShownSecret):
    """Puts a secret into a header."""

    def prove(self, _url: str, _headers: Mapping[str, str], _body: bytes) -> Proof:
        secret = self.read()
        value = self._settings.value(secret)
        if not printable(value):
            # Said here, since http.client would repeat the value in its own error.
            text = (
                f"{self._settings.secret} cannot stand in a header: it is empty or holds control characters"
            )
            raise PermanentError("secret", text)
        return Proof({self._settings.header: value}, secret)


class _SecretUrl(ShownSecret):
    """Sends to the URL that the secret is, if it leads to the host that the configuration names."""

    def prove(self, url: str, _headers: Mapping[str, str], _body: bytes) -> Proof:
        secret = self.read()
        text = secret.strip()
        here, there = (each.split("/")[:3] for each in (url.lower(), text.lower()))
        if not CHARACTERS.fullmatch(text) or here != there:
            reason = f"{self.reference} is no URL of the scheme and host that `to` names"
            raise PermanentError("secret", reason)
        parts = urlsplit(text)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Proof({}, secret, target)


def _as_sink_error(error: SecretError) -> TransientError | PermanentError:
    kind = TransientError if isinstance(error, SecretUnavailableError) else PermanentError
    return kind("secret", str(error))
