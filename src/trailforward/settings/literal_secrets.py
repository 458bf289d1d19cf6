"""Recognizes secrets that somebody wrote into a configuration, by their shape or their place.

No function returns or raises text that contains the value.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlsplit

from trailforward.errors import SettingError

_REFERENCE = "arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME"
_STORE = "store it in Secrets Manager or Parameter Store"

#: What a secret is → texts of which it contains one, and its shape anywhere in a text (sources: the issuers'
#: documentation of their formats). Looking for a text is fast; compiling a pattern delays every cold start.
_TOKENS = {
    "an AWS access key ID": (("AKIA", "ASIA"), r"(?<![A-Z0-9])(AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])"),
    "a Slack token": (("xox", "xapp-"), r"\bxox[a-z]-[A-Za-z0-9-]{8,}|\bxapp-[0-9]-[A-Za-z0-9-]{8,}"),
    "a GitHub token": (
        ("ghp_", "gho_", "ghu_", "ghr_", "ghs_", "github_pat_"),
        r"\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}",
    ),
    "a Standard Webhooks secret": (("whsec_",), r"\bwhsec_[A-Za-z0-9+/=]{8,}"),
    "a private key": (("PRIVATE KEY",), "-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a JSON Web Token": (("eyJ",), r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\."),
    "a Google API key": (("AIza",), r"\bAIza[0-9A-Za-z_-]{35}"),
    "an API key": (
        ("sk_", "rk_", "sk-"),
        r"\b(sk|rk)_(live|test)_[A-Za-z0-9]{16,}|\bsk-[A-Za-z0-9_-]{20,}",
    ),
    "a GitLab token": (("glpat-",), r"\bglpat-[A-Za-z0-9_-]{16,}"),
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

#: Receivers whose path is the secret: domains, path, and the setting that reads it by reference. Domains are
#: no patterns, which every cold start would compile.
_BY_URL = 'auth = { type = "url", secret = "' + _REFERENCE + '" }'
_SECRET_PATHS = (
    (("hooks.slack.com", "hooks.slack-gov.com"), "/.+", f'preset = "slack" and secret = "{_REFERENCE}"'),
    (("sumologic.com", "sumologic.net"), "/receiver/.+", f'preset = "sumo" and secret = "{_REFERENCE}"'),
    (
        ("webhook.office.com", "webhook.office365.com", "outlook.office.com", "outlook.office365.com"),
        "/webhook.+",
        _BY_URL,
    ),
    (("discord.com", "discordapp.com"), "/api/(v[0-9]+/)?webhooks/.+", _BY_URL),
    (("events.pagerduty.com", "events.eu.pagerduty.com"), "/(integration|x-ere)/.+", _BY_URL),
    (("loggly.com",), "/(inputs|bulk)/.+", _BY_URL),
    (("datadoghq.com", "datadoghq.eu"), "/v1/input/.+", _BY_URL),
)


def secret_in(text: str) -> str:
    """Says what secret a text contains; empty if it contains none that has a known shape."""
    if len(text) < _SHORTEST:
        return ""
    for kind, (parts, shape) in _TOKENS.items():
        if any(part in text for part in parts) and re.search(shape, text):
            return kind
    return ""


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
    host, path = f".{url.hostname or ''}".rstrip("."), unquote(url.path)
    by_reference = (
        f'write to = "https://HOST" without a path, {_STORE.replace("it", "the whole URL", 1)}, and set'
    )
    for domains, paths, setting in _SECRET_PATHS if len(path) > 1 else ():
        if host.endswith(tuple(f".{domain}" for domain in domains)) and re.fullmatch(paths, path, re.DOTALL):
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
