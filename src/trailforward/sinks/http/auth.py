"""Authentication of an HTTP sink: a secret in a header or in the URL, a token, or a signature (SigV4)."""

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
from trailforward.sinks.http.url import CHARACTERS, check_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.aws.secrets import Secrets

#: Headers that only the sink may set, because they describe the connection and the body.
RESERVED_HEADERS = frozenset(
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
    """Checks the name of a header that the configuration sets.

    Raises:
        SettingError: the name is invalid, or only the sink may set the header.
    """
    if not _TOKEN.fullmatch(name):
        raise SettingError(
            f"{name!r} is not a valid header name", "use letters, digits, and hyphens, such as X-Tenant"
        )
    if name.lower() in RESERVED_HEADERS:
        raise SettingError(f"the sink sets the header {name} itself", "remove it")


def check_ca_file(path: str) -> None:
    """Checks that a file has certificates of a CA.

    Raises:
        SettingError: it has not.
    """
    import ssl

    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:  # includes ssl.SSLError
        reason = error.strerror or type(error).__name__
        raise SettingError(
            f"`ca_file` cannot be used: {reason}", "write the path of a PEM file with certificates"
        ) from None


def printable(value: str) -> bool:
    """Whether a text is a valid header value: Latin-1 without line breaks and other control characters."""
    return _PRINTABLE.fullmatch(value) is not None


class SecretAuth(Settings):
    """Base class of the authentication methods that use a secret.

    Attributes:
        secret: ARN of a Secrets Manager secret or SSM parameter; ``ARN#KEY`` for a value in a JSON secret.
    """

    secret: str

    check_secret = staticmethod(check_reference)

    @property
    def header(self) -> str:
        """Name of the header that contains the secret."""
        return "Authorization"

    def value(self, secret: str) -> str:
        """The header's value."""
        # Secrets often end with a line break from a file or a terminal.
        return secret.strip()

    def authorizer(self, secrets: Secrets, lifetime: float) -> Authorizer:
        """The authorizer that adds the secret to requests."""
        return _HeaderAuthorizer(self, secrets, lifetime)


class BearerAuth(SecretAuth):
    """``Authorization: Bearer SECRET``."""

    type: Literal["bearer"]

    def value(self, secret: str) -> str:
        """The header's value."""
        return f"Bearer {secret.strip()}" if secret.strip() else ""


class HeaderAuth(SecretAuth):
    """The secret in any header.

    Attributes:
        name: name of the header: ``X-Api-Key``, ``DD-API-KEY`` …
        prefix: text before the secret, including the space: ``"ApiKey "``.
    """

    type: Literal["header"]
    name: Annotated[str, Constraint(max_length=256)]
    prefix: Annotated[str, Constraint(max_length=64, pattern=r"^[ -~]*$")] = ""

    check_name = staticmethod(check_header_name)

    @property
    def header(self) -> str:
        """Name of the header that contains the secret."""
        return self.name

    def value(self, secret: str) -> str:
        """The header's value."""
        return f"{self.prefix}{secret.strip()}" if secret.strip() else ""


class BasicAuth(SecretAuth):
    """``Authorization: Basic …`` with a user name and the secret as the password.

    Attributes:
        username: the user name, which is not secret.
    """

    type: Literal["basic"]
    username: Annotated[str, Constraint(max_length=256)]

    @classmethod
    def check_username(cls, username: str) -> None:
        """Rejects characters that would end the user name or the header."""
        if ":" in username or not username.isprintable():
            raise SettingError(
                "a user name cannot contain colons or control characters (RFC 7617)",
                "write the user name only, without the password",
            )

    def value(self, secret: str) -> str:
        """The header's value. The password is used exactly as stored."""
        return "Basic " + base64.b64encode(f"{self.username}:{secret}".encode()).decode()


class UrlAuth(SecretAuth):
    """The secret is the URL itself; ``to`` contains only its scheme and host."""

    type: Literal["url"]

    def authorizer(self, secrets: Secrets, lifetime: float) -> Authorizer:
        """The authorizer that replaces the path with the secret URL's."""
        return _UrlAuthorizer(self, secrets, lifetime)


class SigV4Auth(Settings):
    """AWS Signature Version 4 with the function's own credentials.

    Attributes:
        service: signing name of the service: ``execute-api``, ``es``, ``aoss``, ``osis``, ``lambda`` …
        region: Region of the endpoint.
    """

    type: Literal["sigv4"]
    service: Annotated[str, Constraint(pattern=r"^[a-z0-9-]+$", max_length=64)]
    region: Annotated[str, Constraint(pattern=r"^[a-z]{2,}(-[a-z]+)+-[0-9]+$", max_length=64)]

    def authorizer(self, _secrets: Secrets, _lifetime: float) -> Authorizer:
        """The authorizer that signs requests."""
        # Imported here because few configurations use it.
        from trailforward.sinks.http.sigv4_auth import Signature

        return Signature(self.service, self.region)


class OAuth2Auth(Settings):
    """A token that the sink gets with OAuth 2.0 client credentials: ``Authorization: Bearer TOKEN``.

    Attributes:
        token_url: URL of the token endpoint: https, or http on the loopback interface.
        client_id: ID of the client, which is not secret.
        client_secret: reference to the secret of the client: ``ARN`` or ``ARN#KEY``.
        scope: the scopes, separated by spaces; empty to leave it out.
        audience: the API that the token is for, if the server asks for it (Auth0, Okta); empty to leave it
            out.
        auth_style: where the request has ID and secret: ``body`` (form fields), or ``basic`` (a header).
        ca_file: PEM file of a private CA that the token endpoint's certificate is from.
    """

    type: Literal["oauth2"]
    token_url: str
    client_id: Annotated[str, Constraint(min_length=1, max_length=256, pattern=r"^[ -~]+$")]
    client_secret: str
    scope: Annotated[str, Constraint(max_length=1_024, pattern=r"^[ -~]*$")] = ""
    audience: Annotated[str, Constraint(max_length=1_024, pattern=r"^[ -~]*$")] = ""
    auth_style: Literal["body", "basic"] = "body"
    ca_file: str | None = None

    check_token_url = staticmethod(check_url)
    check_client_secret = staticmethod(check_reference)
    check_ca_file = staticmethod(check_ca_file)

    def authorizer(self, secrets: Secrets, lifetime: float) -> Authorizer:
        """The authorizer that adds the token to requests."""
        # Imported here because few configurations use it.
        from trailforward.sinks.http.oauth2 import Tokens

        return Tokens(self, secrets, lifetime)


#: ``auth = { type = "…", … }``
Auth = Annotated[BearerAuth | HeaderAuth | BasicAuth | SigV4Auth | UrlAuth | OAuth2Auth, Tagged()]


class SecretAuthorizer:
    """Base class of authorizers that use a secret. They read it on demand, and again after a rejection."""

    def __init__(self, settings: SecretAuth, secrets: Secrets, lifetime: float) -> None:
        self._settings = settings
        self._secrets = secrets
        self._lifetime = lifetime

    @property
    def reference(self) -> str:
        """The secret's reference, for error texts."""
        return self._settings.secret

    def read(self) -> str:
        """The secret.

        Raises:
            TransientError: the secret cannot be read at the moment.
            PermanentError: the secret cannot be read until somebody fixes the cause.
        """
        try:
            return self._secrets.get(self._settings.secret, lifetime=self._lifetime)
        except SecretError as error:
            raise as_sink_error(error) from None

    def renew(self, used: str) -> bool:
        """Reads the secret again after a rejection; True if it changed."""
        try:
            return self._secrets.renew(self._settings.secret, rejected=used) != used
        except SecretError as error:
            raise as_sink_error(error) from None


class _HeaderAuthorizer(SecretAuthorizer):
    """Adds a secret as a header."""

    def prove(self, _url: str, _headers: Mapping[str, str], _body: bytes) -> Proof:
        secret = self.read()
        value = self._settings.value(secret)
        if not printable(value):
            text = f"{self.reference} is not a valid header value: it is empty or contains control characters"
            raise PermanentError("secret", text)
        return Proof({self._settings.header: value}, secret)


class _UrlAuthorizer(SecretAuthorizer):
    """Uses the secret as the URL, if its scheme and host are those of ``to``."""

    def prove(self, url: str, _headers: Mapping[str, str], _body: bytes) -> Proof:
        secret = self.read()
        text = secret.strip()
        expected, actual = (each.split("/")[:3] for each in (url.lower(), text.lower()))
        if not CHARACTERS.fullmatch(text) or expected != actual:
            reason = f"{self.reference} is not a URL with the scheme and host of `to`"
            raise PermanentError("secret", reason)
        parts = urlsplit(text)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        # If the URL is the secret, an outdated secret leads to "not found".
        return Proof({}, secret, target, rejections=frozenset({401, 403, 404, 410}))


def as_sink_error(error: SecretError) -> TransientError | PermanentError:
    """The error of a sink whose secret cannot be read."""
    kind = TransientError if isinstance(error, SecretUnavailableError) else PermanentError
    return kind("secret", str(error))
