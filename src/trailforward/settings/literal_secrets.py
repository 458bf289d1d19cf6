"""Recognizes secrets that somebody wrote into a configuration, by their shape or their place.

No function returns or raises text that contains the value.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlsplit

from trailforward.errors import SettingError

_REFERENCE = "arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME"
_STORE = "store it in Secrets Manager or Parameter Store"

#: What a secret is → its shape anywhere in a text (sources: the issuers' documentation of their formats).
_TOKENS = {
    "an AWS access key ID": r"(?<![A-Z0-9])(AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])",
    "a Slack token": r"\bxox[a-z]-[A-Za-z0-9-]{8,}|\bxapp-[0-9]-[A-Za-z0-9-]{8,}",
    "a GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}",
    "a Standard Webhooks secret": r"\bwhsec_[A-Za-z0-9+/=]{8,}",
    "a private key": "-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a JSON Web Token": r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.",
    "a Google API key": r"\bAIza[0-9A-Za-z_-]{35}",
    "an API key": r"\b(sk|rk)_(live|test)_[A-Za-z0-9]{16,}|\bsk-[A-Za-z0-9_-]{20,}",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_-]{16,}",
}
#: What a secret is → its shape as a whole value.
_WHOLE = {
    "a secret after its scheme": r"(bearer|basic|splunk|apikey|token|digest|genie-?key)[ :=]+\S{6,}.*",
    "a token with the shape of a UUID": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "a key of hexadecimal digits": r"(pub)?([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})",
    "an AWS secret access key": r"(?-i:(?=.*[A-Z])(?=.*[a-z])(?=.*[0-9])[A-Za-z0-9/+]{40})",
}
#: The shortest secret of a known shape has this many characters.
_SHORTEST = 14

#: Words of a header's name that say that its value is a secret.
_HEADER_WORDS = (
    r"(^|[-_.])(api-?key|app-?key|access-?key|license-?key|insert-?key|auth-?key|subscription-?key|auth|"
    r"authorization|cookie|credentials?|honeycomb-team|jwt|passw(or)?d|secret|signature|token)($|[-_.])"
)
#: Names of headers whose value identifies something and is not a secret, although it looks like a token.
_ID_HEADER = r"(^|[-_.])(id|uuid|guid|channel|tenant|org|organization|workspace|project|scope)($|[-_.])"

#: Query parameters that carry secrets; compared in lower case without ``-``, ``_``, and ``.``.
_PARAMETERS = frozenset(
    {
        "accesskey",
        "auth",
        "authorization",
        "code",
        "credential",
        "credentials",
        "hmac",
        "jwt",
        "key",
        "licensekey",
        "pass",
        "passwd",
        "passphrase",
        "password",
        "pwd",
        "sas",
        "sessionid",
        "sharedkey",
        "sig",
        "signature",
        "subscriptionkey",
        "xamzcredential",
    }
)
_PARAMETER_ENDS = (
    "apikey",
    "appkey",
    "accesskey",
    "password",
    "secret",
    "signature",
    "subscriptionkey",
    "token",
)

#: Receivers whose path is the secret: host, path, and the setting that reads it by reference.
_BY_URL = 'auth = { type = "url", secret = "' + _REFERENCE + '" }'
_SECRET_PATHS = (
    (r"hooks\.slack(-gov)?\.com", "/.+", f'preset = "slack" and secret = "{_REFERENCE}"'),
    (r"(.+\.)?sumologic\.(com|net)", "/receiver/.+", f'preset = "sumo" and secret = "{_REFERENCE}"'),
    (r"(.+\.)?webhook\.office(365)?\.com|outlook\.office(365)?\.com", "/webhook.+", _BY_URL),
    (r"(.+\.)?discord(app)?\.com", "/api/(v[0-9]+/)?webhooks/.+", _BY_URL),
    (r"events\.(eu\.)?pagerduty\.com", "/(integration|x-ere)/.+", _BY_URL),
    (r"(.+\.)?loggly\.com", "/(inputs|bulk)/.+", _BY_URL),
    (r"(.+\.)?datadoghq\.(com|eu)", "/v1/input/.+", _BY_URL),
)


def secret_in(text: str) -> str:
    """Says what secret a text contains; empty if it contains none that has a known shape."""
    if len(text) < _SHORTEST:
        return ""
    # ``re`` compiles a pattern on first use, which most configurations never need.
    return next((kind for kind, shape in _TOKENS.items() if re.search(shape, text)), "")


def secret_value(text: str) -> str:
    """Says what secret a whole value is, such as a bare key; empty if it has no known shape."""
    whole = text.strip()
    return secret_in(text) or next(
        (kind for kind, shape in _WHOLE.items() if re.fullmatch(shape, whole, re.IGNORECASE)), ""
    )


def check_header(name: str, value: str) -> None:
    """Checks that a header of the configuration does not contain a secret.

    Raises:
        SettingError: its name or its value says that it does.
    """
    kind = secret_in(value) if re.search(_ID_HEADER, name, re.IGNORECASE) else secret_value(value)
    if kind or (value and re.search(_HEADER_WORDS, name, re.IGNORECASE)):
        raise SettingError(
            f"the header {name} contains {kind or 'a secret'}, which does not belong in the configuration",
            f'{_STORE}, and use auth = {{ type = "header", name = "{name}", secret = "{_REFERENCE}" }}',
        )


def check_metadata(name: str, value: str) -> None:
    """Checks that a metadata value does not contain a secret.

    Raises:
        SettingError: it does.
    """
    if kind := secret_value(value):
        raise SettingError(
            f"{name} contains {kind}, which does not belong in the configuration",
            f'remove it; if the receiver needs it, {_STORE}, and set secret = "{_REFERENCE}"',
        )


def check_url_secrets(text: str) -> None:
    """Checks that a valid URL does not contain a secret in its path or query.

    Raises:
        SettingError: it does.
    """
    url = urlsplit(text)
    host, path = (url.hostname or "").rstrip("."), unquote(url.path)
    by_reference = (
        f'write to = "https://HOST" without a path, {_STORE.replace("it", "the whole URL", 1)}, and set'
    )
    for hosts, paths, setting in _SECRET_PATHS if len(path) > 1 else ():
        if re.fullmatch(hosts, host, re.IGNORECASE) and re.fullmatch(paths, path, re.DOTALL):
            raise SettingError("the path of this URL is a secret", f"{by_reference} {setting}")
    if kind := secret_in(path):
        raise SettingError(f"the path contains {kind}", f"{by_reference} {_BY_URL}")
    for name, value in parse_qsl(url.query.replace(";", "&"), keep_blank_values=True):
        plain = re.sub("[-_.]", "", name.lower())
        if plain in _PARAMETERS or plain.endswith(_PARAMETER_ENDS) or secret_in(value):
            raise SettingError("the query of the URL contains a secret", f"{by_reference} {_BY_URL}")


def found_in_text(text: str) -> SettingError | None:
    """Returns an error if any other setting contains a secret of a known shape."""
    if not (kind := secret_in(text)):
        return None
    return SettingError(
        f"contains {kind}, which does not belong in the configuration",
        f'{_STORE}, and reference it: `secret` or `auth` with secret = "{_REFERENCE}"',
    )
