"""Buses: the rules of a bus, and the hop to the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.delivery.path import Stage
from trailforward.doctor.delivery.policies import admits, granted
from trailforward.doctor.delivery.roles import request_of, sender, through_role
from trailforward.doctor.delivery.targets import deliver
from trailforward.doctor.links import words
from trailforward.doctor.regions import US_EAST_1
from trailforward.errors import PatternError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.delivery.path import Path
    from trailforward.doctor.delivery.policies import Request
    from trailforward.doctor.delivery.trip import Trip
    from trailforward.doctor.index import PlacedRule, PlacedTarget
    from trailforward.doctor.links import BusAt
    from trailforward.patterns import Pattern

ALL_MANAGEMENT_EVENTS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
PUT_EVENTS = "events:PutEvents"

#: Characters of a mismatch that are shown.
SHOWN = 400


def through_bus(trip: Trip, path: Path, bus: BusAt) -> Iterator[Path]:
    """Every way from a bus that the event has come to, rule by rule in their order."""
    candidates = trip.index.candidates(bus)
    if not candidates:
        yield _no_rule(trip, path, bus)
    for rule in candidates:
        yield from _through_rule(trip, path, rule)
    reason = trip.index.unseen("rules", bus.account, bus.region)
    if reason is not None:
        yield path.doubt("NOT_SEEN", bus.link, what="rules", reason=reason)


def _no_rule(trip: Trip, path: Path, bus: BusAt) -> Path:
    """Nothing on this bus leads to a destination: the nearest explanation.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
    """
    if path.hops:
        return path.broken("HUB_NO_RULE", bus.link)
    for rule in trip.index.custom_candidates(bus.account, bus.region) if bus.name == "default" else ():
        pattern = trip.index.pattern(rule)
        if not isinstance(pattern, PatternError) and pattern.matches(trip.event):
            return path.broken("RULE_ON_NON_DEFAULT_BUS", rule.link)
    if trip.pinned and trip.index.covered_somewhere(bus.account):
        return path.broken(
            "GLOBAL_ONLY_US_EAST_1",
            bus.link,
            lacks="has no rule that leads to the destination; those of other Regions never see these calls",
            remedy=f"Deploy the regional rule to {US_EAST_1} too, even if nothing else runs there.",
        )
    return path.broken("NO_RULE", bus.link)


def _through_rule(trip: Trip, path: Path, rule: PlacedRule) -> Iterator[Path]:
    """Pattern, state, targets. The pattern comes first, so that an unrelated disabled rule is not blamed."""
    path = _open(trip, path.to_rule(rule), rule)
    if path.end is not None:
        yield path
        return
    for target in rule.leads:
        yield from _through_target(trip, path.to_target(rule, target), rule, target)


def _open(trip: Trip, path: Path, rule: PlacedRule) -> Path:
    """Whether a rule lets the event through.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html
    """
    pattern, state = trip.index.pattern(rule), rule.rule.state
    if isinstance(pattern, PatternError):
        path = path.doubt("NOT_UNDERSTOOD", rule.link, what=f"its pattern ({str(pattern).splitlines()[0]})")
    elif not pattern.matches(trip.event):
        fields = _Misses(pattern, trip.event)
        return path.broken("PATTERN_MISMATCH", rule.link, Stage.PATTERN, fields=fields)
    if state == "DISABLED":
        return path.broken("RULE_DISABLED", rule.link, Stage.DISABLED)
    if state not in {"ENABLED", ALL_MANAGEMENT_EVENTS}:
        path = path.doubt("NOT_UNDERSTOOD", rule.link, what=f"its state {state}")
    elif trip.needs_long_state and state != ALL_MANAGEMENT_EVENTS:
        code = "HUB_RULE_STATE_READONLY" if path.hops else "RULE_STATE_READONLY"
        return path.broken(code, rule.link, Stage.READ_ONLY, state=state)
    if not rule.leads:
        missing = "it has no target"
        return path.broken("TARGET_MISSING", rule.link, Stage.TARGET_KIND, missing=missing)
    return path


class _Misses:
    """The fields in which a pattern misses an event; found out only when somebody reads it."""

    def __init__(self, pattern: Pattern, event: dict[str, Any]) -> None:
        self.pattern = pattern
        self.event = event

    def __str__(self) -> str:
        branches = self.pattern.explain(self.event).branches
        nearest = min(branches, key=len)
        text = "; ".join(map(str, nearest))
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _through_target(trip: Trip, path: Path, rule: PlacedRule, target: PlacedTarget) -> Iterator[Path]:
    if target.is_new_bus:
        yield path.doubt("V2_BUS_UNSUPPORTED", target.link)
    elif target.bus is not None:
        yield from _hop(trip, path, rule, target, target.bus)
    else:
        yield from deliver(trip, path, rule, target)


def _hop(trip: Trip, path: Path, rule: PlacedRule, target: PlacedTarget, bus: BusAt) -> Iterator[Path]:
    """From bus to bus: one hop is documented, a second of the other kind disputed.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html
    """
    local = bus.region == rule.bus.region
    kind = "same-Region" if local else "Region-crossing"
    if local in path.hops:
        yield path.broken("HOP_LIMIT", target.link, Stage.HOP_LIMIT, hop=kind)
        return
    if path.hops:
        path = path.doubt("HOP_UNDOCUMENTED", target.link, hop=kind)
    opt_in = [] if local else [place for place in (rule.bus, bus) if trip.index.opted_in(*place[:2])]
    if opt_in:
        path = path.note("OPT_IN_HOP", target.link, opt_in=" and ".join(place.region for place in opt_in))
    path = _onto(trip, path, rule, target, bus)
    arrives = target.target.arn in trip.index.destinations or bus.account not in trip.index.accounts
    if path.end is not None or arrives:
        yield path
    else:
        yield from through_bus(trip, path.hop(local=local), bus)


def _onto(trip: Trip, path: Path, rule: PlacedRule, target: PlacedTarget, bus: BusAt) -> Path:
    """Onto the next bus: it is there, and the role and the bus let the event in.

    Of an account that was not read, the role is still looked at.
    """
    path = _exists(trip, path, target, bus)
    if path.end is not None:
        return path
    role = target.target.role
    if role is None:
        return path.broken("BUS_TARGET_NO_ROLE", target.link, Stage.ROLE)
    more = {
        "events:eventbusinvocation": "true",
        "events:source": trip.event["source"],
        "events:detail-type": trip.event["detail-type"],
    }
    request = request_of(trip, rule, role, PUT_EVENTS, target.target.arn, more)
    path = through_role(trip, path, rule, request)
    if path.end is not None or bus.account not in trip.index.accounts:
        return path
    return _bus_policy(trip, path.to(bus.link), bus, request, foreign=bus.account != rule.bus.account)


def _exists(trip: Trip, path: Path, target: PlacedTarget, bus: BusAt) -> Path:
    """A bus that does not exist takes events and drops them, without error or dead letter."""
    index = trip.index
    if bus.account not in index.accounts:
        return path.doubt("ACCOUNT_NOT_VISIBLE", target.link, unread=bus.account)
    if index.has_bus(bus):
        return path
    if bus.name == "default" and index.changing(bus.account, bus.region):
        link = f"region:{bus.account}/{bus.region}"
        return path.doubt("REGION_CHANGING", link, status=index.status(bus.account, bus.region))
    if index.unseen("buses", bus.account, bus.region) is not None:
        return path  # its policy was not seen either, and says so
    missing = f"there is no {words(bus.link)}"
    return path.broken("TARGET_MISSING", target.link, Stage.ABSENT, missing=missing)


def _bus_policy(trip: Trip, path: Path, bus: BusAt, request: Request, *, foreign: bool) -> Path:
    """The policy of the receiving bus: a deny always counts, an allow is needed from other accounts.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
    """
    listed = trip.index.buses.get(bus)
    reason = trip.index.unseen("buses", bus.account, bus.region)
    if listed is None and reason is not None:
        return path.doubt("NOT_SEEN", bus.link, what="policy", reason=reason)
    policy = listed.policy if listed else ()
    admitted = admits(policy, request, needs_allow=foreign)
    if admitted is None:
        return path.doubt("NOT_UNDERSTOOD", bus.link, what="its policy has conditions outside the model")
    if not admitted:
        return path.broken("BUS_POLICY_DENIES", bus.link, Stage.POLICY, sender=sender(request))
    if not foreign and granted(policy, request) is False:
        return path.note("SAME_ACCOUNT_BUS", bus.link)
    return path
