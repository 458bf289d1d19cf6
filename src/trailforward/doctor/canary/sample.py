"""A canary's event, as CloudTrail records the call and EventBridge delivers it."""

from __future__ import annotations

from typing import Any

from trailforward.arn import Arn
from trailforward.pipeline.canary import ERROR, PATH

_TIME = "2026-11-28T12:17:00Z"
_ID = "00000000-0000-4000-8000-000000000000"


def sample_event(role: str, region: str) -> dict[str, Any]:
    """The event of a call that a session of a role made in a Region.

    Args:
        role: ARN of the role; its account is that of the event.
        region: the Region of the call.
    """
    arn = Arn.parse(role)
    session = "trailforward-canary"
    identity = {
        "type": "AssumedRole",
        "principalId": f"AROAEXAMPLEEXAMPLE123:{session}",
        "arn": f"arn:{arn.partition}:sts::{arn.account}:assumed-role/{arn.name}/{session}",
        "accountId": arn.account,
        "accessKeyId": "ASIAI44QH8DHBEXAMPLE",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROAEXAMPLEEXAMPLE123",
                "arn": role,
                "accountId": arn.account,
                "userName": arn.name,
            },
            "attributes": {"creationDate": _TIME, "mfaAuthenticated": "false"},
        },
    }
    record = {
        "eventVersion": "1.11",
        "userIdentity": identity,
        "eventTime": _TIME,
        "eventSource": "ssm.amazonaws.com",
        "eventName": "DeleteParameter",
        "awsRegion": region,
        "sourceIPAddress": "203.0.113.7",
        "userAgent": "trailforward-canary",
        "errorCode": ERROR,
        "requestParameters": {"name": f"{PATH}{'0' * 32}"},
        "responseElements": None,
        "requestID": _ID,
        "eventID": _ID,
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": arn.account,
        "eventCategory": "Management",
    }
    return {
        "version": "0",
        "id": _ID,
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ssm",
        "account": arn.account,
        "time": _TIME,
        "region": region,
        "resources": [],
        "detail": record,
    }
