"""One digest file: what it says, and whether its signature fits.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html
and https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.audit.rsa import PublicKey, verify
from trailforward.errors import EventError
from trailforward.sources import log_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Most bytes of a digest's text; one with 12 log files has 6 KB.
MAX_TEXT = 64 * 1024 * 1024
_BLOCK = 256 * 1024
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")
_NAME = re.compile(
    r"[0-9]{12}_CloudTrail-Digest_[a-z0-9-]+_(?P<trail>.+)_(?P<home>[a-z0-9-]+)_[0-9]{8}T[0-9]{6}Z"
    r"(?P<backfill>_backfill)?\.json(?:\.gz)?",
    re.DOTALL,
)


class DigestError(Exception):
    """A file is not a digest. The text says why."""


class Named(NamedTuple):
    """What the name of a digest says.

    Attributes:
        trail: the trail's name.
        home: the trail's home Region.
        backfill: whether it lists log files that an hourly digest left out.
    """

    trail: str
    home: str
    backfill: bool


class Log(NamedTuple):
    """A log file in a digest: where CloudTrail wrote it, and the SHA-256 of its text in hexadecimal."""

    bucket: str
    object: str
    sha256: str


class Digest(NamedTuple):
    """A digest. Nothing in it is proven before :func:`signed`.

    Attributes:
        start: of the delivery times of its log files.
        end: of these times.
        end_text: the same as written, which is signed.
        bucket: where CloudTrail wrote the digest.
        object: its key there.
        fingerprint: of the public key.
        previous: bucket and key of the digest before; None for the first of a chain.
        previous_sha256: of the text of the digest before.
        previous_signature: of the digest before; empty for the first of a chain.
        logs: the log files.
        sha256: of its own text.
        signature: in hexadecimal; empty if the object has none.
        generated: when a backfill digest was signed; for others, the end.
    """

    start: datetime
    end: datetime
    end_text: str
    bucket: str
    object: str
    fingerprint: str
    previous: tuple[str, str] | None
    previous_sha256: str
    previous_signature: str
    logs: tuple[Log, ...]
    sha256: str
    signature: str
    generated: datetime


def parse_name(name: str) -> Named | None:
    """What the last part of a digest's key says; None if it is not a digest's name."""
    match = _NAME.fullmatch(name)
    return None if match is None else Named(match["trail"], match["home"], match["backfill"] is not None)


def text_hash(data: bytes) -> str:
    """SHA-256 of the text of a log file, which may be compressed.

    It covers everything that :mod:`trailforward.audit.read` reads: all members of the gzip.

    Raises:
        EventError: the gzip is damaged.
    """
    found = sha256()
    for block in _blocks(data):
        found.update(block)
    return found.hexdigest()


def read_digest(data: bytes, metadata: Mapping[str, str]) -> Digest:
    """Reads a digest file.

    Args:
        data: its bytes, compressed or not.
        metadata: of the object, with names in lower case.

    Raises:
        DigestError: it is damaged, or a field is missing or has another type.
    """
    try:
        text = _text(data)
        value = json.loads(text)
    except EventError as error:
        raise DigestError(str(error)) from None
    except (ValueError, RecursionError):
        raise DigestError("it is not JSON") from None
    if not isinstance(value, dict):
        raise DigestError("it is not a JSON object")
    if value.get("digestSignatureAlgorithm") != "SHA256withRSA":
        raise DigestError("its digestSignatureAlgorithm is not SHA256withRSA")
    logs = value.get("logFiles")
    if not isinstance(logs, list):
        raise DigestError("it has no list logFiles")
    bucket, key = _optional(value, "previousDigestS3Bucket"), _optional(value, "previousDigestS3Object")
    end = _string(value, "digestEndTime")
    return Digest(
        start=_time("digestStartTime", _string(value, "digestStartTime")),
        end=_time("digestEndTime", end),
        end_text=end,
        bucket=_string(value, "digestS3Bucket"),
        object=_string(value, "digestS3Object"),
        fingerprint=_string(value, "digestPublicKeyFingerprint"),
        previous=(bucket, key) if bucket and key else None,
        previous_sha256=_optional(value, "previousDigestHashValue"),
        previous_signature=_optional(value, "previousDigestSignature"),
        logs=tuple(_log(item) for item in logs),
        sha256=sha256(text).hexdigest(),
        signature=metadata.get("signature", ""),
        generated=_generated(metadata, end),
    )


def signed(digest: Digest, key: PublicKey) -> bool:
    """Whether the digest's signature fits its content, its place, and its time."""
    if not _HEX.fullmatch(digest.signature):
        return False
    message = "\n".join(
        (
            digest.end_text,
            f"{digest.bucket}/{digest.object}",
            digest.sha256,
            digest.previous_signature or "null",
        )
    )
    return verify(key, message.encode("utf-8", "surrogatepass"), bytes.fromhex(digest.signature))


def _log(item: Any) -> Log:
    if not isinstance(item, dict) or item.get("hashAlgorithm") != "SHA-256":
        raise DigestError("an item of logFiles is not an object, or its hashAlgorithm is not SHA-256")
    return Log(_string(item, "s3Bucket"), _string(item, "s3Object"), _string(item, "hashValue").lower())


def _string(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    if not isinstance(found, str) or not found:
        raise DigestError(f"its {name} is missing or not a string")
    return found


def _optional(value: dict[str, Any], name: str) -> str:
    return "" if value.get(name) is None else _string(value, name)


def _generated(metadata: Mapping[str, str], end: str) -> datetime:
    try:
        return _time("", metadata["backfill-generation-timestamp"])
    except (KeyError, DigestError):  # it is not signed, and only helps to find the key
        return _time("digestEndTime", end)


def _time(name: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise DigestError(f"its {name} is not a time") from None


def _text(data: bytes) -> bytes:
    parts: list[bytes] = []
    size = 0
    for block in _blocks(data):
        size += len(block)
        if size > MAX_TEXT:
            raise DigestError(f"its text has more than {MAX_TEXT:,} bytes")
        parts.append(block)
    return b"".join(parts)


def _blocks(data: bytes) -> Iterator[bytes]:
    yield from log_file.inflate(data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK))
