"""Buses: follows an event through a bus's rules, and over a hop to the next bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.delivery.delivery_path import Stage
from trailforward.doctor.delivery.policies import has_allow, policy_allows
from trailforward.doctor.delivery.roles import request_of, sender, through_role
from trailforward.doctor.delivery.targets import deliver
from trailforward.doctor.world.links import describe
from trailforward.doctor.world.regions import US_EAST_1
from trailforward.errors import PatternError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.delivery.delivery_path import DeliveryPath
    from trailforward.doctor.delivery.policies import Request
    from trailforward.doctor.delivery.query import Query
    from trailforward.doctor.world.index import PlacedRule, PlacedTarget
    from trailforward.doctor.world.links import BusAt
    from trailforward.patterns import Pattern

ALL_MANAGEMENT_EVENTS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
PUT_EVENTS = "events:PutEvents"

#: Longest description of a mismatch, in characters.
SHOWN = 400


def through_bus(query: Query, path: DeliveryPath, bus: BusAt) -> Iterator[DeliveryPath]:
    """All paths from a bus that the event has reached, one rule after another."""
    candidates = query.index.candidates(bus)
    if not candidates:
        yield _no_rule(query, path, bus)
    for rule in candidates:
        yield from _through_rule(query, path, rule)
    reason = query.index.unseen("rules", bus.account, bus.region)
    if reason is not None:
        yield path.doubt("NOT_SEEN", bus.link, what="rules", reason=reason)


def _no_rule(query: Query, path: DeliveryPath, bus: BusAt) -> DeliveryPath:
    """Explains, as specifically as possible, why nothing on this bus leads to a destination.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
    """
    if path.hops:
        return path.broken("HUB_NO_RULE", bus.link)
    for rule in query.index.custom_candidates(bus.account, bus.region) if bus.name == "default" else ():
        pattern = query.index.pattern(rule)
        if not isinstance(pattern, PatternError) and pattern.matches(query.event):
            return path.broken("RULE_ON_NON_DEFAULT_BUS", rule.link)
    if query.pinned and query.index.covered_somewhere(bus.account):
        return path.broken(
            "GLOBAL_ONLY_US_EAST_1",
            bus.link,
            lacks="has no rule that leads to the destination; rules in other Regions do not get these calls",
            remedy=f"Deploy the regional rule to {US_EAST_1} too, even if nothing else runs there.",
        )
    return path.broken("NO_RULE", bus.link)


def _through_rule(query: Query, path: DeliveryPath, rule: PlacedRule) -> Iterator[DeliveryPath]:
    """Checks pattern, state, and targets; the pattern first, to blame no unrelated disabled rule."""
    path = _open(query, path.to_rule(rule), rule)
    if path.end is not None:
        yield path
        return
    for target in rule.leads:
        yield from _through_target(query, path.to_target(rule, target), rule, target)


def _open(query: Query, path: DeliveryPath, rule: PlacedRule) -> DeliveryPath:
    """Checks whether a rule matches the event and is enabled.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html
    """
    pattern, state = query.index.pattern(rule), rule.rule.state
    if isinstance(pattern, PatternError):
        path = path.doubt(
            "NOT_UNDERSTOOD", rule.link, what=f"its event pattern ({str(pattern).splitlines()[0]})"
        )
    elif not pattern.matches(query.event):
        fields = _Mismatch(pattern, query.event)
        return path.broken("PATTERN_MISMATCH", rule.link, Stage.PATTERN, fields=fields)
    if state == "DISABLED":
        return path.broken("RULE_DISABLED", rule.link, Stage.DISABLED)
    if state not in {"ENABLED", ALL_MANAGEMENT_EVENTS}:
        path = path.doubt("NOT_UNDERSTOOD", rule.link, what=f"its state ({state})")
    elif query.needs_all_events_state and state != ALL_MANAGEMENT_EVENTS:
        code = "HUB_RULE_STATE_READONLY" if path.hops else "RULE_STATE_READONLY"
        return path.broken(code, rule.link, Stage.READ_ONLY, state=state)
    if not rule.leads:
        missing = "it has no target"
        return path.broken("TARGET_MISSING", rule.link, Stage.TARGET_KIND, missing=missing)
    return path


class _Mismatch:
    """The fields in which a pattern does not match an event, computed only when the text is needed."""

    def __init__(self, pattern: Pattern, event: dict[str, Any]) -> None:
        self.pattern = pattern
        self.event = event

    def __str__(self) -> str:
        branches = self.pattern.explain(self.event).branches
        nearest = min(branches, key=len)
        text = "; ".join(map(str, nearest))
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _through_target(
    query: Query, path: DeliveryPath, rule: PlacedRule, target: PlacedTarget
) -> Iterator[DeliveryPath]:
    if target.is_new_bus:
        yield path.doubt("V2_BUS_UNSUPPORTED", target.link)
    elif target.bus is not None:
        yield from _hop(query, path, rule, target, target.bus)
    else:
        yield from deliver(query, path, rule, target)


def _hop(
    query: Query, path: DeliveryPath, rule: PlacedRule, target: PlacedTarget, bus: BusAt
) -> Iterator[DeliveryPath]:
    """Follows a hop to another bus: one hop is documented; a second one of the other kind is disputed.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html
    """
    local = bus.region == rule.bus.region
    kind = "same-Region" if local else "cross-Region"
    if local in path.hops:
        yield path.broken("HOP_LIMIT", target.link, Stage.HOP_LIMIT, hop=kind)
        return
    if path.hops:
        path = path.doubt("HOP_UNDOCUMENTED", target.link, hop=kind)
    opt_in = [] if local else [place for place in (rule.bus, bus) if query.index.opted_in(*place[:2])]
    if opt_in:
        path = path.note("OPT_IN_HOP", target.link, opt_in=" and ".join(place.region for place in opt_in))
    path = _onto(query, path, rule, target, bus)
    arrives = target.target.arn in query.index.destinations or bus.account not in query.index.accounts
    if path.end is not None or arrives:
        yield path
    else:
        yield from through_bus(query, path.hop(local=local), bus)


def _onto(
    query: Query, path: DeliveryPath, rule: PlacedRule, target: PlacedTarget, bus: BusAt
) -> DeliveryPath:
    """Checks that the next bus exists, and that the role and the bus policy allow the event.

    The role is checked even if the bus is in an account that was not read.
    """
    path = _exists(query, path, target, bus)
    if path.end is not None:
        return path
    role = target.target.role
    if role is None:
        return path.broken("BUS_TARGET_NO_ROLE", target.link, Stage.ROLE)
    more = {
        "events:eventbusinvocation": "true",
        "events:source": query.event["source"],
        "events:detail-type": query.event["detail-type"],
    }
    request = request_of(query, rule, role, PUT_EVENTS, target.target.arn, more)
    path = through_role(query, path, rule, request)
    if path.end is not None or bus.account not in query.index.accounts:
        return path
    return _bus_policy(query, path.to(bus.link), bus, request, foreign=bus.account != rule.bus.account)


def _exists(query: Query, path: DeliveryPath, target: PlacedTarget, bus: BusAt) -> DeliveryPath:
    """Checks that a bus exists. EventBridge drops events for a missing bus without an error."""
    index = query.index
    if bus.account not in index.accounts:
        return path.doubt("ACCOUNT_NOT_VISIBLE", target.link, unread=bus.account)
    if index.has_bus(bus):
        return path
    if bus.name == "default" and index.changing(bus.account, bus.region):
        link = f"region:{bus.account}/{bus.region}"
        return path.doubt("REGION_CHANGING", link, status=index.status(bus.account, bus.region))
    if index.unseen("buses", bus.account, bus.region) is not None:
        return path  # _bus_policy reports that the policy was not read
    missing = f"{describe(bus.link)} does not exist"
    return path.broken("TARGET_MISSING", target.link, Stage.ABSENT, missing=missing)


def _bus_policy(
    query: Query, path: DeliveryPath, bus: BusAt, request: Request, *, foreign: bool
) -> DeliveryPath:
    """Checks the receiving bus's policy: a deny always counts; other accounts need an allow.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
    """
    listed = query.index.buses.get(bus)
    reason = query.index.unseen("buses", bus.account, bus.region)
    if listed is None and reason is not None:
        return path.doubt("NOT_SEEN", bus.link, what="policy", reason=reason)
    policy = listed.policy if listed else ()
    allowed = policy_allows(policy, request, needs_allow=foreign)
    if allowed is None:
        return path.doubt(
            "NOT_UNDERSTOOD", bus.link, what="its policy has conditions that it does not support"
        )
    if not allowed:
        return path.broken("BUS_POLICY_DENIES", bus.link, Stage.POLICY, sender=sender(request))
    if not foreign and has_allow(policy, request) is False:
        return path.note("SAME_ACCOUNT_BUS", bus.link)
    return path
