"""CloudTrailRecord: what happened, as CloudTrail tells it. Base of all kinds of record.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from pydantic import Field

from trailforward.models._safe_access import dig, flag, text
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


class CloudTrailRecord(LenientModel):
    """One record, format 1.11 and before. Also stands for any ``detail`` that is no CloudTrail record.

    In brackets: the format version that brought the field. Free-form objects are the service's own: AWS
    leaves out secrets (``HIDDEN_DUE_TO_SECURITY_REASONS``) and whole fields over 100 KB.

    Attributes:
        event_version: of the record's format.
        user_identity: who made the call.
        event_time: when the call was completed, whole seconds, by the clock of the service's host.
        event_source: the service, ``ec2.amazonaws.com``.
        event_name: the action, mostly an API's name.
        aws_region: the Region of the call.
        source_ip_address: an address, a service's name, ``AWS Internal``; see :attr:`source_ip`.
        user_agent: at most 1 KB.
        error_code: see :attr:`error`.
        error_message: see :attr:`error`.
        request_parameters: free-form; null if there are none.
        response_elements: free-form; null for calls that only read.
        additional_event_data: free-form.
        request_id: the service's id of the call [1.01].
        event_id: CloudTrail's id of the event [1.01].
        read_only: whether the call only reads [1.01]; see :attr:`is_read_only`.
        resources: what was touched [1.01].
        event_type: ``AwsApiCall``, ``AwsServiceEvent`` … [1.02].
        api_version: free text [1.01].
        management_event: whether it is a management event [1.06].
        recipient_account_id: the account that got this record, 12 digits as text [1.02].
        shared_event_id: the same in the records that several accounts got of one action [1.03].
        vpc_endpoint_id: ``vpce-…`` [1.04].
        vpc_endpoint_account_id: the endpoint's owner [1.09].
        service_event_details: free-form; what happened in a service event [1.05].
        event_category: ``Management``, ``Data``, ``NetworkActivity``, ``Insight`` or ``Aggregated`` [1.07].
        tls_details: the TLS connection [1.08].
        session_credential_from_console: the text ``true`` if a console session made the call [1.08].
        addendum: why the event is late or changed [1.08].
        edge_device_details: the edge device that served the call [1.08].
        event_context: CloudTrail Lake only [1.11].
        annotation: named by AWS, nowhere described.
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
        """Who did it, for people: ``rosa``, ``OpsAdmin/jun``, ``root``, ``lambda.amazonaws.com``.

        Readable, not unique: ``user_identity.arn`` and ``user_identity.account_id`` are.
        """
        return text(dig(self.user_identity, "name"))

    @property
    def source_ip(self) -> IPv4Address | IPv6Address | None:
        """The address the call came from; the first where several are listed; None if a service made it."""
        first = (text(self.source_ip_address) or "").partition(",")[0].strip()
        try:
            return ip_address(first)
        except ValueError:
            return None

    @property
    def source_service(self) -> str | None:
        """What stands in place of an address: the AWS service that called, or ``AWS Internal``."""
        return text(self.source_ip_address) if self.source_ip is None else None

    @property
    def error(self) -> Failure | None:
        """Why it failed; None if it did not."""
        code, message = text(self.error_code), text(self.error_message)
        return Failure(code, message) if code or message else None

    @property
    def is_read_only(self) -> bool | None:
        """Whether the call only reads; None where the record does not say (network activity, before 1.01)."""
        return flag(self.read_only)

    @property
    def is_root(self) -> bool:
        """Whether the account's root user did it, or a session of sts:AssumeRoot."""
        return dig(self.user_identity, "is_root") is True

    @property
    def mfa(self) -> bool | None:
        """Whether multi-factor authentication was used; None where the record does not say."""
        return flag(dig(self.user_identity, "mfa"))
