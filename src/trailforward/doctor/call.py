"""Call: one thing that happens in an account, and the event that CloudTrail makes of it."""

from typing import Any, Literal

from pydantic import Field

from trailforward.doctor.base import Part

API_CALL = "AWS API Call via CloudTrail"
SIGN_IN = "AWS Console Sign In via CloudTrail"
SIGN_IN_OF_THE_GUIDE = "AWS Console Signin via CloudTrail"

#: detail-type to the eventType of the record.
_EVENT_TYPES = {
    API_CALL: "AwsApiCall",
    SIGN_IN: "AwsConsoleSignIn",
    "AWS Console Action via CloudTrail": "AwsConsoleAction",
    "AWS Service Event via CloudTrail": "AwsServiceEvent",
    "AWS Insight via CloudTrail": "AwsCloudTrailInsight",
    "AWS Network Activity Event via CloudTrail": "AwsVpceEvent",
}


class CalledResource(Part):
    """A resource that a call touched."""

    type: str = ""
    arn: str = ""


class Call(Part):
    """A call, as the doctor needs it.

    Attributes:
        account: the account that records the event.
        region: the endpoint Region of the caller.
        service: the record's ``eventSource``: ``iam.amazonaws.com``.
        event_name: ``CreateUser``.
        source: the envelope's source; by default ``aws.`` and the service's name.
        read_only: the record's ``readOnly``, None where it has none.
        category: ``Management``, ``Data``, ``NetworkActivity`` or ``Insight``.
        identity: the record's ``userIdentity``.
        detail_type: the envelope's.
        resources: what the call touched; a data event needs them.
        request_parameters: the record's, as far as known.
        error_code: the record's, or None.
        bytes: size of the event; 0 where it does not matter.
        endpoint: of STS: ``regional`` or ``global``.
        via: ``PutEvents`` for a forged event that somebody puts on ``bus``.
        bus: the bus of a forged event.
        detail: more of the record, for patterns that ask for it (``sourceIPAddress`` …).
    """

    account: str
    region: str
    service: str
    event_name: str
    source: str = ""
    read_only: bool | None = None
    category: str = "Management"
    identity: dict[str, Any] = Field(default_factory=dict)
    detail_type: str = API_CALL
    resources: tuple[CalledResource, ...] = ()
    request_parameters: dict[str, Any] | None = None
    error_code: str | None = None
    bytes: int = 0
    endpoint: Literal["regional", "global"] | None = None
    via: str | None = None
    bus: str = "default"
    detail: dict[str, Any] = Field(default_factory=dict)

    @property
    def forged(self) -> bool:
        """Whether somebody puts the event on a bus, and CloudTrail has no part in it."""
        return self.via == "PutEvents"

    @property
    def is_sign_in(self) -> bool:
        """Whether it is a console sign-in, in either spelling."""
        return self.detail_type in {SIGN_IN, SIGN_IN_OF_THE_GUIDE}

    @property
    def name(self) -> str:
        """``iam:CreateUser``."""
        return f"{self.service.partition('.')[0]}:{self.event_name}"

    @property
    def link(self) -> str:
        """``call:SERVICE/EVENT``."""
        return f"call:{self.service}/{self.event_name}"

    def event(self, region: str) -> dict[str, Any]:
        """The event as a rule of ``region`` sees it, as far as it is known. Hops do not change it."""
        record = {
            "eventSource": self.service,
            "eventName": self.event_name,
            "eventType": _EVENT_TYPES.get(self.detail_type),
            "awsRegion": region,
            "recipientAccountId": self.account,
            "eventCategory": self.category,
            "readOnly": self.read_only,
            "managementEvent": self.category == "Management",
            "userIdentity": self.identity,
            "requestParameters": self.request_parameters,
            "errorCode": self.error_code,
            "resources": [{"type": item.type, "ARN": item.arn} for item in self.resources] or None,
        }
        known = {key: value for key, value in record.items() if value is not None}
        return {
            "version": "0",
            "source": self.source or f"aws.{self.service.partition('.')[0]}",
            "detail-type": self.detail_type,
            "account": self.account,
            "region": region,
            "resources": [],
            "detail": {**known, **self.detail},
        }
