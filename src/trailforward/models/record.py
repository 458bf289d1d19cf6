"""CloudTrailRecord: one CloudTrail record, and the base of the classes for each event type.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from pydantic import Field

from trailforward.models._safe_access import as_bool, nested_attribute, non_empty_text
from trailforward.models.base import LenientModel
from trailforward.models.identity import UserIdentity
from trailforward.models.shared import (
    Addendum,
    EdgeDeviceDetails,
    EventContext,
    Failure,
    Resource,
    TlsDetails,
)
from trailforward.models.time import AwsTime
from trailforward.models.version import EventVersion
from trailforward.result import reported_failure


class CloudTrailRecord(LenientModel):
    """One CloudTrail record, up to format version 1.11. Also used for any other ``detail`` object.

    The number in brackets is the format version that introduced the field. Each service defines its own
    free-form objects; AWS omits secrets (``HIDDEN_DUE_TO_SECURITY_REASONS``) and fields larger than 100 KB.

    Attributes:
        event_version: version of the record format.
        user_identity: who made the call.
        event_time: when the call completed, in whole seconds, by the clock of the service's host.
        event_source: the service, ``ec2.amazonaws.com``.
        event_name: the action, usually the name of an API.
        aws_region: the Region of the call.
        source_ip_address: an IP address, the name of a service, or ``AWS Internal``; see :attr:`source_ip`.
        user_agent: at most 1 KB.
        error_code: see :attr:`error`.
        error_message: see :attr:`error`.
        request_parameters: free-form; None if the call has none.
        response_elements: free-form; None for read-only calls.
        additional_event_data: free-form.
        request_id: the service's ID of the call [1.01].
        event_id: CloudTrail's ID of the event [1.01].
        read_only: whether the call is read-only [1.01]; see :attr:`is_read_only`.
        resources: the resources that the event affected or read [1.01].
        event_type: ``AwsApiCall``, ``AwsServiceEvent`` … [1.02].
        api_version: free text [1.01].
        management_event: whether it is a management event [1.06].
        recipient_account_id: the account that received this record, 12 digits as text [1.02].
        shared_event_id: the same value in the records of one action in several accounts [1.03].
        vpc_endpoint_id: ``vpce-…`` [1.04].
        vpc_endpoint_account_id: the endpoint's owner [1.09].
        service_event_details: free-form; the details of a service event [1.05].
        event_category: ``Management``, ``Data``, ``NetworkActivity``, ``Insight`` or ``Aggregated`` [1.07].
        tls_details: the TLS connection [1.08].
        session_credential_from_console: the text ``true`` if a console session made the call [1.08].
        addendum: why the event was delayed or updated [1.08].
        edge_device_details: the edge device that served the call [1.08].
        event_context: CloudTrail Lake only [1.11].
        annotation: AWS lists this field but does not describe it.
    """

    event_version: EventVersion | None = None
    user_identity: UserIdentity | None = None
    event_time: AwsTime | None = None
    event_source: str | None = None
    event_name: str | None = None
    aws_region: str | None = None
    source_ip_address: str | None = Field(None, alias="sourceIPAddress")
    user_agent: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    request_parameters: dict[str, Any] | None = None
    response_elements: dict[str, Any] | None = None
    additional_event_data: dict[str, Any] | None = None
    request_id: str | None = Field(None, alias="requestID")
    event_id: str | None = Field(None, alias="eventID")
    read_only: bool | None = None
    resources: list[Resource] | None = None
    event_type: str | None = None
    api_version: str | None = None
    management_event: bool | None = None
    recipient_account_id: str | None = None
    shared_event_id: str | None = Field(None, alias="sharedEventID")
    vpc_endpoint_id: str | None = None
    vpc_endpoint_account_id: str | None = None
    service_event_details: dict[str, Any] | None = None
    event_category: str | None = None
    tls_details: TlsDetails | None = None
    session_credential_from_console: str | None = None
    addendum: Addendum | None = None
    edge_device_details: EdgeDeviceDetails | None = None
    event_context: EventContext | None = None
    annotation: Any = None

    @property
    def actor(self) -> str | None:
        """Who did it, in readable form: ``rosa``, ``OpsAdmin/jun``, ``root``, ``lambda.amazonaws.com``.

        Not unique. Use ``user_identity.arn`` and ``user_identity.account_id`` to identify the caller.
        """
        return non_empty_text(nested_attribute(self.user_identity, "name"))

    @property
    def source_ip(self) -> IPv4Address | IPv6Address | None:
        """The IP address of the caller, the first if there are several; None if a service made the call."""
        first = (non_empty_text(self.source_ip_address) or "").partition(",")[0].strip()
        try:
            return ip_address(first)
        except ValueError:
            return None

    @property
    def source_service(self) -> str | None:
        """The AWS service that made the call, or ``AWS Internal``; None if the caller has an IP address."""
        return non_empty_text(self.source_ip_address) if self.source_ip is None else None

    @property
    def error(self) -> Failure | None:
        """Why it failed; only ``Failure`` if the record says no more; None if it succeeded.

        ``trailforward.result`` lists the places where a record reports a failure.
        """
        failure = reported_failure(
            {
                "eventType": self.event_type,
                "eventSource": self.event_source,
                "errorCode": self.error_code,
                "errorMessage": self.error_message,
                "responseElements": self.response_elements,
                "serviceEventDetails": self.service_event_details,
                "additionalEventData": self.additional_event_data,
            }
        )
        return None if failure is None else Failure(*failure)

    @property
    def is_read_only(self) -> bool | None:
        """Whether the call is read-only; None if unknown (network activity events, formats before 1.01)."""
        return as_bool(self.read_only)

    @property
    def is_root(self) -> bool:
        """Whether the root user of the account, or a session of sts:AssumeRoot, made the call."""
        return nested_attribute(self.user_identity, "is_root") is True

    @property
    def mfa(self) -> bool | None:
        """Whether multi-factor authentication was used; None if unknown."""
        return as_bool(nested_attribute(self.user_identity, "mfa"))
