"""Reads secrets by reference from Secrets Manager or Parameter Store, and caches them."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, Self

from trailforward.arn import Arn
from trailforward.aws.client import Client
from trailforward.aws.own_calls import OwnCall
from trailforward.errors import (
    PermanentError,
    SecretError,
    SecretUnavailableError,
    SettingError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds that a secret stays in the cache by default.
LIFETIME = 300.0

#: Seconds between attempts to refresh a secret after a transient error. The old value is used meanwhile.
_REFRESH_RETRY_SECONDS = 30.0


#: Service → prefix of the resource in a secret's ARN.
_PREFIXES = {"secretsmanager": "secret:", "ssm": "parameter/"}


class Reference(NamedTuple):
    """A parsed secret reference: ``ARN`` or ``ARN#KEY``.

    Attributes:
        arn: ARN of a Secrets Manager secret or an SSM parameter.
        key: key of one value if the secret is a JSON object; otherwise empty.
    """

    arn: Arn
    key: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses a reference.

        Raises:
            ValueError: the text is not a reference. The message does not repeat it: it may be the secret.
        """
        name, mark, key = text.partition("#")
        try:
            arn = Arn.parse(name)
        except ValueError:
            raise ValueError("not an ARN") from None
        if not arn.resource.startswith(_PREFIXES.get(arn.service, "\0")):
            raise ValueError("not the ARN of a secret or a parameter")
        if not arn.region or not arn.account:
            raise ValueError("the ARN has no Region or no account ID")
        if mark and not key:
            raise ValueError("there is no key after #")
        return cls(arn, key)


def check_reference(text: str) -> None:
    """Checks that a setting is a secret reference. The error never repeats it: it may be the secret itself.

    Raises:
        SettingError: the text is not a reference.
    """
    try:
        Reference.parse(text)
    except ValueError as error:
        raise SettingError(
            f"a secret must be a reference to Secrets Manager or Parameter Store: {error}",
            "write the ARN of a Secrets Manager secret (arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME) "
            "or SSM parameter (arn:aws:ssm:REGION:ACCOUNT:parameter/NAME); ARN#KEY selects a value in JSON",
        ) from None


def secret_call(reference: str) -> OwnCall:
    """The AWS call that reads a secret.

    Raises:
        ValueError: the text is not a reference.
    """
    arn = Reference.parse(reference).arn
    if arn.service == "ssm":
        return OwnCall("ssm.amazonaws.com", ("GetParameter",), str(arn))
    return OwnCall("secretsmanager.amazonaws.com", ("GetSecretValue",), str(arn))


class _CachedSecret:
    """A secret as last read."""

    __slots__ = ("lock", "read_at", "value")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value: str | None = None
        self.read_at = 0.0


class Secrets:
    """Reads secrets and caches them. Thread-safe, and shared between sinks.

    It imports and calls nothing before the first ``get``. Each secret is read in the Region of its ARN.

    Args:
        connect_timeout: seconds, for Secrets Manager and SSM.
        read_timeout: seconds between two bytes of a response.
        clock: seconds since any fixed time. The default is the wall clock, because it continues while Lambda
            freezes the environment.
    """

    def __init__(
        self,
        *,
        connect_timeout: float = 2.0,
        read_timeout: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._timeouts = connect_timeout, read_timeout
        self._clock = clock
        self._cache: dict[str, _CachedSecret] = {}
        self._clients: dict[tuple[str, str], Client] = {}

    def get(self, reference: str, *, lifetime: float = LIFETIME) -> str:
        """The secret. It is refreshed when it is older than ``lifetime`` seconds.

        If a refresh fails for a transient reason, the old value is returned.

        Raises:
            SecretUnavailableError: the secret cannot be read at the moment.
            SecretError: the secret does not exist, access is denied, or it is not text.
            MissingExtraError: botocore is not installed.
        """
        cached = self._cache.setdefault(reference, _CachedSecret())
        with cached.lock:
            now = self._clock()
            if cached.value is None:
                cached.value, cached.read_at = self._fetch(reference), now
            elif not 0 <= now - cached.read_at < lifetime:
                try:
                    cached.value, cached.read_at = self._fetch(reference), now
                except SecretUnavailableError:
                    cached.read_at = now - lifetime + min(_REFRESH_RETRY_SECONDS, lifetime)
            return cached.value

    def renew(self, reference: str, *, rejected: str | None = None) -> str:
        """Refreshes the secret now, because a destination rejected the cached value.

        Args:
            reference: as for ``get``.
            rejected: the value that was rejected. If another thread has refreshed it since, no call is made.

        Raises:
            SecretUnavailableError: the secret cannot be read at the moment.
            SecretError: the secret does not exist, access is denied, or it is not text.
            MissingExtraError: botocore is not installed.
        """
        cached = self._cache.setdefault(reference, _CachedSecret())
        with cached.lock:
            if cached.value is None or rejected is None or cached.value == rejected:
                cached.value, cached.read_at = self._fetch(reference), self._clock()
            return cached.value

    def _fetch(self, text: str) -> str:
        arn, key = Reference.parse(text)
        service_and_region = arn.service, arn.region
        connect, read = self._timeouts
        new = Client(*service_and_region, connect_timeout=connect, read_timeout=read)
        client = self._clients.setdefault(service_and_region, new)
        try:
            if arn.service == "ssm":
                # The ARN, not the name, because it also works for parameters shared by another account.
                response = client.call("get_parameter", Name=str(arn), WithDecryption=True)
                value = response["Parameter"]["Value"]
            else:
                response = client.call("get_secret_value", SecretId=str(arn))
                value = response.get("SecretString") or response.get("SecretBinary")
        except TransientError as error:
            raise SecretUnavailableError(f"cannot read {arn} at the moment: {error.code}") from None
        except PermanentError as error:
            action = "ssm:GetParameter" if arn.service == "ssm" else "secretsmanager:GetSecretValue"
            raise SecretError(
                f"cannot read {arn}: {error.code}. Fix: check that it exists, and grant {action} on it "
                "(and kms:Decrypt if it uses a customer managed key)"
            ) from None
        return _text(arn, key, value)


def _text(arn: Arn, key: str, value: str | bytes | None) -> str:
    """The value that a reference selects from a stored secret. Error texts never contain the stored value."""
    if not value:
        raise SecretError(f"{arn} is empty")
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise SecretError(f"{arn} contains binary data, not text") from None
    try:
        stored = json.loads(value)
    except (ValueError, RecursionError):
        stored = None
    if not key:
        if isinstance(stored, dict):
            raise SecretError(f"{arn} contains JSON. Fix: select a value: {arn}#KEY")
        return value
    chosen = stored.get(key) if isinstance(stored, dict) else None
    if not isinstance(chosen, str):
        raise SecretError(f"{arn} is not a JSON object with a string under the key {key!r}")
    return chosen
