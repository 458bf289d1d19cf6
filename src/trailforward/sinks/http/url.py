"""Checks URLs of HTTP sinks: https, or http on the loopback interface, and no user name or password."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from trailforward.errors import SettingError
from trailforward.settings.literal_secrets import check_url_secrets

#: Characters of a URL.
CHARACTERS = re.compile(r"[!-~]+")
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,254}}$){_LABEL}(\.{_LABEL})*\.?", re.IGNORECASE)


def check_url(to: str) -> None:
    """Checks the URL of an HTTP sink.

    Raises:
        SettingError: the URL is invalid. The text does not repeat it, because it may contain a password.
    """
    if not CHARACTERS.fullmatch(to):
        raise SettingError(
            "the URL contains spaces, control characters, or non-ASCII letters",
            "percent-encode its path, and write the host in its ASCII form (xn--…)",
        )
    try:
        url = urlsplit(to)
        port, host = url.port, url.hostname or ""
    except ValueError:
        raise SettingError("the URL's host or port is malformed", "write https://HOST:PORT/PATH") from None
    if url.scheme not in {"http", "https"}:
        raise SettingError("the URL is neither https nor http", "write https://HOST/PATH")
    if "@" in url.netloc:
        raise SettingError(
            "the URL contains a user name or password",
            'remove it, and use auth = { type = "basic", username = "…", '
            'secret = "arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME" }',
        )
    if "#" in to:
        raise SettingError("the URL has a fragment, which is never sent", "remove # and everything after it")
    if not _is_host(host) or port == 0:
        raise SettingError("the URL's host or port is missing or malformed", "write https://HOST:PORT/PATH")
    if url.scheme == "http" and not _is_loopback(host):
        raise SettingError("plain http would send the events unencrypted", "write https://…")
    check_url_secrets(to)
    _check_queue_url(host, url.path)


#: ``sqs.REGION.amazonaws.com``, and the older ``REGION.queue.amazonaws.com``.
_QUEUE_HOST = (
    r"(?i)(?:sqs(?:-fips)?\.(?P<new>[a-z0-9-]+)|(?P<old>[a-z0-9-]+)\.queue|(?:queue|sqs))"
    r"\.(?:amazonaws\.com(?:\.cn)?|api\.aws)"
)
_QUEUE_PATH = r"/([0-9]{12})/([A-Za-z0-9_-]{1,80}(?:\.fifo)?)/?"


def _check_queue_url(host: str, path: str) -> None:
    """Refuses the URL of an SQS queue, which would get unsigned requests that are not SQS calls."""
    # Compiling the pattern takes a measurable part of a cold start.
    if "aws" not in host.lower() or (found := re.fullmatch(_QUEUE_HOST, host)) is None:
        return
    region = (found["new"] or found["old"] or "us-east-1").lower()
    queue = re.fullmatch(_QUEUE_PATH, path)
    account, name = queue.groups() if queue else ("ACCOUNT", "NAME")
    starts = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
    partition = next((starts[start] for start in starts if region.startswith(f"{start}-")), "aws")
    raise SettingError(
        "the URL of an SQS queue, which is not an HTTP receiver",
        f"write the queue's ARN: arn:{partition}:sqs:{region}:{account}:{name}",
    )


def check_signed_host(host: str, service: str, region: str) -> None:
    """Checks that a signature is for the service and the Region of an OpenSearch endpoint.

    Raises:
        SettingError: the host is of another service or Region.
    """
    labels = host.lower().partition(".amazonaws.com")[0].split(".")
    if len(labels) < 3 or labels[-1] not in {"es", "aoss"} or ".amazonaws.com" not in host.lower():  # noqa: PLR2004
        return
    if (labels[-2], labels[-1]) != (region, service):
        raise SettingError(
            f"`auth` signs for {service} in {region}, but the host belongs to {labels[-1]} in {labels[-2]}",
            f'write service = "{labels[-1]}", region = "{labels[-2]}"',
        )


def _is_host(host: str) -> bool:
    if ":" in host:
        from ipaddress import IPv6Address

        try:
            IPv6Address(host)
        except ValueError:
            return False
        return True
    return _HOST.fullmatch(host) is not None


def _is_loopback(host: str) -> bool:
    if host in {"localhost", "::1"}:
        return True
    from ipaddress import IPv4Address

    try:
        return IPv4Address(host).is_loopback
    except ValueError:
        return False
