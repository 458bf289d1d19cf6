"""Story: one call, step by step, each with the reason why it holds, may hold, or does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trailforward.doctor.call import Call
from trailforward.doctor.delivery import reach
from trailforward.doctor.links import read_arn, trail_link, words
from trailforward.doctor.regions import event_region

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from trailforward.doctor.delivery import Verdict
    from trailforward.doctor.world import World


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way.

    Attributes:
        link: where.
        holds: True, False, or ``"unknown"``.
        what: the place in words, and what was looked at there.
        why: why it does not hold, or may not; empty where it does.
    """

    link: str
    holds: bool | Literal["unknown"]
    what: str
    why: str = ""


def tell(world: World, call: Call, verdict: Verdict | None = None) -> tuple[Step, ...]:
    """Walks a call to the destination, or to the link that breaks, and says what happens at each step."""
    verdict = verdict or reach(world, call)
    doubts = {finding.at: finding.why for finding in verdict.doubts}
    region, _ = event_region(call)
    first = f"{call.name} is called in {call.region} of account {call.account}"
    first += f" and recorded in {region}" if region != call.region else ""
    steps = [Step(call.link, holds=True, what=first)]
    for link in verdict.path:
        if verdict.reaches is False and link == verdict.at:
            steps.append(Step(link, holds=False, what=_what(world, link), why=verdict.why))
        elif link in doubts:
            steps.append(Step(link, holds="unknown", what=_what(world, link), why=doubts[link]))
        else:
            steps.append(Step(link, holds=True, what=_what(world, link)))
    return tuple(steps)


def call_of(event: Mapping[str, Any], *, account: str = "", region: str = "") -> Call:
    """The call behind an event: an EventBridge envelope, or a CloudTrail record alone.

    Args:
        event: the event.
        account: where it does not say so itself.
        region: likewise.

    Raises:
        ValueError: it lacks what a call needs; the text says what.
    """
    inner = event.get("detail")
    detail: Mapping[str, Any] = inner if isinstance(inner, dict) else event
    where = {
        "account": detail.get("recipientAccountId") or event.get("account") or account,
        "region": detail.get("awsRegion") or event.get("region") or region,
        "eventSource": detail.get("eventSource"),
        "eventName": detail.get("eventName"),
    }
    lacking = [name for name, value in where.items() if not isinstance(value, str) or not value]
    if lacking:
        raise ValueError(f"the event has no {' and no '.join(lacking)}")
    read_only, category = detail.get("readOnly"), detail.get("eventCategory")
    listed = detail.get("resources")
    resources = [
        {"type": item.get("type", ""), "arn": item.get("ARN", "")}
        for item in (listed if isinstance(listed, list) else ())
        if isinstance(item, dict)
    ]
    fields: dict[str, Any] = {
        "account": where["account"],
        "region": where["region"],
        "service": where["eventSource"],
        "event_name": where["eventName"],
        "read_only": read_only if isinstance(read_only, bool) else None,
        "category": category if isinstance(category, str) else "Management",
        "identity": detail.get("userIdentity") or {},
        "resources": resources,
        "request_parameters": detail.get("requestParameters"),
        "error_code": detail.get("errorCode"),
        "detail": dict(detail),
    }
    if detail is not event:
        fields |= {"source": event.get("source", ""), "detail_type": event.get("detail-type", "")}
    elif detail.get("eventType") in _DETAIL_TYPES:
        fields["detail_type"] = _DETAIL_TYPES[detail["eventType"]]
    return Call.model_validate(fields)


_DETAIL_TYPES = {
    "AwsConsoleSignIn": "AWS Console Sign In via CloudTrail",
    "AwsConsoleAction": "AWS Console Action via CloudTrail",
    "AwsServiceEvent": "AWS Service Event via CloudTrail",
    "AwsCloudTrailInsight": "AWS Insight via CloudTrail",
    "AwsVpceEvent": "AWS Network Activity Event via CloudTrail",
}


def _what(world: World, link: str) -> str:
    """A link in words, with what the world knows of it."""
    kind, _, rest = link.partition(":")
    place = words(link)
    place = place[0].upper() + place[1:]
    if kind == "region":
        account, region = rest.split("/")
        return f"{place}: {world.accounts.get(account, {}).get(region, 'not listed')}"
    if kind == "trail":
        trail = next((item for item in world.trails if trail_link(item) == link), None)
        return f"{place}: {'logging' if trail and trail.logging else 'not logging'}"
    if kind == "rule":
        rule = next((r for r in world.rules if link == f"rule:{r.account}/{r.region}/{r.bus}/{r.name}"), None)
        return f"{place}: {rule.state}" if rule else place
    if kind == "target":
        arn = _target_arn(world, rest)
        parsed = read_arn(arn)
        return f"{place}: to {arn}" if parsed else place
    return place


def _target_arn(world: World, rest: str) -> str:
    for rule in world.rules:
        prefix = f"{rule.account}/{rule.region}/{rule.bus}/{rule.name}/"
        for target in rule.targets:
            if prefix + target.id == rest:
                return target.arn
    return ""
