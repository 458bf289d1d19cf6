"""The IAM policy of the canary's roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.discover import policy as reading
from trailforward.pipeline.canary import PATH

if TYPE_CHECKING:
    from collections.abc import Iterable


def policy(
    parameters: str = "arn:aws:ssm:*:*:parameter", roles: Iterable[str] = (), topic: str = "", log: str = ""
) -> dict[str, Any]:
    """The policy of a role that makes the canary's calls.

    Args:
        parameters: start of the ARN of SSM parameters, with the account.
        roles: ARNs of the roles to assume in other accounts; only for the function's role.
        topic: ARN of the topic that is notified; empty in other accounts.
        log: ARN of the function's log group; empty in other accounts.
    """
    # The call never succeeds, because no such parameter exists. Without the permission, CloudTrail would
    # record AccessDenied instead, which raises alarms elsewhere, and may leave out the name.
    statements: list[dict[str, Any]] = [
        {
            "Sid": "Canary",
            "Effect": "Allow",
            "Action": "ssm:DeleteParameter",
            "Resource": f"{parameters}{PATH}*",
        }
    ]
    if log:
        metrics = {"Sid": "Metrics", "Effect": "Allow", "Action": "cloudwatch:GetMetricData", "Resource": "*"}
        logs = ["logs:CreateLogStream", "logs:PutLogEvents"]
        arn = f"{log.removesuffix(':*')}:*"
        statements += [metrics, {"Sid": "Logs", "Effect": "Allow", "Action": logs, "Resource": arn}]
    if topic:
        statements.append({"Sid": "Notice", "Effect": "Allow", "Action": "sns:Publish", "Resource": topic})
    statements += reading(roles)["Statement"]
    return {"Version": "2012-10-17", "Statement": statements}
