"""Parses a CloudTrail record into the class for its ``eventType``."""

from typing import Any

from trailforward.models._safe_access import member, non_empty_text
from trailforward.models.aggregated import AggregatedEvent
from trailforward.models.call import ApiCall, ConsoleAction
from trailforward.models.insight import InsightEvent
from trailforward.models.network import NetworkActivityEvent
from trailforward.models.record import CloudTrailRecord
from trailforward.models.service import ServiceEvent
from trailforward.models.signin import ConsoleSignIn

# In lower case, because AWS writes both AwsConsoleSignIn and AwsConsoleSignin.
_CLASSES: dict[str, type[CloudTrailRecord]] = {
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
    """Parses a record into the class for its ``eventType``; any other object becomes a ``CloudTrailRecord``.

    Raises:
        pydantic.ValidationError: the value is neither a dict nor a ``CloudTrailRecord``.
    """
    event_type = non_empty_text(member(record, "eventType")) or ""
    return _CLASSES.get(event_type.lower(), CloudTrailRecord).model_validate(record)
