"""Taps: in each Region, a temporary queue and a rule of the default bus that sends events to it.

The name of both contains the time after which anybody may remove them, so that the next run finds and removes
what a crash left behind, and never what another run still uses.
"""

from __future__ import annotations

import json
import re
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PREFIX = "trailforward-tail-"
_TIME = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(rf"{PREFIX}(\d{{8}}T\d{{6}}Z)-[0-9a-f]{{6}}")
#: A queue that nobody reads keeps its messages for the shortest time that is useful (the minimum is 60 s).
_RETENTION_SECONDS = 300
_TARGET = "tail"

#: What a run may do, for ``trailforward iam tail``: action → resources. ``sqs:ListQueues`` and
#: ``events:ListRules`` have no finer resources.
PERMISSIONS: Mapping[str, tuple[str, ...]] = {
    "sts:GetCallerIdentity": ("*",),
    "ec2:DescribeRegions": ("*",),
    "events:ListRules": ("*",),
    "sqs:ListQueues": ("*",),
    **dict.fromkeys(
        ("events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:DeleteRule"),
        (f"arn:aws:events:*:*:rule/{PREFIX}*",),
    ),
    **dict.fromkeys(
        (
            "sqs:CreateQueue",
            "sqs:DeleteQueue",
            "sqs:DeleteMessage",
            "sqs:GetQueueUrl",
            "sqs:ReceiveMessage",
        ),
        (f"arn:aws:sqs:*:*:{PREFIX}*",),
    ),
}


def new_name(expires: datetime) -> str:
    """A name for the rules and queues of a run.

    Args:
        expires: after this time, the next run may remove them.
    """
    return f"{PREFIX}{expires.astimezone(UTC):{_TIME}}-{secrets.token_hex(3)}"


def expiry(name: str) -> datetime | None:
    """The time in a name; None if the name is not one of :func:`new_name`."""
    found = _NAME.fullmatch(name)
    try:
        return datetime.strptime(found[1], _TIME).replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def policy() -> dict[str, Any]:
    """The IAM policy of :data:`PERMISSIONS`."""
    by_resource: dict[tuple[str, ...], list[str]] = {}
    for action, resources in PERMISSIONS.items():
        by_resource.setdefault(resources, []).append(action)
    statements = [
        {"Effect": "Allow", "Action": actions, "Resource": list(resources)}
        for resources, actions in by_resource.items()
    ]
    return {"Version": "2012-10-17", "Statement": statements}


#: The calls that create and remove a tap, and the parameters that have its name.
_OWN_CALLS = {
    "events.amazonaws.com": {"PutRule", "PutTargets", "RemoveTargets", "DeleteRule"},
    "sqs.amazonaws.com": {"CreateQueue", "DeleteQueue"},
}
_NAMED = ("name", "rule", "queueName", "queueUrl")


def is_own_call(record: dict[str, Any], name: str) -> bool:
    """Whether a record is about the rule or the queue of this name, and about nothing else.

    A name elsewhere in a record, such as in a user agent, hides nothing.
    """
    given = record.get("requestParameters")
    if not isinstance(given, dict) or record.get("eventName") not in _OWN_CALLS.get(
        str(record.get("eventSource")), ()
    ):
        return False
    return any(str(given.get(key, "")).rpartition("/")[2] == name for key in _NAMED)


class Place(NamedTuple):
    """Where taps are created.

    Attributes:
        partition: such as ``aws``.
        account: of the credentials.
        region: Region.
    """

    partition: str
    account: str
    region: str


class Tap:
    """The rule and the queue of a run in one Region.

    Args:
        place: account and Region.
        name: from :func:`new_name`.
        client: creates a botocore client from a service and a Region.

    Attributes:
        url: of the queue; empty before :meth:`create`.
    """

    def __init__(self, place: Place, name: str, client: Callable[[str, str], Any]) -> None:
        self.place = place
        self.name = name
        self.url = ""
        self._events = client("events", place.region)
        self._sqs = client("sqs", place.region)

    def create(self, pattern: str, *, read_only_events: bool) -> None:
        """Creates the queue, then the rule, then its target.

        Args:
            pattern: an event pattern that EventBridge accepts.
            read_only_events: whether the rule also gets read-only management events.

        Raises:
            ClientError: a call was rejected. :meth:`remove` removes what was created.
        """
        place = self.place
        rule = f"arn:{place.partition}:events:{place.region}:{place.account}:rule/{self.name}"
        queue = f"arn:{place.partition}:sqs:{place.region}:{place.account}:{self.name}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
        }
        self.url = self._sqs.create_queue(
            QueueName=self.name,
            Attributes={
                "MessageRetentionPeriod": str(_RETENTION_SECONDS),
                "ReceiveMessageWaitTimeSeconds": "20",
                "SqsManagedSseEnabled": "true",
                "Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            },
        )["QueueUrl"]
        state = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS" if read_only_events else "ENABLED"
        self._events.put_rule(Name=self.name, EventPattern=pattern, State=state, Description=_DESCRIPTION)
        response = self._events.put_targets(Rule=self.name, Targets=[{"Id": _TARGET, "Arn": queue}])
        for failure in response.get("FailedEntries", ()):
            raise TapError(f"the rule did not accept its target: {failure.get('ErrorCode')}")

    def receive(self) -> Iterator[dict[str, Any]]:
        """Waits up to 20 seconds for messages, and deletes those that it yields.

        Raises:
            ClientError: a call was rejected.
        """
        yield from receive(self._sqs, self.url)

    def remove(self) -> list[str]:
        """Removes the rule and the queue. What does not exist counts as removed.

        Returns:
            A sentence for each thing that is still there.
        """
        left = []
        for what, call in (
            ("target", self._remove_target),
            ("rule", self._delete_rule),
            ("queue", self._delete_queue),
        ):
            problem = _attempt(call)
            if problem and what != "target":  # a rule with a target cannot be deleted, and says so
                left.append(f"{self.place.region}: the {what} {self.name} could not be removed: {problem}")
        return left

    def _remove_target(self) -> None:
        self._events.remove_targets(Rule=self.name, Ids=[_TARGET])

    def _delete_rule(self) -> None:
        self._events.delete_rule(Name=self.name)

    def _delete_queue(self) -> None:
        self._sqs.delete_queue(QueueUrl=self.url or self._sqs.get_queue_url(QueueName=self.name)["QueueUrl"])


_DESCRIPTION = "Temporary: trailforward tail removes this rule. The time in its name says when it expires."
_MISSING = frozenset(
    {"ResourceNotFoundException", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}
)


class TapError(Exception):
    """A tap cannot be created."""


def _attempt(call: Callable[[], None]) -> str:
    """Returns why a call failed; empty if it worked, or if there is nothing to remove."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        call()
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "Unknown"))
        return "" if code in _MISSING else code
    except BotoCoreError as error:
        return type(error).__name__
    return ""


def receive(client: Any, url: str, *, wait: int = 20) -> Iterator[dict[str, Any]]:
    """Waits for messages of a queue, and deletes each one after it was used.

    Args:
        client: a client of SQS.
        url: URL of the queue.
        wait: seconds.

    Raises:
        ClientError: a call was rejected.
    """
    response = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait)
    for message in response.get("Messages", ()):
        yield message
        client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def expired(place: Place, now: datetime, client: Callable[[str, str], Any]) -> list[Tap]:
    """Taps in a Region that a crash left behind: their names say that they have expired.

    Raises:
        ClientError: listing was denied.
    """
    names = set()
    for page in client("events", place.region).get_paginator("list_rules").paginate(NamePrefix=PREFIX):
        names |= {rule["Name"] for rule in page["Rules"]}
    for page in client("sqs", place.region).get_paginator("list_queues").paginate(QueueNamePrefix=PREFIX):
        names |= {url.rpartition("/")[2] for url in page.get("QueueUrls", ())}
    found = {name: expiry(name) for name in names}
    return [Tap(place, name, client) for name, time in sorted(found.items()) if time and time < now]
