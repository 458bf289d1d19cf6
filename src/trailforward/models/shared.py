"""The objects inside a record that several types of record share.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from typing import Any, NamedTuple

from pydantic import Field

from trailforward.models.base import LenientModel


class Failure(NamedTuple):
    """Why a call or a sign-in failed.

    Attributes:
        code: AWS's error code, ``AccessDenied``; None for sign-ins.
        message: AWS's error message; None if there is only a code.
    """

    code: str | None
    message: str | None

    def __str__(self) -> str:
        return ": ".join(filter(None, self))


class Resource(LenientModel):
    """A resource that the event affected or read. Any field may be missing.

    Attributes:
        arn: its ARN.
        arn_prefix: common prefix of the ARNs, if the entry describes many resources.
        account_id: the account that owns it.
        type: ``AWS::S3::Bucket``.
    """

    arn: str | None = Field(None, alias="ARN")
    arn_prefix: str | None = Field(None, alias="ARNPrefix")
    account_id: str | None = None
    type: str | None = None


class TlsDetails(LenientModel):
    """The TLS connection of the call; absent for calls that a service made on behalf of a caller.

    Attributes:
        tls_version: ``TLSv1.3``.
        cipher_suite: ``TLS_AES_128_GCM_SHA256``.
        client_provided_host_header: the host name that the client requested.
        key_exchange: ``X25519MLKEM768``.
    """

    tls_version: str | None = None
    cipher_suite: str | None = None
    client_provided_host_header: str | None = None
    key_exchange: str | None = None


class Addendum(LenientModel):
    """Why an event was delayed, or which earlier event it updates.

    Attributes:
        reason: ``DELIVERY_DELAY``, ``UPDATED_DATA`` or ``SERVICE_OUTAGE``.
        updated_fields: names of the changed fields (UPDATED_DATA only).
        original_request_id: requestID of the earlier event, if it differs.
        original_event_id: eventID of the earlier event.
    """

    reason: str | None = None
    updated_fields: str | None = None
    original_request_id: str | None = Field(None, alias="originalRequestID")
    original_event_id: str | None = Field(None, alias="originalEventID")


class EdgeDeviceDetails(LenientModel):
    """The edge device that served the call (S3 on Outposts, Snow family).

    Field names: https://github.com/aws/aws-cloudtrail-processing-library.

    Attributes:
        type: type of the device.
        snow_job_id: ID of the Snow job.
        device_id: ID of the device.
        device_family: its family.
    """

    type: str | None = None
    snow_job_id: str | None = None
    device_id: str | None = None
    device_family: str | None = None


class EventContext(LenientModel):
    """Enrichment that the customer configured. Only in CloudTrail Lake, never in EventBridge or trails.

    Attributes:
        request_context: IAM global condition keys that were evaluated, ``aws:…``.
        tag_context: tags of the resources and of the principal.
    """

    request_context: dict[str, Any] | None = None
    tag_context: dict[str, Any] | None = None
