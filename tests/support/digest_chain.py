"""Writes CloudTrail's digests for a folder with log files, signed with a test key."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.support.trail_bucket import ACCOUNT, START

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BUCKET = "example-trail"
FINGERPRINT = "31e8b5433410dfb61a9dc45cc65b22ff"
METADATA = ".metadata.json"


@cache
def signing_key(number: int) -> rsa.RSAPrivateKey:  # tells keys apart
    """A key that exists only in this process."""
    return rsa.generate_private_key(65537, 2048)


def public_der(key: rsa.RSAPrivateKey) -> bytes:
    """The public key as ``ListPublicKeys`` has it."""
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)


def public_keys(number: int = 0, fingerprint: str = FINGERPRINT) -> dict[str, Any]:
    """What ``aws cloudtrail list-public-keys`` prints."""
    value = base64.b64encode(public_der(signing_key(number))).decode()
    return {
        "PublicKeyList": [
            {
                "Value": value,
                "ValidityStartTime": "2026-11-01T00:00:00+00:00",
                "ValidityEndTime": "2026-12-31T00:00:00+00:00",
                "Fingerprint": fingerprint,
            }
        ]
    }


class DigestChain:
    """Digests of one trail, account, and Region.

    Args:
        root: the folder that is a copy of the bucket.
        prefix: of the folder's keys in the bucket.
        above: the folder above the account.
        account: account ID.
        region: of the log files.
        trail: the trail's name.
        key: number of the test key.
    """

    def __init__(  # noqa: PLR0913  # what a digest says
        self,
        root: Path,
        *,
        prefix: str = "",
        above: str = "AWSLogs/",
        account: str = ACCOUNT,
        region: str = "eu-west-1",
        trail: str = "example_20200101T000000Z",
        key: int = 0,
    ) -> None:
        self.root = root
        self.keys: list[str] = []
        self._prefix, self._above, self._account, self._region = prefix, above, account, region
        self._trail, self._key = trail, key
        self._previous: dict[str, Any] = {}
        self._elsewhere = ""

    def point_to(self, bucket: str, logs: Sequence[str]) -> None:
        """Writes the digest of the hour before the start; it points to a digest and log files elsewhere."""
        self._previous["bucket"] = self._elsewhere = bucket
        self.put(-1, logs)
        self._elsewhere = ""

    def restart(self) -> None:
        """The next digest begins a new chain."""
        self._previous = {}

    def hourly(self, first: int, last: int, logs: Sequence[tuple[int, str]]) -> None:
        """Writes digests for the hours from first until before last.

        Args:
            first: hours after the start.
            last: hours after the start.
            logs: minute of delivery after the start, and key of each log file.
        """
        for hour in range(first, last):
            start = 60 * hour
            self.put(hour, [key for minute, key in logs if start <= minute < start + 60])

    def put(self, hour: int, logs: Sequence[str], *, backfill: bool = False) -> str:
        """Writes the digest of an hour, and returns its key."""
        start = START + timedelta(hours=hour)
        end = start + timedelta(hours=1)
        home = "us-east-1"
        suffix = "_backfill" if backfill else ""
        key = (
            f"{self._above}{self._account}/CloudTrail-Digest/{self._region}/{end:%Y/%m/%d}/{self._account}_"
            f"CloudTrail-Digest_{self._region}_{self._trail}_{home}_{end:%Y%m%dT%H%M%SZ}{suffix}.json.gz"
        )
        value = {
            "awsAccountId": self._account,
            "digestStartTime": _iso(start),
            "digestEndTime": _iso(end),
            "digestS3Bucket": BUCKET,
            "digestS3Object": self._prefix + key,
            "digestPublicKeyFingerprint": FINGERPRINT,
            "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": None,
            "oldestEventTime": None,
            "previousDigestS3Bucket": self._previous.get("bucket"),
            "previousDigestS3Object": self._previous.get("object"),
            "previousDigestHashValue": self._previous.get("sha256"),
            "previousDigestHashAlgorithm": self._previous.get("sha256") and "SHA-256",
            "previousDigestSignature": self._previous.get("signature"),
            "logFiles": [self._log(one) for one in logs],
        }
        text = json.dumps(value).encode()
        sha256 = hashlib.sha256(text).hexdigest()
        message = "\n".join(
            (_iso(end), f"{BUCKET}/{self._prefix}{key}", sha256, self._previous.get("signature") or "null")
        )
        signature = signing_key(self._key).sign(message.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text, 1))
        metadata = {"signature": signature, "signature-algorithm": "SHA256withRSA"}
        if backfill:
            metadata["backfill-generation-timestamp"] = _iso(end + timedelta(hours=5))
        self.write_metadata(key, metadata)
        self._previous = {
            "bucket": BUCKET,
            "object": self._prefix + key,
            "sha256": sha256,
            "signature": signature,
        }
        self.keys.append(key)
        return key

    def write_metadata(self, key: str, metadata: dict[str, str]) -> None:
        """Writes the metadata of an object, as folders keep it."""
        path = self.root / f"{key}{METADATA}"
        path.write_text(json.dumps(metadata))

    def _log(self, key: str) -> dict[str, Any]:
        text = gzip.decompress((self.root / key).read_bytes())
        return {
            "s3Bucket": self._elsewhere or BUCKET,
            "s3Object": self._prefix + key,
            "hashValue": hashlib.sha256(text).hexdigest(),
            "hashAlgorithm": "SHA-256",
            "newestEventTime": None,
            "oldestEventTime": None,
        }


def _iso(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
