"""Invented log files that compress as real ones do: about 11 : 1, 116 bytes a record.

Several callers repeat one call each at the same time, as scripts and services do. Four of five records are
read-only.
"""

from __future__ import annotations

import gzip
import json
import random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Records of one log file; callers at one time; records after which a caller changes, on average.
FILE_RECORDS, CALLERS, RUN_RECORDS = 8_700, 20, 30
#: Every so many records, one does not arrive.
LOST_OF = 1_000
_ACCOUNTS = ("111122223333", "123456789012")
_REGIONS = ("us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2")
_READS = (
    ("ec2", "DescribeInstances"),
    ("ec2", "DescribeNetworkInterfaces"),
    ("iam", "GetRolePolicy"),
    ("s3", "GetBucketAcl"),
    ("kms", "Decrypt"),
    ("sts", "AssumeRole"),
    ("elasticloadbalancing", "DescribeTargetHealth"),
    ("logs", "DescribeLogStreams"),
)
_WRITES = (
    ("ec2", "CreateTags"),
    ("iam", "AttachRolePolicy"),
    ("logs", "CreateLogStream"),
    ("s3", "PutBucketAcl"),
)
_AGENTS = (
    "aws-cli/2.30.0 md/awscrt#0.27.6 ua/2.1 os/linux#6.1.0 md/arch#x86_64 lang/python#3.13.5",
    "Boto3/1.40.1 md/Botocore#1.40.1 ua/2.1 os/linux#5.10.0 md/arch#x86_64 lang/python#3.12.4",
    "APN/1.0 HashiCorp/1.0 Terraform/1.12.2 (+https://www.terraform.io) aws-sdk-go-v2/1.36.5 ua/2.1 os/linux",
)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_SPLIT = "~"


class Sizes(NamedTuple):
    """Bytes of files, before and after compression."""

    raw: int
    gzip: int


def write(root: Path, count: int) -> dict[str, Sizes]:
    """Writes folders, and returns the size of each.

    ``trail`` has the log files. Of all but every thousandth record, ``archive`` has the envelopes, ``writes``
    those that are not read-only, and ``ids`` an ID a line.

    Args:
        root: a folder.
        count: number of records.
    """
    chance = random.Random(20)  # noqa: S311  # not for secrets
    sizes = dict.fromkeys(("trail", "archive", "writes", "ids"), Sizes(0, 0))
    for number, start in enumerate(range(0, count, FILE_RECORDS)):
        account, region = chance.choice(_ACCOUNTS), chance.choice(_REGIONS)
        minute = number * 5 % 1440
        name = (
            f"{account}_CloudTrail_{region}_20261126T{minute // 60:02}{minute % 60:02}Z_{number:016d}.json.gz"
        )
        day = f"AWSLogs/{account}/CloudTrail/{region}/2026/11/26"
        records = list(_records(chance, min(FILE_RECORDS, count - start), account, region, minute))
        opening = _opening(account, region)
        kept = [record for at, record in enumerate(records, start) if at % LOST_OF]
        lines = [f"{opening[0]}{chance.getrandbits(128):032x}{opening[1]}{text}}}\n" for _, text in kept]
        files = {
            f"trail/{day}/{name}": '{"Records":[' + ",".join(text for _, text in records) + "]}",
            f"archive/2026/11/26/{number}.gz": "".join(lines),
            f"writes/2026/11/26/{number}.gz": "".join(one for one in lines if '"readOnly":false' in one),
            f"ids/2026/11/26/{number}.gz": "".join(f'{{"eventID":"{event_id}"}}\n' for event_id, _ in kept),
        }
        for key, text in files.items():
            kind = key.partition("/")[0]
            sizes[kind] = Sizes(*map(sum, zip(sizes[kind], _put(root / key, text.encode()), strict=True)))
    return sizes


def _records(
    chance: random.Random, count: int, account: str, region: str, minute: int
) -> Iterator[tuple[str, str]]:
    callers = [_template(chance, account, region) for _ in range(CALLERS)]
    start = max(0, (minute - 10) * 60)
    for number in range(count):
        at = chance.randrange(CALLERS)
        if not chance.randrange(RUN_RECORDS):
            callers[at] = _template(chance, account, region)
        clock = start + number * 300 // count
        time = f"2026-11-26T{clock // 3600:02}:{clock // 60 % 60:02}:{clock % 60:02}Z"
        digits = f"{chance.getrandbits(448):0112x}"
        event = _uuid(digits[:32])
        values = (time, digits[64:81], digits[81:], _uuid(digits[32:64]), event, "")
        yield event, "".join(piece for pair in zip(callers[at], values, strict=True) for piece in pair)


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _template(chance: random.Random, account: str, region: str) -> list[str]:
    """The text of a record, cut where the values of a single record are."""
    reading = chance.random() < 0.8  # noqa: PLR2004
    service, name = chance.choice(_READS if reading else _WRITES)
    role, session = f"example-{_word(chance, 8).lower()}", f"{chance.getrandbits(48):012x}"
    issuer = {
        "type": "Role",
        "principalId": f"AROA{_word(chance, 17)}",
        "arn": f"arn:aws:iam::{account}:role/{role}",
        "accountId": account,
        "userName": role,
    }
    record = {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": f"{issuer['principalId']}:{session}",
            "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}",
            "accountId": account,
            "accessKeyId": f"ASIA{_word(chance, 16)}",
            "sessionContext": {
                "sessionIssuer": issuer,
                "attributes": {"creationDate": "2026-11-26T00:00:00Z", "mfaAuthenticated": "false"},
            },
        },
        "eventTime": _SPLIT,
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": f"192.0.2.{chance.randrange(256)}",
        "userAgent": chance.choice(_AGENTS),
        "requestParameters": {
            "filterSet": {
                "items": [{"name": "resource-id", "valueSet": {"items": [{"value": f"i-{_SPLIT}"}]}}]
            },
        },
        "responseElements": None,
        "additionalEventData": {"token": _SPLIT},
        "requestID": _SPLIT,
        "eventID": _SPLIT,
        "readOnly": reading,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
    return json.dumps(record, separators=(",", ":")).split(_SPLIT)


def _word(chance: random.Random, length: int) -> str:
    return "".join(chance.choices(_LETTERS, k=length))


def _opening(account: str, region: str) -> tuple[str, str]:
    """What comes before an envelope's ID, and between it and the record."""
    start = '{"version":"0","id":"'
    return start, (
        f'","detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","account":"{account}",'
        f'"time":"2026-11-26T00:00:00Z","region":"{region}","resources":[],"detail":'
    )


def _put(path: Path, text: bytes) -> Sizes:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = gzip.compress(text)
    path.write_bytes(data)
    return Sizes(len(text), len(data))
