"""Secrets by reference: read from Secrets Manager or Parameter Store when needed, kept for a while."""

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

#: Seconds a secret is kept, unless the settings say otherwise.
LIFETIME = 300.0

#: Seconds until a secret that could not be read again is asked for again; the old value serves meanwhile.
_GRACE = 30.0


#: What the resource of an ARN begins with, per service that keeps secrets.
_PREFIXES = {"secretsmanager": "secret:", "ssm": "parameter/"}


class Reference(NamedTuple):
    """``ARN`` or ``ARN#KEY``, taken apart.

    Attributes:
        arn: of a Secrets Manager secret or an SSM parameter.
        key: the name of one value, where the secret is a JSON object; else empty.
    """

    arn: Arn
    key: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a reference.

        Raises:
            ValueError: it is none. The text does not repeat it: it may be the secret itself.
        """
        name, mark, key = text.partition("#")
        try:
            arn = Arn.parse(name)
        except ValueError:
            raise ValueError("it is no ARN") from None
        if not arn.resource.startswith(_PREFIXES.get(arn.service, "\0")):
            raise ValueError("it is the ARN of something else than a secret or a parameter")
        if not arn.region or not arn.account:
            raise ValueError("its ARN lacks the Region or the account")
        if mark and not key:
            raise ValueError("no key follows the #")
        return cls(arn, key)


def check_reference(text: str) -> None:
    """Refuses a setting that is no reference: it may be the secret itself, so the error never repeats it.

    Raises:
        SettingError: it is none.
    """
    try:
        Reference.parse(text)
    except ValueError as error:
        raise SettingError(
            f"the secret is given by reference only, and this is none: {error}",
            "write the ARN of a Secrets Manager secret (arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME) "
            "or SSM parameter (arn:aws:ssm:REGION:ACCOUNT:parameter/NAME); ARN#KEY takes a value out of JSON",
        ) from None


def secret_call(reference: str) -> OwnCall:
    """The call that reads a secret.

    Raises:
        ValueError: not a reference.
    """
    arn = Reference.parse(reference).arn
    if arn.service == "ssm":
        return OwnCall("ssm.amazonaws.com", ("GetParameter",), str(arn))
    return OwnCall("secretsmanager.amazonaws.com", ("GetSecretValue",), str(arn))


class _Slot:
    """One secret as last read."""

    __slots__ = ("lock", "read", "value")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value: str | None = None
        self.read = 0.0


class Secrets:
    """Reads secrets and keeps them; safe to share between threads and sinks.

    Nothing is imported or asked before the first ``get``. Each secret is read in the Region of its ARN.

    Args:
        connect_timeout: seconds, for Secrets Manager and SSM.
        read_timeout: seconds, likewise.
        clock: seconds since any fixed time. The default is the wall clock: it keeps going while Lambda
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
        self._slots: dict[str, _Slot] = {}
        self._clients: dict[tuple[str, str], Client] = {}

    def get(self, reference: str, *, lifetime: float = LIFETIME) -> str:
        """The secret, read again once it is older than ``lifetime`` seconds.

        While it cannot be read again for a passing reason, the old value serves.

        Raises:
            SecretUnavailableError: it cannot be read right now.
            SecretError: it does not exist, is forbidden, or is no text.
            MissingExtraError: botocore is not installed.
        """
        slot = self._slots.setdefault(reference, _Slot())
        with slot.lock:
            now = self._clock()
            if slot.value is None:
                slot.value, slot.read = self._fetch(reference), now
            elif not 0 <= now - slot.read < lifetime:
                try:
                    slot.value, slot.read = self._fetch(reference), now
                except SecretUnavailableError:
                    slot.read = now - lifetime + min(_GRACE, lifetime)
            return slot.value

    def renew(self, reference: str, *, refused: str | None = None) -> str:
        """The secret, read again now: for a destination that refused the one it was shown.

        Args:
            reference: as for ``get``.
            refused: what was shown. If another thread has read a different one since, that one is returned.

        Raises:
            SecretUnavailableError: it cannot be read right now.
            SecretError: it does not exist, is forbidden, or is no text.
            MissingExtraError: botocore is not installed.
        """
        slot = self._slots.setdefault(reference, _Slot())
        with slot.lock:
            if slot.value is None or refused is None or slot.value == refused:
                slot.value, slot.read = self._fetch(reference), self._clock()
            return slot.value

    def _fetch(self, text: str) -> str:
        arn, key = Reference.parse(text)
        place = arn.service, arn.region
        connect, read = self._timeouts
        client = self._clients.setdefault(place, Client(*place, connect_timeout=connect, read_timeout=read))
        try:
            if arn.service == "ssm":
                # The ARN, not the name: it also works for parameters that another account shares.
                answer = client.call("get_parameter", Name=str(arn), WithDecryption=True)
                value = answer["Parameter"]["Value"]
            else:
                answer = client.call("get_secret_value", SecretId=str(arn))
                value = answer.get("SecretString") or answer.get("SecretBinary")
        except TransientError as error:
            raise SecretUnavailableError(f"cannot read {arn} now: {error.code}") from None
        except PermanentError as error:
            action = "ssm:GetParameter" if arn.service == "ssm" else "secretsmanager:GetSecretValue"
            raise SecretError(
                f"cannot read {arn}: {error.code}. Fix: see that it exists, and grant {action} on it "
                "(and kms:Decrypt, if it has a key of its own)"
            ) from None
        return _text(arn, key, value)


def _text(arn: Arn, key: str, value: str | bytes | None) -> str:
    """What the reference means of what is stored. No error text here holds any of it."""
    if not value:
        raise SecretError(f"{arn} is empty")
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise SecretError(f"{arn} holds binary data, no text") from None
    try:
        stored = json.loads(value)
    except (ValueError, RecursionError):
        stored = None
    if not key:
        if isinstance(stored, dict):
            raise SecretError(f"{arn} holds JSON. Fix: name the value to take: {arn}#KEY")
        return value
    chosen = stored.get(key) if isinstance(stored, dict) else None
    if not isinstance(chosen, str):
        raise SecretError(f"{arn} holds no JSON object with a text named {key!r}")
    return chosen
