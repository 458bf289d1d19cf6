"""Writes trail buckets in CloudTrail's layout, and what arrived, for tests of the audit."""

from __future__ import annotations

import gzip
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ACCOUNT = "111122223333"
START = datetime(2026, 11, 26, tzinfo=UTC)


def record(number: int, **fields: Any) -> dict[str, Any]:
    """A write management event; its ID and time follow from its number, in minutes after the start."""
    return {
        "eventVersion": "1.11",
        "eventID": str(uuid.UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 128))),
        "eventTime": f"{START + timedelta(minutes=number):%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "iam.amazonaws.com",
        "eventName": "CreateUser",
        "eventType": "AwsApiCall",
        "eventCategory": "Management",
        "managementEvent": True,
        "readOnly": False,
        "awsRegion": "eu-west-1",
        "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/example"},
        "requestParameters": {"userName": "example"},
        **fields,
    }


def envelope(detail: dict[str, Any]) -> dict[str, Any]:
    """What EventBridge delivers for a record."""
    return {
        "version": "0",
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, str(detail.get("eventID")))),
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.iam",
        "account": detail.get("recipientAccountId"),
        "time": detail.get("eventTime"),
        "region": detail.get("awsRegion"),
        "resources": [],
        "detail": detail,
    }


def dumps(value: Any) -> str:
    """JSON without blanks, as AWS writes it."""
    return json.dumps(value, separators=(",", ":"))


class TrailBucket:
    """A folder in the layout of a trail bucket.

    Args:
        root: the folder.
        organization: ID of the organization of an organization trail, or empty.
    """

    def __init__(self, root: Path, organization: str = "") -> None:
        self.root = root
        self._above = f"AWSLogs/{organization}/" if organization else "AWSLogs/"
        self._number = 0

    def put(
        self,
        minute: int,
        records: Iterable[dict[str, Any]] | bytes,
        *,
        account: str = ACCOUNT,
        region: str = "eu-west-1",
        folder: str = "CloudTrail",
        compressed: bool = True,
    ) -> str:
        """Writes a log file, delivered some minutes after the start, and returns its key."""
        time = START + timedelta(minutes=minute)
        self._number += 1
        key = (
            f"{self._above}{account}/{folder}/{region}/{time:%Y/%m/%d}/{account}_{folder}_{region}_"
            f"{time:%Y%m%dT%H%MZ}_{self._number:016d}.json{'.gz' if compressed else ''}"
        )
        text = records if isinstance(records, bytes) else dumps({"Records": list(records)}).encode()
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text, 1) if compressed else text)
        return key


def put_delivered(root: Path, details: Iterable[dict[str, Any]], layout: str = "ndjson") -> None:
    """Writes what arrived, in a layout: ``ndjson``, ``gzip``, ``joined``, ``records``, or ``log-file``."""
    details = list(details)
    root.mkdir(parents=True, exist_ok=True)
    lines = [dumps(detail if layout == "records" else envelope(detail)).encode() for detail in details]
    if layout == "log-file":
        TrailBucket(root).put(0, details)
    elif layout == "joined":
        (root / "2026" / "11" / "26" / "00").mkdir(parents=True)
        (root / "2026" / "11" / "26" / "00" / "firehose-1").write_bytes(b"".join(lines))
    else:
        text = b"\n".join(lines) + b"\n"
        (root / "events.ndjson").write_bytes(gzip.compress(text) if layout == "gzip" else text)
