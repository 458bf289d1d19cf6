"""The small objects within a record.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from typing import Any, NamedTuple

from pydantic import Field

from trailforward.models.base import LenientModel


class Failure(NamedTuple):
    """Why a call or a sign-in failed.

    Attributes:
        code: AWS's error code, ``AccessDenied``; None for sign-ins, which have none.
        message: AWS's text; None where only a code came.
    """

    code: str | None
    message: str | None

    def __str__(self) -> str:
        return ": ".join(filter(None, self))


class Resource(LenientModel):
    """A resource that the event touched. Any of the members may be missing.

    Attributes:
        arn: its ARN.
        arn_prefix: beginning of the ARNs, where many resources are meant.
        account_id: its owner.
        type: ``AWS::S3::Bucket``.
    """

    arn: str | None = Field(None, alias="ARN")
    arn_prefix: str | None = Field(None, alias="ARNPrefix")
    account_id: str | None = None
    type: str | None = None


class TlsDetails(LenientModel):
    """The TLS connection of the call; absent for calls that a service made on somebody's behalf.

    Attributes:
        tls_version: ``TLSv1.3``.
        cipher_suite: ``TLS_AES_128_GCM_SHA256``.
        client_provided_host_header: the host name that the client asked for.
        key_exchange: ``X25519MLKEM768``.
    """

    tls_version: str | None = None
    cipher_suite: str | None = None
    client_provided_host_header: str | None = None
    key_exchange: str | None = None


class Addendum(LenientModel):
    """Why an event is late, or which earlier event it updates.

    Attributes:
        reason: ``DELIVERY_DELAY``, ``UPDATED_DATA`` or ``SERVICE_OUTAGE``.
        updated_fields: names of the changed fields (UPDATED_DATA only).
        original_request_id: requestID of the earlier event, where it differs.
        original_event_id: eventID of the earlier event.
    """

    reason: str | None = None
    updated_fields: str | None = None
    original_request_id: str | None = Field(None, alias="originalRequestID")
    original_event_id: str | None = Field(None, alias="originalEventID")


class EdgeDeviceDetails(LenientModel):
    """The edge device that served the call (S3 on Outposts, Snow family).

    Member names: https://github.com/aws/aws-cloudtrail-processing-library.

    Attributes:
        type: kind of device.
        snow_job_id: the Snow job.
        device_id: the device.
        device_family: its family.
    """

    type: str | None = None
    snow_job_id: str | None = None
    device_id: str | None = None
    device_family: str | None = None


class EventContext(LenientModel):
    """Enrichment chosen by the customer. Only in CloudTrail Lake, never in EventBridge or trails.

    Attributes:
        request_context: IAM global condition keys that were evaluated, ``aws:…``.
        tag_context: tags of the resources and of the principal.
    """

    request_context: dict[str, Any] | None = None
    tag_context: dict[str, Any] | None = None
