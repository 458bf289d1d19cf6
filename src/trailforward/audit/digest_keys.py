"""The public keys that verify CloudTrail's digests: from AWS, or from a file."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from trailforward.audit.places import AuditError
from trailforward.audit.rsa import KeyFormatError, PublicKey, parse_key
from trailforward.aws.session import make_client, require_botocore

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_MAX_FILE_BYTES = 16 * 1024 * 1024
#: Keys are asked for so long before and after a digest, as ``aws cloudtrail validate-logs`` does.
_AROUND = timedelta(hours=1)
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 5.0, 20.0, 4
_FIX = "Allow cloudtrail:ListPublicKeys, or give a file of keys"


class Keys(Protocol):
    """Finds public keys. Thread-safe."""

    def find(self, region: str, fingerprint: str, time: datetime) -> PublicKey | None:
        """The key with a fingerprint; None if there is none.

        Args:
            region: whose private key signed the digest.
            fingerprint: ``digestPublicKeyFingerprint``.
            time: when the digest was signed.
        """
        ...

    def problem(self, region: str) -> str:
        """Why the keys of a Region could not be read; empty if they could."""
        ...


class FileKeys:
    """Keys from a file with the output of ``aws cloudtrail list-public-keys``, of one or several Regions.

    Args:
        path: of the file: a JSON object with ``PublicKeyList``, or several such objects in a list.

    Raises:
        AuditError: the file cannot be read, or does not contain keys.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                text = file.read(_MAX_FILE_BYTES + 1)
            found = json.loads(text) if len(text) <= _MAX_FILE_BYTES else None
        except OSError as error:
            raise AuditError(f"{path}: {error.strerror}") from None
        except (ValueError, RecursionError):
            found = None
        outputs = found if isinstance(found, list) else [found]
        lists = [one.get("PublicKeyList") if isinstance(one, dict) else None for one in outputs]
        items = [item for one in lists if isinstance(one, list) for item in one]
        if not all(isinstance(one, list) for one in lists) or not all(
            isinstance(item, dict) for item in items
        ):
            raise AuditError(
                f"{path} is not the output of aws cloudtrail list-public-keys. Write that output, or a JSON "
                "list of such outputs of several Regions, to the file."
            )
        try:
            self._keys = dict(_parsed(items))
        except KeyFormatError as error:
            raise AuditError(f"{path}: {error}. Write the file again.") from None

    def find(self, region: str, fingerprint: str, time: datetime) -> PublicKey | None:  # noqa: ARG002
        """The key with a fingerprint, which is unique in all Regions."""
        return self._keys.get(fingerprint)

    def problem(self, region: str) -> str:  # noqa: ARG002
        """Always empty: the file was read."""
        return ""


class AwsKeys:
    """Keys from ``ListPublicKeys``, with the environment's credentials.

    Raises:
        MissingExtraError: botocore is not installed.
    """

    def __init__(self) -> None:
        require_botocore("reading CloudTrail's public keys")
        self._keys: dict[tuple[str, str], PublicKey] = {}
        self._asked: set[tuple[str, str]] = set()
        self._problems: dict[str, str] = {}
        self._clients: dict[str, Any] = {}
        self._lock = Lock()

    def find(self, region: str, fingerprint: str, time: datetime) -> PublicKey | None:
        """The key with a fingerprint. A Region is asked once for each fingerprint that is not known."""
        place = region, fingerprint
        with self._lock:
            if place not in self._keys and place not in self._asked and region not in self._problems:
                self._asked.add(place)
                self._ask(region, time.astimezone(UTC))
            return self._keys.get(place)

    def problem(self, region: str) -> str:
        """Why the keys of a Region could not be read; empty if they could."""
        return self._problems.get(region, "")

    def _ask(self, region: str, time: datetime) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if region not in self._clients:
                self._clients[region] = make_client(
                    "cloudtrail",
                    region,
                    connect_timeout=_CONNECT_SECONDS,
                    read_timeout=_READ_SECONDS,
                    attempts=_ATTEMPTS,
                )
            pages = self._clients[region].get_paginator("list_public_keys")
            for page in pages.paginate(StartTime=time - _AROUND, EndTime=time + _AROUND):
                for fingerprint, key in _parsed(page.get("PublicKeyList", [])):
                    self._keys[region, fingerprint] = key
        except ClientError as error:
            self._problems[region] = f"ListPublicKeys in {region}: {error.response['Error']['Code']}. {_FIX}"
        except (BotoCoreError, ValueError) as error:
            self._problems[region] = f"ListPublicKeys in {region}: {type(error).__name__}. {_FIX}"


def _parsed(items: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, PublicKey]]:
    for item in items:
        fingerprint, value = item.get("Fingerprint"), item.get("Value")
        try:
            # The CLI prints bytes in base64; botocore returns them as bytes.
            der = value if isinstance(value, bytes) else base64.b64decode(str(value), validate=True)
        except ValueError:
            raise KeyFormatError(f"the value of key {fingerprint} is not base64") from None
        try:
            yield str(fingerprint), parse_key(der)
        except KeyFormatError as error:
            raise KeyFormatError(f"key {fingerprint}: {error}") from None
