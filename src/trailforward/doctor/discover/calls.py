"""The calls that discovery makes: one table, for the code that makes them and the policy that allows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.doctor.parts import What


class ApiCall(NamedTuple):
    """One read-only call.

    Attributes:
        service: botocore's name of the service, which is IAM's too.
        operation: the API's name.
        what: what is not seen without it; empty where nothing in a World says so.
        token: the parameter that continues a list.
        action: the IAM action where it is not ``service:operation``; ``-`` where none is needed.
    """

    service: str
    operation: str
    what: What | str
    token: str = ""
    action: str = ""

    @property
    def permission(self) -> str:
        """The IAM action, or an empty text where everybody may."""
        return "" if self.action == "-" else self.action or f"{self.service}:{self.operation}"


#: Source: the services' API references and authorization references.
_TABLE = (
    ApiCall("sts", "GetCallerIdentity", "*", action="-"),
    ApiCall("sts", "AssumeRole", "*"),
    ApiCall("organizations", "DescribeOrganization", ""),
    ApiCall("organizations", "ListAccounts", "", "NextToken"),
    ApiCall("account", "ListRegions", "", "NextToken"),
    ApiCall("ec2", "DescribeRegions", ""),
    ApiCall("cloudtrail", "DescribeTrails", "trails"),
    ApiCall("cloudtrail", "GetTrailStatus", "trails"),
    ApiCall("cloudtrail", "GetEventSelectors", "trails"),
    ApiCall("cloudtrail", "GetInsightSelectors", "trails"),
    ApiCall("events", "ListEventBuses", "buses", "NextToken"),
    ApiCall("events", "ListRules", "rules", "NextToken"),
    ApiCall("events", "ListTargetsByRule", "rules", "NextToken"),
    ApiCall("iam", "GetRole", "roles"),
    ApiCall("iam", "ListRolePolicies", "roles", "Marker"),
    ApiCall("iam", "GetRolePolicy", "roles"),
    ApiCall("iam", "ListAttachedRolePolicies", "roles", "Marker"),
    ApiCall("iam", "GetPolicy", "roles"),
    ApiCall("iam", "GetPolicyVersion", "roles"),
    ApiCall("sqs", "GetQueueUrl", "resources"),
    ApiCall("sqs", "GetQueueAttributes", "resources"),
    ApiCall("sns", "GetTopicAttributes", "resources"),
    ApiCall("sns", "ListSubscriptionsByTopic", "resources", "NextToken"),
    ApiCall("lambda", "GetFunctionConfiguration", "resources"),
    ApiCall("lambda", "GetPolicy", "resources"),
    ApiCall("kinesis", "DescribeStreamSummary", "resources"),
    ApiCall("kinesis", "GetResourcePolicy", "resources"),
    ApiCall("firehose", "DescribeDeliveryStream", "resources"),
    ApiCall("kms", "DescribeKey", "resources"),
    ApiCall("kms", "GetKeyPolicy", "resources"),
)

#: (service, operation) to the row; discovery can make no other call.
CALLS = {(call.service, call.operation): call for call in _TABLE}


def policy(roles: Iterable[str] = ()) -> dict[str, Any]:
    """The IAM policy that discovery needs; all its calls only read.

    Args:
        roles: ARNs of the roles that it takes in other accounts; none: it looks at its own account only.
    """
    needed = sorted({call.permission for call in _TABLE if call.permission})
    assumed = "sts:AssumeRole"
    read = [action for action in needed if action != assumed]
    statements: list[dict[str, Any]] = [{"Sid": "Read", "Effect": "Allow", "Action": read, "Resource": "*"}]
    if given := sorted(roles):
        statements.append({"Sid": "Roles", "Effect": "Allow", "Action": assumed, "Resource": given})
    return {"Version": "2012-10-17", "Statement": statements}
