"""Blocks public access to an S3 bucket, seconds after somebody made it public.

It handles batches of an SQS queue, with ``ReportBatchItemFailures``. Environment variables:

- ``DRY_RUN``: ``false`` blocks; any other value, or none, only logs what would be blocked.
- ``MAY_BE_PUBLIC``: names of buckets that may be public, separated by commas.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import trailforward
from trailforward.models import ApiCall

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger("block_public_bucket")

#: Calls that can make a bucket public.
CALLS = frozenset(
    {
        "CreateBucket",
        "DeleteBucketPublicAccessBlock",
        "PutBucketAcl",
        "PutBucketPolicy",
        "PutBucketPublicAccessBlock",
    }
)
#: Groups in ACLs that mean everybody, and everybody with an AWS account.
EVERYBODY = frozenset(
    f"http://acs.amazonaws.com/groups/global/{name}" for name in ("AllUsers", "AuthenticatedUsers")
)
BLOCKED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


class Settings(NamedTuple):
    """The settings in the environment variables.

    Attributes:
        dry_run: change nothing.
        may_be_public: names of buckets that may be public.
    """

    dry_run: bool
    may_be_public: frozenset[str]

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Reads the environment variables."""
        names = frozenset(name.strip() for name in environ.get("MAY_BE_PUBLIC", "").split(","))
        return cls(environ.get("DRY_RUN", "true") != "false", names - {""})


# Read when Lambda loads the function.
settings = Settings.from_env(os.environ)


def handler(payload: dict[str, Any], context: object) -> dict[str, list[dict[str, str]]]:  # noqa: ARG001
    """Handles a batch of the queue. Only the messages that failed are delivered again."""
    failures = []
    for message in payload["Records"]:
        try:
            for event in trailforward.parse(message["body"]):
                react(event)
        except Exception:  # the other messages of the batch must not fail
            logger.exception("failed", extra={"message_id": message["messageId"]})
            failures.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failures}


def react(event: trailforward.EventBridgeEvent) -> None:
    """Blocks public access to the bucket of this event, if the bucket is public.

    Raises:
        ValueError: the event names no bucket, so a person must look.
        ClientError: S3 refused a call.
    """
    record = event.detail
    # What its own role makes public is blocked, too: the function does not, so its credentials were stolen.
    if not isinstance(record, ApiCall) or record.error is not None:
        return
    if record.event_source != "s3.amazonaws.com" or record.event_name not in CALLS:
        return
    bucket = (record.request_parameters or {}).get("bucketName")
    if not isinstance(bucket, str) or not bucket:
        raise ValueError(f"event {record.event_id}: the request names no bucket")
    outcome = "kept" if bucket in settings.may_be_public else block(client(record.aws_region), bucket)
    logger.warning(
        "%s %s", outcome, bucket, extra={"actor": record.actor, "event_id": record.event_id, "bucket": bucket}
    )


def block(s3: Any, bucket: str) -> str:
    """Blocks all public access to a bucket, if it is public.

    Returns:
        ``blocked``, ``would block``, ``not public``, ``already blocked``, or ``already gone``.
    """
    try:
        before = blocks(s3, bucket)
        if all(before.get(name) for name in BLOCKED):
            return "already blocked"
        if not public(s3, bucket, before):
            return "not public"
        if settings.dry_run:
            return "would block"
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=BLOCKED)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            return "already gone"
        raise
    return "blocked"


def blocks(s3: Any, bucket: str) -> dict[str, bool]:
    """The bucket's own public access block; empty if it has none."""
    found = read(s3.get_public_access_block, bucket, "NoSuchPublicAccessBlockConfiguration")
    blocked: dict[str, bool] = found.get("PublicAccessBlockConfiguration", {})
    return blocked


def public(s3: Any, bucket: str, before: dict[str, bool]) -> bool:
    """Whether a bucket is public by its policy, as S3 judges it, or by its ACL, and not blocked there."""
    if not before.get("RestrictPublicBuckets"):
        status = read(s3.get_bucket_policy_status, bucket, "NoSuchBucketPolicy")
        if status.get("PolicyStatus", {}).get("IsPublic"):
            return True
    if before.get("IgnorePublicAcls"):
        return False
    grants = s3.get_bucket_acl(Bucket=bucket)["Grants"]
    return any(grant["Grantee"].get("URI") in EVERYBODY for grant in grants)


def read(call: Any, bucket: str, absent: str) -> dict[str, Any]:
    """The response of S3; empty if the bucket has no such configuration."""
    try:
        response: dict[str, Any] = call(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == absent:
            return {}
        raise
    return response


@cache
def client(region: str | None) -> Any:
    """Returns a client for S3 in a Region, or in the function's Region if the event names none."""
    config = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
    return boto3.client("s3", region_name=region, config=config)
