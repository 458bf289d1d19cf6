"""The read-only API calls that discovery makes: one table, from which the IAM policy is derived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.doctor.world.resources import What


class ApiCall(NamedTuple):
    """One read-only API call.

    Attributes:
        service: the service's name in botocore, which is also its IAM prefix.
        operation: the API's name.
        what: what is unknown if the call fails; empty if nothing in a World depends on it.
        token: the pagination parameter of a list.
        action: the IAM action, if it is not ``service:operation``; ``-`` if none is needed.
    """

    service: str
    operation: str
    what: What | str
    token: str = ""
    action: str = ""

    @property
    def permission(self) -> str:
        """The IAM action, or an empty string if no permission is needed."""
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
    ApiCall("events", "DescribeEventBus", "buses"),
    ApiCall("events", "DescribeApiDestination", "resources"),
    ApiCall("events", "DescribeConnection", "resources"),
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
    ApiCall("sns", "GetSubscriptionAttributes", "resources"),
    ApiCall("lambda", "GetFunctionConfiguration", "resources"),
    ApiCall("lambda", "GetPolicy", "resources"),
    ApiCall("kinesis", "DescribeStreamSummary", "resources"),
    ApiCall("kinesis", "GetResourcePolicy", "resources"),
    ApiCall("firehose", "DescribeDeliveryStream", "resources"),
    ApiCall("pipes", "ListPipes", "", "NextToken"),
    ApiCall("kms", "DescribeKey", "resources"),
    ApiCall("kms", "GetKeyPolicy", "resources"),
)

#: (service, operation) to the row; discovery cannot make any other call.
CALLS = {(call.service, call.operation): call for call in _TABLE}


def policy(roles: Iterable[str] = ()) -> dict[str, Any]:
    """The IAM policy that discovery needs; every action is read-only.

    Args:
        roles: ARNs of the roles to assume in other accounts; if empty, discovery reads only its own account.
    """
    needed = sorted({call.permission for call in _TABLE if call.permission})
    assumed = "sts:AssumeRole"
    read = [action for action in needed if action != assumed]
    statements: list[dict[str, Any]] = [{"Sid": "Read", "Effect": "Allow", "Action": read, "Resource": "*"}]
    if given := sorted(roles):
        statements.append({"Sid": "Roles", "Effect": "Allow", "Action": assumed, "Resource": given})
    return {"Version": "2012-10-17", "Statement": statements}
