"""What formats for people say about an event: a headline, details, and a subject."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from trailforward.formats._display import to_json_line, to_line
from trailforward.formats._findings import finding
from trailforward.formats._resources import describe_resources, resource_arns, short_arn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.formats._findings import Finding
    from trailforward.message import Message
    from trailforward.models import CloudTrailRecord, EventBridgeEvent

_SUBJECT_CHARACTERS = 99  # SNS: fewer than 100
_MIN_ACTOR_CHARACTERS = 16
_MAX_RESOURCES = 10
_DETAIL_CHARACTERS = 1_000

#: Lambda and CloudFront append their API version to event names; IAM policies do not.
_API_VERSION = re.compile(r"20\d\d_?\d\d_?\d\d(v\d+)?$")
#: The random suffix of roles that IAM Identity Center creates.
_SSO_ROLE = re.compile(r"AWSReservedSSO_(.+)_[0-9a-f]{16}(?=/|$)")
_HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"


def read(message: Message) -> tuple[EventBridgeEvent, CloudTrailRecord]:
    """The event and its record, parsed once for all functions of this module.

    Raises:
        EventError: the message is not an event.
    """
    from trailforward.models import CloudTrailRecord, EventBridgeEvent

    event = EventBridgeEvent.model_validate(message.event)
    detail = event.detail
    # The model keeps a detail that is not an object, despite its annotation.
    return event, detail if isinstance(detail, CloudTrailRecord) else CloudTrailRecord()  # type: ignore[redundant-expr]


def headline(event: EventBridgeEvent, record: CloudTrailRecord) -> str:
    """Who did what, to which resource, where, and with what result.

    ``rosa: ec2:StopInstances on i-1 in eu-west-1 (111122223333) from 203.0.113.7 at …: succeeded``
    """
    who = _who(event, record)
    parts = [f"{who}: {_action(event, record)}" if who else _action(event, record)]
    if what := _resource(event, record):
        parts.append(f"on {what}")
    parts.append(f"in {_where(event)}")
    origin = to_line(record.source_ip_address)
    # For a service, the address is the name of the service.
    if origin and origin != who:
        parts.append(f"from {origin}")
    if moment := to_line(record.event_time if record.event_time is not None else event.time):
        parts.append(f"at {moment}")
    outcome = _outcome(record)
    return " ".join(parts) + (f": {outcome}" if outcome else "")


def subject(event: EventBridgeEvent, record: CloudTrailRecord, severity: str = "") -> str:
    """Severity, action, actor, Region, and failure, as SNS requires: one line of ASCII, under 100 characters.

    If it is too long, the actor loses its beginning, because the person's name is at its end; then the action
    loses its end.
    """
    prefix = f"[{_ascii(severity.upper())}] " if severity else ""
    who = _ascii(_who(event, record))
    found = finding_of(event, record)
    head = f"{found.product}: {found.kind or found.title}" if found else _action(event, record)
    head, tail = prefix + _ascii(head), _ascii(f" in {_where(event)}{_remark(record)}")
    if who:
        room = max(_SUBJECT_CHARACTERS - len(head) - len(tail) - len(" by "), _MIN_ACTOR_CHARACTERS)
        who = " by " + (who if len(who) <= room else "..." + who[3 - room :])
    room = max(_SUBJECT_CHARACTERS - len(who) - len(tail), len(prefix) + _MIN_ACTOR_CHARACTERS)
    if len(head) > room:
        head = head[: room - 3] + "..."
    text = head + who + tail
    return text if len(text) <= _SUBJECT_CHARACTERS else text[: _SUBJECT_CHARACTERS - 3] + "..."


def finding_of(event: EventBridgeEvent, record: CloudTrailRecord) -> Finding | None:
    """The finding of GuardDuty or Security Hub that the event reports; None for other events."""
    return finding(event.source, record.model_extra or {})


def _resource(event: EventBridgeEvent, record: CloudTrailRecord) -> str:
    found = finding_of(event, record)
    account = to_line(event.account)
    return short_arn(found.resource, account) if found else describe_resources(record, account)


def _who(event: EventBridgeEvent, record: CloudTrailRecord) -> str:
    who = _principal(event, record)
    session = getattr(record.user_identity, "session_context", None)
    started_by = to_line(getattr(session, "source_identity", None))
    return f"{who} (started by {started_by})" if who and started_by and started_by not in who else who


def _principal(event: EventBridgeEvent, record: CloudTrailRecord) -> str:
    who = to_line(record.actor)
    if who == _HIDDEN:
        return "somebody (name hidden)"
    who = _SSO_ROLE.sub(r"\1", who)
    account = to_line(getattr(record.user_identity, "account_id", None))
    home = to_line(event.account)
    # A caller from another account deserves attention.
    return f"{who} of {account}" if who and account and home and account not in {home, who} else who


def _action(event: EventBridgeEvent, record: CloudTrailRecord) -> str:
    """``ec2:StopInstances``, as in IAM policies; the detail-type for events without an event name."""
    insight = getattr(record, "insight_details", None)
    if insight is not None:
        kind, state = (to_line(getattr(insight, name, None)) for name in ("insight_type", "state"))
        code = to_line(getattr(insight, "error_code", None))
        api = (_api(insight) or "an API") + (f" ({code})" if code else "")
        return " ".join(filter(None, (kind or "Insight", state, "for", api)))
    if found := finding_of(event, record):
        kind = ", ".join(filter(None, (found.kind, found.severity)))
        return f"{found.product}: {found.title.rstrip('.')}" + (f" ({kind})" if kind else "")
    return _api(record) or to_line(event.detail_type) or "an event"


def _api(named: Any) -> str:
    source = to_line(getattr(named, "event_source", None)).removesuffix(".amazonaws.com")
    name = _API_VERSION.sub("", to_line(getattr(named, "event_name", None)))
    return f"{source}:{name}" if source and name else name


def _where(event: EventBridgeEvent) -> str:
    region, account = to_line(event.region) or "an unknown Region", to_line(event.account)
    return f"{region} ({account})" if account else region


def _outcome(record: CloudTrailRecord) -> str:
    """``succeeded`` or ``failed (CODE)``; the rates for Insights events; empty if there is no result."""
    if (error := record.error) is not None:
        return f"failed ({to_line(error.code) or to_line(error.message)})"
    statistics = getattr(getattr(record, "insight_details", None), "insight_context", None)
    statistics = getattr(statistics, "statistics", None)
    unusual, usual = (
        _rate(getattr(getattr(statistics, name, None), "average", None)) for name in ("insight", "baseline")
    )
    if unusual:
        return f"{unusual} a minute" + (f", usually {usual}" if usual else "")
    if not to_line(record.event_name):
        return ""
    return "succeeded without MFA" if _without_mfa(record) else "succeeded"


def _rate(average: object) -> str:
    """A number of calls or errors a minute, readable: ``3,575``, ``12.5``, ``0.07``, ``less than 0.01``."""
    if isinstance(average, bool) or not isinstance(average, int | float):
        return to_line(average)
    if not 0 < average < 1e15:  # noqa: PLR2004  # nothing to round
        return to_line(average)
    if average >= 100:  # noqa: PLR2004  # decimals say nothing
        return f"{average:,.0f}"
    return f"{average:.2f}".rstrip("0").rstrip(".") if average >= 0.01 else "less than 0.01"  # noqa: PLR2004


def _without_mfa(record: CloudTrailRecord) -> bool:
    """Whether a root or IAM user signed in without MFA. AWS does not see the MFA of others."""
    own = getattr(record.user_identity, "type", None) in ("Root", "IAMUser")
    return own and to_line(record.event_name) == "ConsoleLogin" and record.mfa is False


def _remark(record: CloudTrailRecord) -> str:
    """What the subject adds after a failure or a sign-in without MFA."""
    if record.error is not None:
        return ": failed"
    return ": without MFA" if _without_mfa(record) else ""


def details(event: EventBridgeEvent, record: CloudTrailRecord) -> Iterator[tuple[str, str]]:
    """Names and values of what the headline leaves out."""
    identity = record.user_identity
    error = record.error
    report = finding_of(event, record)
    session = getattr(identity, "session_context", None)
    insight = getattr(record, "insight_details", None)
    found: list[tuple[str, Any]] = [
        ("Event", event.detail_type),
        ("Finding", report.description if report else None),
        ("Finding ID", report.id if report else None),
        ("Error", error.message if error else getattr(insight, "error_code", None)),
        ("Principal", getattr(identity, "arn", None)),
        ("Source identity", getattr(session, "source_identity", None)),
        ("Access key", getattr(identity, "access_key_id", None)),
        *(("Resource", arn) for arn in resource_arns(record)[:_MAX_RESOURCES]),
        ("User agent", record.user_agent),
        ("Event ID", record.event_id),
    ]
    for name, value in found:
        if text := to_line(value, _DETAIL_CHARACTERS):
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
            yield name, to_json_line(value)


def _ascii(text: str) -> str:
    return "".join(character if " " <= character <= "~" else "?" for character in text)
