"""Starts a CloudTrail trail again, seconds after somebody stopped it.

It handles batches of an SQS queue, with ``ReportBatchItemFailures``. Environment variables:

- ``DRY_RUN``: ``false`` starts trails; any other value, or none, only logs what would be started.
- ``MAY_STOP``: names of trails that may be stopped, separated by commas.
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

logger = logging.getLogger("restart_stopped_trail")

#: CloudTrail's error code for a trail that no longer exists.
GONE = "TrailNotFoundException"


class Settings(NamedTuple):
    """The settings in the environment variables.

    Attributes:
        dry_run: change nothing.
        may_stop: names of trails that may be stopped.
    """

    dry_run: bool
    may_stop: frozenset[str]

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Reads the environment variables."""
        names = frozenset(name.strip() for name in environ.get("MAY_STOP", "").split(","))
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
    """Starts the trail that this event stopped.

    Raises:
        ValueError: the event names no trail, so a person must look.
        ClientError: CloudTrail refused a call.
    """
    record = event.detail
    # What its own role stops is started, too: the function stops nothing, so its credentials were stolen.
    if not isinstance(record, ApiCall) or record.error is not None:
        return
    if (record.event_source, record.event_name) != ("cloudtrail.amazonaws.com", "StopLogging"):
        return
    trail = (record.request_parameters or {}).get("name")
    if not isinstance(trail, str) or not trail:
        raise ValueError(f"event {record.event_id}: the request names no trail")
    # A trail is stopped in its home Region only, so the event's Region is the trail's.
    outcome = "kept" if name_of(trail) in settings.may_stop else start(client(record.aws_region), trail)
    logger.warning(
        "%s %s", outcome, trail, extra={"actor": record.actor, "event_id": record.event_id, "trail": trail}
    )


def name_of(trail: str) -> str:
    """The name of a trail, of which requests have the name or the ARN."""
    return trail.rpartition("/")[2]


def start(cloudtrail: Any, trail: str) -> str:
    """Starts a trail, unless it is logging.

    Returns:
        ``started``, ``would start``, ``already logging``, or ``already gone``.
    """
    try:
        if cloudtrail.get_trail_status(Name=trail)["IsLogging"]:
            return "already logging"
        if settings.dry_run:
            return "would start"
        cloudtrail.start_logging(Name=trail)
    except ClientError as error:
        if error.response["Error"]["Code"] == GONE:
            return "already gone"
        raise
    return "started"


@cache
def client(region: str | None) -> Any:
    """Returns a client for CloudTrail in a Region, or in the function's Region if the event names none."""
    config = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
    return boto3.client("cloudtrail", region_name=region, config=config)
