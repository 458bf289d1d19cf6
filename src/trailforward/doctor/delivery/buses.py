"""Buses: follows an event through a bus's rules, and over a hop to the next bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.delivery.bus_keys import through_bus_key
from trailforward.doctor.delivery.delivery_path import Stage
from trailforward.doctor.delivery.known_steps import from_target
from trailforward.doctor.delivery.matching import Mismatch, match
from trailforward.doctor.delivery.policies import has_allow, policy_allows
from trailforward.doctor.delivery.roles import request_of, through_role
from trailforward.doctor.delivery.targets import deliver
from trailforward.doctor.world.links import describe
from trailforward.doctor.world.regions import US_EAST_1
from trailforward.doctor.world.unknown import is_one_value, is_unknown, why_unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.delivery.delivery_path import DeliveryPath
    from trailforward.doctor.delivery.query import Query
    from trailforward.doctor.delivery.request import Known, Request
    from trailforward.doctor.world.index import PlacedRule, PlacedTarget
    from trailforward.doctor.world.links import BusAt

ALL_MANAGEMENT_EVENTS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
PUT_EVENTS = "events:PutEvents"


def through_bus(query: Query, path: DeliveryPath, bus: BusAt) -> Iterator[DeliveryPath]:
    """All paths from a bus that the event has reached, one rule after another."""
    path = through_bus_key(query, path, bus)
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
    if is_unknown(bus.name):  # the rules may be on the bus that this is
        return path.doubt("VALUE_UNKNOWN", bus.link, what="the bus", value=why_unknown(bus.name))
    if path.hops:
        return path.broken("HUB_NO_RULE", bus.link)
    for rule in query.index.custom_candidates(bus.account, bus.region) if bus.name == "default" else ():
        if match(rule.pattern, query.event).matches is True:
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
    if reason := rule.rule.unread.get("targets"):  # a target that was not read may lead to a destination
        yield path.doubt("NOT_SEEN", rule.link, what="targets", reason=reason)


def _open(query: Query, path: DeliveryPath, rule: PlacedRule) -> DeliveryPath:
    """Checks whether a rule matches the event and is enabled.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html
    """
    state = rule.rule.state
    found = match(rule.pattern, query.event)
    if found.matches is False:
        fields = Mismatch(rule.pattern, query.event)
        return path.broken("PATTERN_MISMATCH", rule.link, Stage.PATTERN, fields=fields)
    if found.matches is None:
        path = path.doubt("NOT_UNDERSTOOD", rule.link, what=found.why)
    if state == "DISABLED":
        return path.broken("RULE_DISABLED", rule.link, Stage.DISABLED)
    if is_unknown(rule.bus.name):
        path = path.doubt("VALUE_UNKNOWN", rule.link, what="the event bus", value=why_unknown(rule.bus.name))
    if is_unknown(state):
        path = path.doubt("VALUE_UNKNOWN", rule.link, what="the state", value=why_unknown(state))
    elif state not in {"ENABLED", ALL_MANAGEMENT_EVENTS}:
        path = path.doubt("NOT_UNDERSTOOD", rule.link, what=f"its state ({state})")
    elif state != ALL_MANAGEMENT_EVENTS:
        path = _without_read_only(query, path, rule)
    if path.end is None and not rule.leads and "targets" not in rule.rule.unread:
        missing = "it has no target"
        return path.broken("TARGET_MISSING", rule.link, Stage.TARGET_KIND, missing=missing)
    return path


def _without_read_only(query: Query, path: DeliveryPath, rule: PlacedRule) -> DeliveryPath:
    """A rule that is enabled, but not for read-only management events.

    Whether that also holds for a rule that AWS manages is not documented.
    """
    state = rule.rule.state
    if query.read_only is False:
        return path
    if query.read_only is None:
        return path.doubt("READ_ONLY_UNCERTAIN", rule.link, state=state)
    if rule.rule.managed_by:
        return path.doubt("MANAGED_RULE", rule.link, managed_by=rule.rule.managed_by, state=state)
    code = "HUB_RULE_STATE_READONLY" if path.hops else "RULE_STATE_READONLY"
    return path.broken(code, rule.link, Stage.READ_ONLY, state=state)


def _through_target(
    query: Query, path: DeliveryPath, rule: PlacedRule, target: PlacedTarget
) -> Iterator[DeliveryPath]:
    if target.is_new_bus:
        yield _onto_new_bus(query, path, rule, target)
    elif target.bus is not None:
        yield from _hop(query, path, rule, target, target.bus)
    else:
        yield from deliver(query, path, rule, target)


def _onto_new_bus(query: Query, path: DeliveryPath, rule: PlacedRule, target: PlacedTarget) -> DeliveryPath:
    """Checks what is documented about a hop to a bus of the new type: the role. Its subscribers are not read.

    A managed rule needs no role: its event source was authorized once, when it was created.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-custom-bus-target-bus.html
    """
    if rule.rule.managed_by is None:
        role = target.target.role or rule.rule.role
        if role is None:
            return path.broken("BUS_TARGET_NO_ROLE", target.link, Stage.ROLE)
        if role in query.index.roles:
            request = request_of(query, rule, role, PUT_EVENTS, target.target.arn)
            path = through_role(query, path, rule, request)
        if path.end is not None:
            return path
    arn = target.arn
    here = arn is not None and (arn.account, arn.region) == rule.bus[:2]
    reason = "its subscribers, its policy, and its sharing are not read"
    if not here:
        reason = "whether a rule reaches such a bus in another account or Region is not documented"
    return path.doubt("V2_BUS_UNSUPPORTED", target.link, reason=reason)


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
    sent = (query.event["source"], query.event["detail-type"]) if query.index.policies_read_events else ()
    (path,) = from_target(
        query, path, target, lambda start: (_onto(query, start, rule, target, bus),), sent=sent
    )
    arrives = target.target.arn in query.index.destinations or bus.account not in query.index.accounts
    if path.end is not None or arrives:
        yield path
    else:
        yield from through_bus(query, path.hop(local=local), bus)


def _onto(
    query: Query, path: DeliveryPath, rule: PlacedRule, target: PlacedTarget, bus: BusAt
) -> DeliveryPath:
    """Checks that the next bus exists, and that the role and the bus policy allow the event.

    The role is checked even if the bus is in an account that was not read. Of the event, only the condition
    keys ``events:source`` and ``events:detail-type`` count.
    """
    path = _exists(query, path, target, bus)
    if path.end is not None:
        return path
    role = target.target.role or rule.rule.role
    if role is None:
        return path.broken("BUS_TARGET_NO_ROLE", target.link, Stage.ROLE)
    if target.target.role is None and bus.account != rule.bus.account:
        path = path.doubt("RULE_ROLE", target.link, role=role)
    more: dict[str, Known] = {
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
    if is_unknown(bus.name) and not (bus in index.buses and is_one_value(bus.name)):
        return path.doubt("VALUE_UNKNOWN", target.link, what="the bus", value=why_unknown(bus.name))
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
    if listed is not None and "policy" in listed.unread:
        reason = listed.unread["policy"]
    elif listed is not None:
        reason = None
    if reason is not None:
        return path.doubt("NOT_SEEN", bus.link, what="policy", reason=reason)
    policy = listed.policy if listed else ()
    allowed = policy_allows(policy, request, needs_allow=foreign)
    if allowed is False:
        return path.broken("BUS_POLICY_DENIES", bus.link, Stage.POLICY, sender=request.sender)
    if allowed is None:
        path = path.doubt("NOT_UNDERSTOOD", bus.link, what="whether its policy allows the delivery")
    if allowed and not foreign and has_allow(policy, request) is False:
        path = path.note("SAME_ACCOUNT_BUS", bus.link)
    return path
