"""EventBridgeEvent: the envelope around a record.

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
    """One event as EventBridge delivers it. ``detail`` is the only member it cannot be without.

    A ``detail`` that is an object is always a ``CloudTrailRecord``, so that its helpers are at hand: of the
    class its ``eventType`` names, or the base class, with all in ``model_extra``, for other events
    (GuardDuty, S3 …). A ``detail`` that is no object stays as it came.

    Attributes:
        version: ``0``.
        id: EventBridge's id. Differs after a hop to another Region: ``detail.event_id`` does not.
        detail_type: ``AWS API Call via CloudTrail``; sign-ins have two spellings, ``Sign In`` and ``Signin``.
        source: ``aws.`` and the service, after ``detail.event_source``: ``aws.ec2``.
        account: where the event was put on a bus first, 12 digits as text.
        time: mostly ``detail.event_time``.
        region: where the event was put on a bus first.
        resources: ARNs; always empty for CloudTrail.
        replay_name: the replay that sent it again, else absent.
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
