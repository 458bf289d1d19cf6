"""The event of a canary, as CloudTrail records the failing call and EventBridge delivers it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/trailforward-eu-west-1-canary"
NAME = "/trailforward-canary/0123456789abcdef0123456789abcdef"


def session(role: str = ROLE) -> dict[str, Any]:
    """The identity of a session of the canary's function."""
    account, name = role.split(":")[4], role.rpartition("/")[2]
    return {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLEEXAMPLE123:trailforward-Canary",
        "arn": f"arn:aws:sts::{account}:assumed-role/{name}/trailforward-Canary",
        "accountId": account,
        "accessKeyId": "ASIAI44QH8DHBEXAMPLE",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROAEXAMPLEEXAMPLE123",
                "arn": role,
                "accountId": account,
                "userName": name,
            },
            "attributes": {"creationDate": "2026-11-28T12:00:00Z", "mfaAuthenticated": "false"},
        },
    }


def canary(
    role: str = ROLE, region: str = "eu-west-1", name: str = NAME, at: datetime | None = None
) -> dict[str, Any]:
    """A canary's event."""
    account = role.split(":")[4]
    time = (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    record = {
        "eventVersion": "1.11",
        "userIdentity": session(role),
        "eventTime": time,
        "eventSource": "ssm.amazonaws.com",
        "eventName": "DeleteParameter",
        "awsRegion": region,
        "sourceIPAddress": "203.0.113.7",
        "userAgent": "Boto3/1.43.0",
        "errorCode": "ParameterNotFound",
        "requestParameters": {"name": name},
        "responseElements": None,
        "requestID": "5c9a1f0e-0000-4000-8000-000000000001",
        "eventID": f"00000000-0000-4000-8000-{name[-12:]}",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": f"ssm.{region}.amazonaws.com",
        },
    }
    return {
        "version": "0",
        "id": f"11111111-0000-4000-8000-{name[-12:]}",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ssm",
        "account": account,
        "time": time,
        "region": region,
        "resources": [],
        "detail": record,
    }


def changed(event: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of an event with one value changed, at a path like ``detail.errorCode``; ``...`` removes it."""
    copy: dict[str, Any] = json.loads(json.dumps(event))
    *parents, last = path.split(".")
    place = copy
    for key in parents:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copy
