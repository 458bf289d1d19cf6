"""EventBridgeEvent: the EventBridge envelope of a CloudTrail record.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
"""

from typing import Annotated

from pydantic import Field, PlainValidator

from trailforward.models.base import LenientModel
from trailforward.models.parse import parse_record
from trailforward.models.record import CloudTrailRecord
from trailforward.models.time import AwsTime


class EventBridgeEvent(LenientModel):
    """One event as EventBridge delivers it. Only ``detail`` is required.

    If ``detail`` is an object, it becomes a ``CloudTrailRecord`` with its helper properties: the class for
    its ``eventType``, or the base class for other events (GuardDuty, S3 …), whose fields are in
    ``model_extra``. A ``detail`` that is not an object is kept as it is.

    Attributes:
        version: ``0``.
        id: EventBridge's ID. It changes when the event is forwarded to a bus in another Region;
            ``detail.event_id`` does not.
        detail_type: ``AWS API Call via CloudTrail``; AWS spells sign-ins ``Sign In`` or ``Signin``.
        source: ``aws.`` and the service of ``detail.event_source``: ``aws.ec2``.
        account: the account of the first event bus, 12 digits as text.
        time: usually ``detail.event_time``.
        region: the Region of the first event bus.
        resources: ARNs; always empty for CloudTrail.
        replay_name: the archive replay that resent the event; None otherwise.
        detail: the record.
    """

    version: str | None = None
    id: str | None = None
    detail_type: str | None = Field(None, alias="detail-type")
    source: str | None = None
    account: str | None = None
    time: AwsTime | None = None
    region: str | None = None
    resources: list[str] | None = None
    replay_name: str | None = Field(None, alias="replay-name")
    detail: Annotated[CloudTrailRecord, PlainValidator(parse_record, json_schema_input_type=CloudTrailRecord)]
