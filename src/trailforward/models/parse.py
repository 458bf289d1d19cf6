"""Which class a record is: ``eventType`` decides."""

from typing import Any

from trailforward.models._safe_access import member, text
from trailforward.models.aggregated import AggregatedEvent
from trailforward.models.call import ApiCall, ConsoleAction
from trailforward.models.insight import InsightEvent
from trailforward.models.network import NetworkActivityEvent
from trailforward.models.record import CloudTrailRecord
from trailforward.models.service import ServiceEvent
from trailforward.models.signin import ConsoleSignIn

# In small letters: AWS itself writes both AwsConsoleSignIn and AwsConsoleSignin.
_KINDS: dict[str, type[CloudTrailRecord]] = {
    "awsaggregatedevent": AggregatedEvent,
    "awsapicall": ApiCall,
    "awscloudtrailinsight": InsightEvent,
    "awsconsoleaction": ConsoleAction,
    "awsconsolesignin": ConsoleSignIn,
    "awsserviceevent": ServiceEvent,
    "awsvpceevent": NetworkActivityEvent,
    "awsvpceevents": NetworkActivityEvent,
}


def parse_record(record: Any) -> CloudTrailRecord:
    """Gives a record its class: by ``eventType``, and ``CloudTrailRecord`` for any other object.

    Raises:
        pydantic.ValidationError: this is no JSON object (a dict), nor a record already.
    """
    event_type = text(member(record, "eventType")) or ""
    return _KINDS.get(event_type.lower(), CloudTrailRecord).model_validate(record)
