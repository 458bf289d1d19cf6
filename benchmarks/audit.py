"""CPU of the audit as ratios to ``gzip -dc`` on the same log files: ``make bench-audit`` (RECORDS=2000000).

The records are made here, with new IDs; nothing is kept.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

FILES_OF = 8_700
MARK = "00000000-0000-4000-8000-000000000000"


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    with tempfile.TemporaryDirectory(prefix="trailforward-bench-") as folder:
        root = Path(folder)
        size = _write(root, count)
        names = [str(path) for path in (root / "trail").rglob("*.gz")]
        raw, packed = (f"{part / 1e6:,.0f} MB" for part in size)
        print(f"{count:,} records in {len(names)} log files, {raw} raw, {packed} gzip")
        floor = _cpu(["gzip", "-dc", *names])[0]
        print(f"{'gzip -dc':34}{floor / count * 1e6:7.2f} s per million   1.00")
        tools = {
            "audit --no-compare, IDs as NDJSON": _audit(root, "ids", "--no-compare"),
            "audit, archive of envelopes": _audit(root, "archive"),
            "audit --no-compare, archive": _audit(root, "archive", "--no-compare"),
            "orjson, whole file, IDs only": [sys.executable, "-c", _ORJSON, *names],
        }
        if shutil.which("jq"):
            tools["zcat | jq, IDs only"] = [
                "sh",
                "-c",
                'zcat "$@" | jq -r ".Records[].eventID"',
                "sh",
                *names,
            ]
        for name, command in tools.items():
            cpu, memory = _cpu(command)
            print(f"{name:34}{cpu / count * 1e6:7.2f} s per million {cpu / floor:6.2f}   {memory:,} MB peak")


_ORJSON = (
    "import gzip,sys,orjson\n"
    "for n in sys.argv[1:]:\n"
    "    [r['eventID'] for r in orjson.loads(gzip.open(n).read())['Records']]"
)


def _audit(root: Path, delivered: str, *options: str) -> list[str]:
    window = ["--since", "2026-11-26T00:00Z", "--until", "2026-11-27T00:00Z", "--format", "json"]
    places = ["--trail", str(root / "trail"), "--delivered", str(root / delivered)]
    return [sys.executable, "-m", "trailforward", "audit", *places, *window, *options]


def _write(root: Path, count: int) -> tuple[int, int]:
    """Writes log files, an archive, and a list of IDs; returns bytes of the log files, raw and compressed."""
    random.seed(20)
    calls = [("iam", "CreateUser"), ("ec2", "RunInstances"), ("s3", "PutBucketPolicy"), ("sts", "AssumeRole")]
    templates = [_template(service, name) for service, name in calls]
    raw = compressed = 0
    for number in range(0, count, FILES_OF):
        minute = number // FILES_OF % 1400
        texts = []
        for _ in range(min(FILES_OF, count - number)):
            name = str(uuid.UUID(int=random.getrandbits(128), version=4))
            texts.append(random.choice(templates).replace(MARK, name).replace("EXAMPLEUSER", name[:13]))  # noqa: S311
        text = ('{"Records":[' + ",".join(texts) + "]}").encode()
        stamp = f"20261126T{minute // 60:02}{minute % 60:02}Z"
        folder = "trail/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/26"
        key = f"{folder}/111122223333_CloudTrail_eu-west-1_{stamp}_{number:016}.json.gz"
        raw += len(text)
        compressed += _put(root / key, text)
        envelopes = [_ENVELOPE + one + "}" for one in texts]
        _put(root / f"archive/2026/11/26/{number}.ndjson.gz", "\n".join(envelopes).encode())
        ids = [f'{{"eventID":{one[11:49]},"eventTime":"2026-11-26T00:00:00Z"}}' for one in texts]
        _put(root / f"ids/2026/11/26/{number}.ndjson.gz", "\n".join(ids).encode())
    return raw, compressed


_ENVELOPE = (
    '{"version":"0","id":"x","detail-type":"AWS API Call via CloudTrail","source":"aws.iam","account":'
    '"111122223333","time":"2026-11-26T00:00:00Z","region":"eu-west-1","resources":[],"detail":'
)


def _template(service: str, name: str) -> str:
    record = {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE:EXAMPLEUSER",
            "arn": "arn:aws:sts::111122223333:assumed-role/example/EXAMPLEUSER",
            "accountId": "111122223333",
            "sessionContext": {
                "attributes": {"creationDate": "2026-11-26T00:00:00Z", "mfaAuthenticated": "false"}
            },
        },
        "eventTime": "2026-11-26T00:00:00Z",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "192.0.2.1",
        "userAgent": "aws-cli/2.30.0 md/awscrt#0.27.6 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.13",
        "requestParameters": {
            "name": "EXAMPLEUSER",
            "tags": [{"key": f"k{n}", "value": "v" * 20} for n in range(6)],
        },
        "responseElements": {
            "arn": "arn:aws:iam::111122223333:user/EXAMPLEUSER",
            "createDate": "Nov 26, 2026",
        },
        "requestID": "EXAMPLEUSER-4444-8888-123456789012",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
        "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256"},
    }
    return json.dumps({"eventID": MARK, **record}, separators=(",", ":"))


def _put(path: Path, text: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = gzip.compress(text, 1)
    path.write_bytes(data)
    return len(data)


def _cpu(command: list[str]) -> tuple[float, int]:
    """CPU seconds of a command with its processes, and the peak memory of the largest one in MB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


if __name__ == "__main__":
    main()
