"""Typed CloudTrail events: the EventBridge envelope, and one class for each type of CloudTrail record.

The models are lenient: they keep unknown fields, keep values of the wrong type as they are, and no helper
property raises. A type annotation is therefore true only for data that follows AWS's documentation.

::

    event = EventBridgeEvent.model_validate(json.loads(text))
    if isinstance(event.detail, ConsoleSignIn) and event.detail.is_root and not event.detail.mfa:
        alert(event.detail.actor, event.detail.source_ip)
"""

from trailforward.models.aggregated import (
    AggregatedEvent,
    AggregateStatistic,
    AggregateSummary,
    Dimension,
    TimeWindow,
)
from trailforward.models.base import LenientModel
from trailforward.models.call import ApiCall, ConsoleAction
from trailforward.models.envelope import EventBridgeEvent
from trailforward.models.identity import (
    InScopeOf,
    InvokedByDelegate,
    OnBehalfOf,
    SessionAttributes,
    SessionContext,
    SessionIssuer,
    UserIdentity,
    WebIdFederationData,
)
from trailforward.models.insight import (
    InsightAttribution,
    InsightAverage,
    InsightContext,
    InsightDetails,
    InsightEvent,
    InsightStatistics,
    InsightValue,
)
from trailforward.models.network import NetworkActivityEvent
from trailforward.models.parse import parse_record
from trailforward.models.record import CloudTrailRecord
from trailforward.models.service import ServiceEvent
from trailforward.models.shared import (
    Addendum,
    EdgeDeviceDetails,
    EventContext,
    Failure,
    Resource,
    TlsDetails,
)
from trailforward.models.signin import ConsoleSignIn, SignInData
from trailforward.models.time import AwsTime
from trailforward.models.version import EventVersion

__all__ = [
    "Addendum",
    "AggregateStatistic",
    "AggregateSummary",
    "AggregatedEvent",
    "ApiCall",
    "AwsTime",
    "CloudTrailRecord",
    "ConsoleAction",
    "ConsoleSignIn",
    "Dimension",
    "EdgeDeviceDetails",
    "EventBridgeEvent",
    "EventContext",
    "EventVersion",
    "Failure",
    "InScopeOf",
    "InsightAttribution",
    "InsightAverage",
    "InsightContext",
    "InsightDetails",
    "InsightEvent",
    "InsightStatistics",
    "InsightValue",
    "InvokedByDelegate",
    "LenientModel",
    "NetworkActivityEvent",
    "OnBehalfOf",
    "Resource",
    "ServiceEvent",
    "SessionAttributes",
    "SessionContext",
    "SessionIssuer",
    "SignInData",
    "TimeWindow",
    "TlsDetails",
    "UserIdentity",
    "WebIdFederationData",
    "parse_record",
]
