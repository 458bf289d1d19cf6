"""Permissions: the IAM policy of the daily doctor's function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.discover import policy

if TYPE_CHECKING:
    from collections.abc import Sequence


def daily_policy(
    roles: Sequence[str] = (),
    *,
    bucket: str,
    topic: str = "",
    log_group: str = "",
    keys: Sequence[str] = (),
) -> dict[str, Any]:
    """The IAM policy that the daily doctor needs: the doctor's read-only calls, and its own few writes.

    Args:
        roles: ARNs of the roles to assume in other accounts.
        bucket: ARN of the bucket for snapshots and reports.
        topic: ARN of the topic that gets the notifications; empty for none.
        log_group: ARN of the function's log group; empty for none.
        keys: ARNs of KMS keys that encrypt the bucket or the topic.
    """
    document = policy(roles)
    objects = [f"{bucket}/{prefix}/*" for prefix in ("reports", "snapshots", "state")]
    document["Statement"] += [
        {
            "Sid": "Objects",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": objects,
        },
        # Without it, S3 denies reading an object that does not exist, and the first run could not tell.
        {"Sid": "FirstRun", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket},
    ]
    if topic:
        document["Statement"].append(
            {"Sid": "Notify", "Effect": "Allow", "Action": "sns:Publish", "Resource": topic}
        )
    if log_group:
        document["Statement"].append(
            {
                "Sid": "Logs",
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": f"{log_group.removesuffix(':*')}:*",
            }
        )
    if keys:
        document["Statement"].append(
            {
                "Sid": "Keys",
                "Effect": "Allow",
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": list(keys),
            }
        )
    return document
