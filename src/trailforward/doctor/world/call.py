"""Call: one API call in an account, and the event that CloudTrail records for it."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from trailforward.doctor.world.base import SnapshotModel
from trailforward.doctor.world.data_events import category_of

API_CALL = "AWS API Call via CloudTrail"
SIGN_IN = "AWS Console Sign In via CloudTrail"
SIGN_IN_EVENTBRIDGE_GUIDE = "AWS Console Signin via CloudTrail"

#: detail-type to the record's eventType.
_EVENT_TYPES = {
    API_CALL: "AwsApiCall",
    SIGN_IN: "AwsConsoleSignIn",
    "AWS Console Action via CloudTrail": "AwsConsoleAction",
    "AWS Service Event via CloudTrail": "AwsServiceEvent",
    "AWS Insight via CloudTrail": "AwsCloudTrailInsight",
    "AWS Network Activity Event via CloudTrail": "AwsVpceEvent",
}
#: detail-type to the record's category, if it has no other.
_CATEGORIES = {
    "AWS Insight via CloudTrail": "Insight",
    "AWS Network Activity Event via CloudTrail": "NetworkActivity",
}
_DETAIL_TYPES = {event_type: detail_type for detail_type, event_type in _EVENT_TYPES.items()}


class CalledResource(SnapshotModel):
    """A resource that a call accessed."""

    type: str = ""
    arn: str = ""


class Call(SnapshotModel):
    """One API call, with what the doctor needs to know about it.

    Attributes:
        account: the account that records the event.
        region: the endpoint Region of the caller.
        service: the record's ``eventSource``: ``iam.amazonaws.com``.
        event_name: ``CreateUser``.
        source: the envelope's ``source``; the default is ``aws.`` plus the service name.
        read_only: the record's ``readOnly``; None if the record has none.
        category: ``Management``, ``Data``, ``NetworkActivity`` or ``Insight``; empty if it is not certain.
            If it is not given, ``data_events.toml`` decides.
        identity: the record's ``userIdentity``.
        detail_type: the envelope's ``detail-type``.
        resources: the resources that the call accessed; data events need them.
        request_parameters: the record's ``requestParameters``, as far as known.
        error_code: the record's ``errorCode``, or None.
        bytes: size of the event; 0 if it does not matter.
        endpoint: the STS endpoint: ``regional`` or ``global``.
        via: ``PutEvents`` for an event that somebody puts on ``bus``; None for an API call.
        bus: the bus of a PutEvents event.
        detail: more fields of the record, for patterns that match on them (``sourceIPAddress`` …).
    """

    account: str
    region: str
    service: str
    event_name: str
    source: str = ""
    read_only: bool | None = None
    category: str = ""
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

    @model_validator(mode="before")
    @classmethod
    def _decide_category(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "category" in data:
            return data
        kind = data.get("detail_type", data.get("detailType", API_CALL))
        if kind != API_CALL or data.get("via") == "PutEvents":
            return {**data, "category": _CATEGORIES.get(str(kind), "Management")}
        service, name = data.get("service"), data.get("event_name", data.get("eventName"))
        return {**data, "category": category_of(str(service), str(name)) or ""}

    @property
    def is_put_events(self) -> bool:
        """Whether somebody sends the event with PutEvents, without CloudTrail."""
        return self.via == "PutEvents"

    @property
    def is_sign_in(self) -> bool:
        """Whether it is a console sign-in, in either spelling of the detail-type."""
        return self.detail_type in {SIGN_IN, SIGN_IN_EVENTBRIDGE_GUIDE}

    @property
    def name(self) -> str:
        """``iam:CreateUser``."""
        return f"{self.service.partition('.')[0]}:{self.event_name}"

    @property
    def link(self) -> str:
        """``call:SERVICE/EVENT``."""
        return f"call:{self.service}/{self.event_name}"

    @classmethod
    def from_event(cls, event: Mapping[str, Any], *, account: str = "", region: str = "") -> Self:
        """The call that caused an event: an EventBridge envelope, or a CloudTrail record alone.

        Args:
            event: the event.
            account: the account ID, if the event does not have one.
            region: the Region, if the event does not have one.

        Raises:
            ValueError: the event lacks required fields; the text names them.
        """
        inner = event.get("detail")
        detail: Mapping[str, Any] = inner if isinstance(inner, dict) else event
        insight = _object(detail.get("insightDetails"))
        required = {
            "account": detail.get("recipientAccountId") or event.get("account") or account,
            "region": detail.get("awsRegion") or event.get("region") or region,
            "eventSource": detail.get("eventSource") or ("cloudtrail.amazonaws.com" if insight else None),
            "eventName": detail.get("eventName") or insight.get("insightType"),
        }
        missing = [name for name, value in required.items() if not isinstance(value, str) or not value]
        if missing:
            raise ValueError(f"the event has no {' and no '.join(missing)}")
        read_only = detail.get("readOnly")
        listed = detail.get("resources")
        fields: dict[str, Any] = {
            "account": required["account"],
            "region": required["region"],
            "service": required["eventSource"],
            "event_name": required["eventName"],
            "read_only": read_only if isinstance(read_only, bool) else None,
            "identity": _object(detail.get("userIdentity")),
            "resources": [
                {"type": _text(item.get("type")), "arn": _text(item.get("ARN"))}
                for item in (listed if isinstance(listed, list) else ())
                if isinstance(item, dict)
            ],
            "request_parameters": _object(detail.get("requestParameters")) or None,
            "error_code": _text(detail.get("errorCode")) or None,
            "detail": dict(detail),
        }
        if detail is not event:
            fields["source"] = _text(event.get("source"))
            fields["detail_type"] = _text(event.get("detail-type")) or API_CALL
        elif detail.get("eventType") in list(_DETAIL_TYPES):
            fields["detail_type"] = _DETAIL_TYPES[detail["eventType"]]
        if category := _category(detail):
            fields["category"] = category
        return cls.model_validate(fields)

    def event(self, region: str) -> dict[str, Any]:
        """The event as a rule in ``region`` receives it, as far as known; hops do not change it."""
        record = {
            "eventSource": self.service,
            "eventName": self.event_name,
            "eventType": _EVENT_TYPES.get(self.detail_type),
            "awsRegion": region,
            "recipientAccountId": self.account,
            "eventCategory": self.category or None,
            "readOnly": self.read_only,
            "managementEvent": self.category == "Management" if self.category else None,
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


def _category(record: Mapping[str, Any]) -> str:
    """The category that a record states; empty if it states none. Old records have ``managementEvent``."""
    category, management = record.get("eventCategory"), record.get("managementEvent")
    if isinstance(category, str) and category:
        return category
    if record.get("eventType") == "AwsVpceEvent":
        return "NetworkActivity"
    return {True: "Management", False: "Data"}[management] if isinstance(management, bool) else ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
