"""``text``: a notification for people.

One line tells who did what, to what, in which Region, from which address, when and with which outcome.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.message import Message
    from trailforward.models import CloudTrailRecord, EventBridgeEvent

_SUBJECT_CHARACTERS = 99  # SNS: fewer than 100
_VALUE_CHARACTERS = 300
_PARAMETERS_CHARACTERS = 4_000

#: Request parameters that name what a call is about, most telling first.
_OBJECTS = (
    "groupId",
    "groupName",
    "bucketName",
    "instanceId",
    "keyId",
    "secretId",
    "functionName",
    "streamName",
    "topicArn",
    "queueUrl",
    "dBInstanceIdentifier",
    "detectorId",
    "policyArn",
    "userName",
    "roleName",
    "roleArn",
    "trailName",
    "name",
    "id",
)


class Text:
    """A line, then details, one per line. Not the event's bytes; use ``raw`` for machines."""

    name: ClassVar = "text"
    json: ClassVar = False
    content_type: ClassVar = "text/plain; charset=utf-8"

    def data(self, message: Message) -> bytes:
        """The notification in UTF-8.

        Raises:
            EventError: the message is no event.
        """
        event, record = _read(message)
        lines = [
            _headline(event, record),
            "",
            *(f"{name}: {value}" for name, value in _details(event, record)),
        ]
        return ("\n".join(lines) + "\n").encode("utf-8", "replace")

    def subject(self, message: Message) -> str:
        """Action, actor, Region and account, within SNS's rules: ASCII, no line breaks, under 100 characters."""
        event, record = _read(message)
        text = f"{_action(event, record)} by {_who(record)} in {_where(event)}"
        plain = "".join(character if " " <= character <= "~" else "?" for character in text)
        return plain if len(plain) <= _SUBJECT_CHARACTERS else plain[: _SUBJECT_CHARACTERS - 3] + "..."


def _read(message: Message) -> tuple[EventBridgeEvent, CloudTrailRecord]:
    from trailforward.models import CloudTrailRecord, EventBridgeEvent

    event = EventBridgeEvent.model_validate(message.event)
    detail = event.detail
    # A detail that is no object stays what it is, whatever its type says.
    return event, detail if isinstance(detail, CloudTrailRecord) else CloudTrailRecord()  # type: ignore[redundant-expr]


def _headline(event: EventBridgeEvent, record: CloudTrailRecord) -> str:
    """``rosa: ec2:StopInstances on i-1 in eu-west-1 (111122223333) from 203.0.113.7 at …: succeeded``."""
    parts = [f"{_who(record)}: {_action(event, record)}"]
    if what := _what(record):
        parts.append(f"on {what}")
    parts.append(f"in {_where(event)}")
    if origin := _text(record.source_ip_address):
        parts.append(f"from {origin}")
    if moment := _text(record.event_time if record.event_time is not None else event.time):
        parts.append(f"at {moment}")
    return f"{' '.join(parts)}: {_outcome(record)}"


def _who(record: CloudTrailRecord) -> str:
    return _text(record.actor) or "somebody"


def _action(event: EventBridgeEvent, record: CloudTrailRecord) -> str:
    """``ec2:StopInstances``, as policies write it; the detail-type for kinds without an event name."""
    source = _text(record.event_source).removesuffix(".amazonaws.com")
    name = _text(record.event_name)
    if name:
        return f"{source}:{name}" if source else name
    return _text(event.detail_type) or "an event"


def _what(record: CloudTrailRecord) -> str:
    """What the call was about: the resources CloudTrail lists, else the telling request parameter."""
    resources = record.resources if isinstance(record.resources, list) else []
    arns = [arn for resource in resources if (arn := _text(getattr(resource, "arn", None)))]
    if arns:
        more = f" and {len(arns) - 1} more" if len(arns) > 1 else ""
        return arns[0] + more
    request = record.request_parameters
    if isinstance(request, dict):
        for name in _OBJECTS:
            if isinstance(request.get(name), str) and (value := _text(request[name])):
                return value
    return ""


def _where(event: EventBridgeEvent) -> str:
    region, account = _text(event.region) or "an unknown Region", _text(event.account)
    return f"{region} ({account})" if account else region


def _outcome(record: CloudTrailRecord) -> str:
    error = record.error
    if error is None:
        return "succeeded"
    return f"failed ({_text(error.code) or _text(error.message)})"


def _details(event: EventBridgeEvent, record: CloudTrailRecord) -> Iterator[tuple[str, str]]:
    identity = record.user_identity
    error = record.error
    found: list[tuple[str, Any]] = [
        ("Event", event.detail_type),
        ("Principal", getattr(identity, "arn", None)),
        ("Access key", getattr(identity, "access_key_id", None)),
        ("Error", error.message if error else None),
        ("User agent", record.user_agent),
        ("Event ID", record.event_id),
    ]
    for name, value in found:
        if text := _text(value):
            yield name, text
    if record.mfa is not None:
        yield "MFA", "yes" if record.mfa else "no"
    if record.is_root:
        yield "Root", "yes"
    for name, value in (
        ("Request", record.request_parameters),
        ("Service event", record.service_event_details),
    ):
        if value:
            yield name, _json(value)


def _json(value: Any) -> str:
    try:
        text = json.dumps(value, default=str)
    except (RecursionError, ValueError):
        return "(nested too deeply to show)"
    return text if len(text) <= _PARAMETERS_CHARACTERS else text[:_PARAMETERS_CHARACTERS] + " …"


def _text(value: Any) -> str:
    """One line of text, whatever the value: event fields come from anybody, and must not forge further lines."""
    if value is None or isinstance(value, (dict, list)):
        return ""
    text = "".join(character if character.isprintable() else " " for character in str(value)).strip()
    return text if len(text) <= _VALUE_CHARACTERS else text[:_VALUE_CHARACTERS] + "…"
