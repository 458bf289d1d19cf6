"""Reads S3 with signed GET requests: botocore's client costs several times the parsing of a small log file.

Credentials, the first Region, and the endpoint come from botocore's configuration: environment, profile,
single sign-on, and roles. Credentials are refreshed as botocore does. ``HTTPS_PROXY`` and ``NO_PROXY`` count.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from trailforward._version import __version__
from trailforward.aws.errors import to_sink_error
from trailforward.aws.session import new_session, require_botocore
from trailforward.aws.sigv4 import Credentials, Scope, sign
from trailforward.errors import PermanentError, SinkError, TransientError
from trailforward.transport.connections import Connections, Endpoint, Response
from trailforward.transport.proxies import proxy_for
from trailforward.transport.tls import client_context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Calls in total for one request.
ATTEMPTS = 6

_EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 10.0
_CONNECT_SECONDS, _READ_SECONDS, _TOTAL_SECONDS = 5.0, 30.0, 300.0
_REGION = re.compile(r"[a-z]{2,8}(-[a-z]{2,12}){1,3}-[0-9]{1,2}")
#: First letters of a Region → DNS suffix of its partition (source: botocore's ``partitions.json``).
_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "eusc-": "amazonaws.eu",
}
_OTHER_REGION = frozenset({301, 307, 400})
_OK = 200


class S3Get:
    """Signed GET requests to one bucket. Every method is thread-safe.

    Args:
        bucket: the bucket's name.
        wait: sleeps between two attempts.

    Raises:
        MissingExtraError: botocore is not installed.
        PermanentError: ``NoCredentials``, or ``InvalidEndpoint``: an endpoint variable is not a URL.
    """

    def __init__(self, bucket: str, wait: Callable[[float], None] = time.sleep) -> None:
        require_botocore("reading S3")
        session = new_session()
        self._bucket = bucket
        self._wait = wait
        self._credentials = _credentials(session)
        self._custom = _custom_endpoint()
        self._region = session.get_config_variable("region") or "us-east-1"
        self._lock = threading.Lock()
        self._pools: dict[str, Connections] = {}

    def get(self, key: str, query: Mapping[str, str], most: int) -> Response:
        """A successful response: an object, or a listing if ``key`` is empty.

        Throttling, server errors, and lost connections are retried with exponential backoff and full
        jitter. If the bucket is in another Region, the request is repeated there.

        Args:
            key: the object's key.
            query: parameters in the URL.
            most: most bytes of the response.

        Raises:
            TransientError: no attempt succeeded.
            PermanentError: the request was refused, or ``TooLarge``: the response is larger.
        """
        attempt = 0
        moved = False
        while True:
            region = self._region
            try:
                response = self._once(region, key, query, most)
                if response.status == _OK:
                    return _complete(response, most)
                if not moved and self._move(region, response):
                    moved = True
                    continue
                raise _error(response)
            except TransientError as error:
                attempt += 1
                if attempt == ATTEMPTS:
                    raise
                longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt)
                self._wait(max(error.retry_after or 0.0, random.uniform(0, longest)))  # noqa: S311  # jitter

    def close(self) -> None:
        """Closes idle connections."""
        for pool in list(self._pools.values()):
            pool.close()

    def _once(self, region: str, key: str, query: Mapping[str, str], most: int) -> Response:
        secure, host, path = self._address(region)
        path += quote(key, safe="/-_.~", errors="surrogateescape")
        text = "&".join(f"{quote(n, safe='')}={quote(query[n], safe='-_.~')}" for n in sorted(query))
        headers = {
            "Host": host,
            "User-Agent": f"trailforward/{__version__}",
            "X-Amz-Content-Sha256": _EMPTY_SHA256,
        }
        scope = Scope(region, "s3")
        signed = sign(self._credentials(), scope, path, headers, b"", method="GET", query=text)
        target = f"{path}?{text}" if text else path
        # One byte more, so that a longer body is seen.
        return self._pool(host, secure=secure).get(target, signed, most + 1)

    def _address(self, region: str) -> tuple[bool, str, str]:
        """Whether to use TLS, the host with its port, and the beginning of the path."""
        if self._custom:
            secure, host = self._custom
            return secure, host, f"/{self._bucket}/"
        suffix = next((s for start, s in _SUFFIXES.items() if region.startswith(start)), "amazonaws.com")
        if "." in self._bucket:  # no certificate covers such a host
            return True, f"s3.{region}.{suffix}", f"/{self._bucket}/"
        return True, f"{self._bucket}.s3.{region}.{suffix}", "/"

    def _pool(self, host: str, *, secure: bool) -> Connections:
        with self._lock:
            pool = self._pools.get(host)
            if pool is None:
                address = urlsplit(f"//{host}")
                tls = client_context(os.environ.get("AWS_CA_BUNDLE") or None) if secure else None
                end = Endpoint(address.hostname or "", address.port or (443 if secure else 80), tls)
                proxy = proxy_for(urlsplit(f"{'https' if secure else 'http'}://{host}"), os.environ)
                hint = "set AWS_CA_BUNDLE if it has a private CA"
                if proxy:
                    hint += ", or to the CA of a proxy that decrypts TLS"
                times = _CONNECT_SECONDS, _READ_SECONDS, _TOTAL_SECONDS
                pool = Connections(end, *times, ca_hint=hint, proxy=proxy)
                self._pools[host] = pool
            return pool

    def _move(self, region: str, response: Response) -> bool:
        """Whether the bucket is in another Region, which later requests use."""
        found = response.headers.get("x-amz-bucket-region", "")
        # The Region becomes part of the host, so only a Region's form is accepted.
        if response.status not in _OTHER_REGION or found == region or not _REGION.fullmatch(found):
            return False
        self._region = found
        return True


def _credentials(session: Any) -> Callable[[], Credentials]:
    from botocore.exceptions import BotoCoreError

    try:
        found = session.get_credentials()
    except BotoCoreError as error:
        raise PermanentError("NoCredentials", str(error)) from None
    if found is None:
        raise PermanentError("NoCredentials", "no AWS credentials were found")

    def current() -> Credentials:
        try:
            frozen = found.get_frozen_credentials()
        except BotoCoreError as error:
            raise PermanentError("NoCredentials", str(error)) from None
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token or "")

    return current


def _custom_endpoint() -> tuple[bool, str] | None:
    """Whether the endpoint in the environment uses TLS, and its host and port; None if there is none."""
    if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    url = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    if not url:
        return None
    match = re.fullmatch(r"(https?)://([A-Za-z0-9.\-\[\]:]+)/?", url)
    if match is None:
        raise PermanentError("InvalidEndpoint", "AWS_ENDPOINT_URL has more than a scheme, a host, and a port")
    return match[1] == "https", match[2]


def _complete(response: Response, most: int) -> Response:
    if len(response.body) > most:
        raise PermanentError("TooLarge", f"the response has more than {most:,} bytes")
    return response


def _error(response: Response) -> SinkError:
    code, message = f"http_{response.status}", ""
    if b"<!" not in response.body and b"\0" not in response.body:
        try:
            root = ET.fromstring(response.body)  # noqa: S314  # no entities, see above
            code, message = root.findtext("Code") or code, root.findtext("Message") or ""
        except (ET.ParseError, LookupError, ValueError):
            pass  # the status says enough
    return to_sink_error(code, message, response.status, response.headers.get("retry-after"))
