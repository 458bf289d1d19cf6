"""The kinds of CloudTrail events that EventBridge delivers, by detail-type.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html and
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-events.html (the fields of each kind).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventKind:
    """One kind of CloudTrail event.

    Attributes:
        name: short and stable.
        title: for sentences: "an API call".
        detail_types: every spelling of the detail-type; AWS's guides write sign-ins in two ways.
        event_types: the values of ``eventType``.
        categories: the values of ``eventCategory``; empty if AWS does not say.
        absent: fields of other records that these records do not have.
        service: the only service that has such events, or empty.
    """

    name: str
    title: str
    detail_types: tuple[str, ...]
    event_types: tuple[str, ...]
    categories: tuple[str, ...] = ()
    absent: frozenset[str] = frozenset({"insightDetails"})
    service: str = ""


KINDS = (
    EventKind(
        "api-call",
        "an API call",
        ("AWS API Call via CloudTrail",),
        ("AwsApiCall",),
        ("Management", "Data"),
    ),
    EventKind(
        "sign-in",
        "a console sign-in",
        ("AWS Console Sign In via CloudTrail", "AWS Console Signin via CloudTrail"),
        ("AwsConsoleSignIn", "AwsConsoleSignin"),
        service="signin",
    ),
    EventKind(
        "service-event", "a service event", ("AWS Service Event via CloudTrail",), ("AwsServiceEvent",)
    ),
    EventKind(
        "console-action", "a console action", ("AWS Console Action via CloudTrail",), ("AwsConsoleAction",)
    ),
    EventKind(
        "network-activity",
        "a network activity event",
        ("AWS Network Activity Event via CloudTrail",),
        ("AwsVpceEvent", "AwsVpceEvents"),
        ("NetworkActivity",),
        frozenset(
            {
                *("insightDetails", "userAgent", "requestParameters", "responseElements"),
                *("readOnly", "managementEvent"),
            }
        ),
    ),
    EventKind(
        "insight",
        "an Insights event",
        ("AWS Insight via CloudTrail",),
        ("AwsCloudTrailInsight",),
        ("Insight",),
        frozenset(
            {
                *("userIdentity", "eventSource", "eventName", "requestParameters", "responseElements"),
                *("errorCode", "errorMessage", "readOnly", "managementEvent", "sourceIPAddress", "userAgent"),
            }
        ),
        "cloudtrail",
    ),
)

#: Every detail-type.
DETAIL_TYPES = tuple(text for kind in KINDS for text in kind.detail_types)
#: Field to the values that AWS documents.
VALUES = {
    "detail.eventType": tuple(text for kind in KINDS for text in kind.event_types),
    "detail.eventCategory": ("Management", "Data", "NetworkActivity", "Insight"),
    "detail.userIdentity.type": (
        *("Root", "IAMUser", "AssumedRole", "Role", "FederatedUser", "Directory", "AWSAccount", "AWSService"),
        *("IdentityCenterUser", "SAMLUser", "WebIdentityUser", "Unknown"),
    ),
    "detail.userIdentity.sessionContext.sessionIssuer.type": ("Root", "IAMUser", "Role"),
}
