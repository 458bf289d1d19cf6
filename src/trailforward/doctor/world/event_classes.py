"""EventClass: the nine classes of events that coverage is reported for, each with an example call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trailforward.doctor.world.call import SIGN_IN, Call


@dataclass(frozen=True, slots=True)
class EventClass:
    """A class of events.

    Attributes:
        name: short and stable, for programs.
        title: the name in reports.
        fields: the example call's fields, without account and Region.
    """

    name: str
    title: str
    fields: dict[str, Any] = field(repr=False)

    def call(self, account: str, region: str, **fields: Any) -> Call:
        """An example call of this class.

        Args:
            account: the account ID.
            region: the endpoint Region of the caller.
            **fields: fields that differ from the example, such as ``resources`` of a data event.
        """
        identity = {"type": "IAMUser", "arn": f"arn:aws:iam::{account}:user/doctor", "accountId": account}
        given = {"account": account, "region": region, "identity": identity}
        return Call.model_validate({**given, **self.fields, **fields})


def _class(name: str, title: str, service: str, event_name: str, **fields: Any) -> EventClass:
    return EventClass(name, title, {"service": service, "event_name": event_name, **fields})


_OBJECT = {"type": "AWS::S3::Object", "arn": "arn:aws:s3:::example-bucket/example-key"}

#: Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
CLASSES: tuple[EventClass, ...] = (
    _class("write", "Management write", "ec2.amazonaws.com", "RunInstances", read_only=False),
    _class("read", "Management read-only", "ec2.amazonaws.com", "DescribeInstances", read_only=True),
    _class("kms-read", "KMS read-only", "kms.amazonaws.com", "Decrypt", read_only=True),
    _class(
        "sign-in",
        "Console sign-in",
        "signin.amazonaws.com",
        "ConsoleLogin",
        read_only=False,
        detail_type=SIGN_IN,
    ),
    _class("global", "Global services (IAM)", "iam.amazonaws.com", "CreateUser", read_only=False),
    _class(
        "data",
        "Data events (S3 objects)",
        "s3.amazonaws.com",
        "PutObject",
        read_only=False,
        category="Data",
        resources=[_OBJECT],
    ),
    _class(
        "service",
        "Service events",
        "kms.amazonaws.com",
        "RotateKey",
        read_only=False,
        detail_type="AWS Service Event via CloudTrail",
        identity={"invokedBy": "AWS Internal"},
    ),
    _class(
        "insight",
        "Insights",
        "cloudtrail.amazonaws.com",
        "ApiCallRateInsight",
        category="Insight",
        detail_type="AWS Insight via CloudTrail",
    ),
    _class(
        "network",
        "Network activity",
        "secretsmanager.amazonaws.com",
        "GetSecretValue",
        category="NetworkActivity",
        detail_type="AWS Network Activity Event via CloudTrail",
    ),
)
