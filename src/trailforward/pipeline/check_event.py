"""The event that ``trailforward check-sinks`` sends."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trailforward.aws.own_calls import parsed

if TYPE_CHECKING:
    from trailforward.sinks.settings import SinkSettings

#: ``source`` and ``detail-type`` of the test event. No AWS service uses them, so no pattern with a source
#: matches it by accident.
SOURCE = "trailforward.check-sinks"
DETAIL_TYPE = "trailforward test event"


def make_event(event_id: str, settings: SinkSettings, name: str) -> bytes:
    """The test event for one sink: an envelope that no AWS service writes, with a record that says so."""
    arn = parsed(settings.resource)
    account = (arn.account if arn else "") or "123456789012"
    region = (arn.region if arn else "") or "us-east-1"
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = f"Test event of `trailforward check-sinks` for the sink {name}. It reports nothing. Ignore it."
    record = {
        "eventVersion": "1.11",
        "userIdentity": {"type": "Unknown", "accountId": account},
        "eventTime": now,
        "eventSource": SOURCE,
        "eventName": "TestEvent",
        "awsRegion": region,
        "sourceIPAddress": SOURCE,
        "userAgent": SOURCE,
        "requestParameters": {"sink": name, "message": text},
        "responseElements": None,
        "eventID": event_id,
        "readOnly": True,
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
    envelope = {
        "version": "0",
        "id": event_id,
        "detail-type": DETAIL_TYPE,
        "source": SOURCE,
        "account": account,
        "time": now,
        "region": region,
        "resources": [],
        "detail": record,
    }
    return json.dumps(envelope, separators=(",", ":")).encode()
