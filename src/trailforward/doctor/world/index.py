"""Index: fast look-ups in a World, by account and Region; every ARN and pattern is parsed once."""

from __future__ import annotations

import json
from collections import ChainMap, Counter
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from trailforward.doctor.world.links import BusAt, read_arn
from trailforward.doctor.world.regions import always_enabled, partition_of
from trailforward.doctor.world.unknown import is_unknown, may_be, why_unknown
from trailforward.errors import PatternError
from trailforward.patterns import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, MutableMapping, Sequence

    from trailforward.arn import Arn
    from trailforward.doctor.world.resources import Bus, Resource, Role, Rule, SetAside, Target
    from trailforward.doctor.world.trails import Trail
    from trailforward.doctor.world.world import World

#: ``account:ListRegions``, RegionOptStatus.
ENABLED = frozenset({"ENABLED", "ENABLED_BY_DEFAULT"})
CHANGING = frozenset({"ENABLING", "DISABLING"})

_BUS = "event-bus/"
_BUS_V2 = "event-busv2/"


@dataclass(frozen=True, slots=True)
class PlacedTarget:
    """A target with its link.

    Attributes:
        target: the target.
        link: ``target:A/R/BUS/RULE/ID``.
        arn: its parsed ARN; None if the text is not an ARN.
        qualifies: a destination that is the same function with another qualifier, or without one; else None.
    """

    target: Target
    link: str
    arn: Arn | None
    qualifies: str | None = None

    @property
    def bus(self) -> BusAt | None:
        """The event bus that the target names, or None."""
        if self.arn is None or self.arn.service != "events" or not self.arn.resource.startswith(_BUS):
            return None
        return BusAt(self.arn.account, self.arn.region, self.arn.resource.removeprefix(_BUS))

    @property
    def is_new_bus(self) -> bool:
        """Whether the target is a bus of the new type (``event-busv2/NAME/ID``)."""
        arn = self.arn
        return arn is not None and arn.service == "events" and arn.resource.startswith(_BUS_V2)


@dataclass(frozen=True, slots=True)
class PlacedRule:
    """A rule with its bus, its link, and the targets that can lead to a destination.

    Attributes:
        rule: the rule.
        bus: the bus that the rule is on.
        link: ``rule:A/R/BUS/NAME``.
        pattern: the event pattern as JSON text.
        leads: targets that are a destination, a bus, or a topic, or that may be one.
    """

    rule: Rule
    bus: BusAt
    link: str
    pattern: str
    leads: tuple[PlacedTarget, ...]

    @property
    def arn(self) -> str:
        """The rule's ARN, which deliveries without a role send as ``aws:SourceArn``."""
        place = self.rule.name if self.bus.name == "default" else f"{self.bus.name}/{self.rule.name}"
        return f"arn:{partition_of(self.bus.region)}:events:{self.bus.region}:{self.bus.account}:rule/{place}"

    def with_leads(self, leads: tuple[PlacedTarget, ...]) -> PlacedRule:
        """The rule with some of its targets only."""
        return replace(self, leads=leads)

    def leading_to(self, bus: BusAt) -> PlacedRule:
        """The rule with only those targets that are this bus."""
        return self.with_leads(tuple(target for target in self.leads if target.bus == bus))


class Index:
    """Look-ups in one world, built once by :attr:`World.index`.

    Args:
        world: the snapshot; worlds are frozen.
    """

    def __init__(self, world: World) -> None:
        self.accounts = world.accounts
        self.destinations = frozenset(world.destinations)
        self.own_roles = frozenset(world.own.roles)
        self.own_resources = frozenset(world.own.resources)
        self.roles: dict[str, Role] = _first((role.arn, role) for role in world.roles)
        self.resources: dict[str, Resource] = _first((item.arn, item) for item in world.resources)
        self.buses: dict[BusAt, Bus] = _first((BusAt(b.account, b.region, b.name), b) for b in world.buses)
        self._functions = {_function(arn): arn for arn in reversed(world.destinations) if ":lambda:" in arn}
        self._organization_id = world.organization.id if world.organization else ""
        self._members = frozenset(world.organization.accounts if world.organization else ())
        self._trails = world.trails
        self._trails_of: dict[str, tuple[Trail, ...]] = {}
        self._candidates: MutableMapping[BusAt, list[PlacedRule]] = {}
        self._custom: dict[tuple[str, str], list[PlacedRule]] = {}
        self._covered: set[str] = set()
        self._on_any_bus: dict[tuple[str, str], list[PlacedRule]] = {}
        unseen = (((gap.what, gap.account, gap.region, gap.about), gap.why) for gap in world.unseen)
        self._unseen: dict[tuple[str, str, str, str], str] = _first(chain(unseen, map(_gap, world.set_aside)))
        self._unnamed = list(_unnamed(world))
        for placed in filter(_is_candidate, map(self._place, world.rules)):
            account, region, name = placed.bus
            if is_unknown(name):
                self._on_any_bus.setdefault((account, region), []).append(placed)
                continue
            self._candidates.setdefault(placed.bus, []).append(placed)
            if name == "default":
                self._covered.add(account)
            else:
                self._custom.setdefault((account, region), []).append(placed)
        self._patterns: dict[str, Pattern | PatternError] = {}
        self._with_policies = (*world.buses, *world.roles)
        self._rule_counts = Counter(BusAt(rule.account, rule.region, rule.bus) for rule in world.rules)
        #: Steps of paths that the doctor has found already; see ``delivery/known_steps.py``.
        self.steps: dict[Any, Any] = {}

    def rule_count(self, bus: BusAt) -> int:
        """How many rules a bus has at least: rules that have only a schedule are not in a snapshot."""
        return self._rule_counts[bus]

    @cached_property
    def policies_read_events(self) -> bool:
        """Whether the policy of any bus or role may depend on the source or detail-type of an event."""
        policies = [one.model_dump(mode="json") for one in self._with_policies]
        text = json.dumps(policies, ensure_ascii=False).lower()
        return "events:source" in text or "events:detail-type" in text

    def status(self, account: str, region: str) -> str | None:
        """The status of a Region in an account that was read; None if it is not listed.

        A Region that is always enabled need not be listed.
        """
        listed = self.accounts.get(account, {}).get(region)
        return "ENABLED_BY_DEFAULT" if listed is None and always_enabled(region) else listed

    def enabled(self, account: str, region: str) -> bool:
        """Whether a Region is enabled in an account that was read."""
        return account in self.accounts and self.status(account, region) in ENABLED

    def opted_in(self, account: str, region: str) -> bool:
        """Whether an account has enabled a Region that is disabled by default (an opt-in Region)."""
        return self.accounts.get(account, {}).get(region) == "ENABLED"

    def changing(self, account: str, region: str) -> bool:
        """Whether a Region is being enabled or disabled in an account."""
        return self.accounts.get(account, {}).get(region) in CHANGING

    def in_organization(self, account: str) -> bool:
        """Whether an account is a member of the organization."""
        return account in self._members

    def organization_of(self, account: str) -> str | None:
        """The organization ID of an account, or an empty text if it has none; None if that is not known."""
        if self.in_organization(account):
            return self._organization_id or None
        known = account in self.accounts and self.unseen("organization", account, "*") is None
        return "" if known else None

    def in_scope(self, trail: Trail, account: str) -> bool | None:
        """Whether a trail applies to an account, as its own or its organization's; None: not known."""
        if trail.account == account:
            return True
        if trail.organization is False:
            return False
        member = (
            True
            if self.in_organization(account)
            else None
            if self.organization_of(account) is None
            else False
        )
        return False if member is False else None if trail.organization is None else member

    def trails(self, account: str) -> tuple[Trail, ...]:
        """The trails that apply to an account, or may apply to it."""
        if account not in self._trails_of:
            self._trails_of[account] = tuple(
                trail for trail in self._trails if self.in_scope(trail, account) is not False
            )
        return self._trails_of[account]

    def candidates(self, bus: BusAt) -> Sequence[PlacedRule]:
        """The rules of a bus that may lead to a destination, in their order.

        Rules without any target count too, and rules that may be on the bus. Rules without a pattern
        (schedules) receive no events and do not count.
        """
        listed = self._candidates.get(bus, ())
        more = self._on_any_bus.get(bus[:2], ()) if self._on_any_bus else ()
        return (*listed, *(rule for rule in more if may_be(rule.bus.name, bus.name))) if more else listed

    def rules(self) -> Iterator[PlacedRule]:
        """All rules that may lead to a destination, as in :meth:`candidates`, bus by bus."""
        return chain.from_iterable((*self._candidates.values(), *self._on_any_bus.values()))

    def rules_on_unknown_buses(self) -> Iterator[PlacedRule]:
        """The rules that may lead to a destination, but whose bus is not known."""
        return chain.from_iterable(self._on_any_bus.values())

    def with_only(self, rule: PlacedRule) -> Index:
        """The same look-ups, but the rule is the only candidate on its bus."""
        _ = self.policies_read_events  # found once for all copies, because it reads every policy
        narrowed = copy(self)
        bus = rule.bus._replace(name="default") if may_be(rule.bus.name, "default") else rule.bus
        narrowed._candidates = ChainMap({bus: [rule]}, self._candidates)  # noqa: SLF001
        if self._on_any_bus:
            narrowed._on_any_bus = {**self._on_any_bus, bus[:2]: []}  # noqa: SLF001
        return narrowed

    def custom_candidates(self, account: str, region: str) -> Sequence[PlacedRule]:
        """The candidates on all custom buses of one Region, in their order."""
        return self._custom.get((account, region), ())

    def covered_somewhere(self, account: str) -> bool:
        """Whether the account's default bus has a candidate in any Region."""
        return account in self._covered

    def pattern(self, rule: PlacedRule) -> Pattern | PatternError:
        """A rule's compiled pattern, or the error if our engine rejects what EventBridge accepted."""
        found = self._patterns.get(rule.pattern)
        if found is None:
            try:
                found = Pattern(rule.pattern)
            except PatternError as error:
                found = error
            self._patterns[rule.pattern] = found
        return found

    def has_bus(self, bus: BusAt) -> bool:
        """Whether a bus exists; every enabled Region has a default bus."""
        return bus in self.buses or (bus.name == "default" and self.enabled(bus.account, bus.region))

    def unseen(self, what: str, account: str, region: str, about: str = "") -> str | None:
        """Why something could not be read, or None if it was read; only then is its absence certain.

        Args:
            what: the kind of thing.
            account: the account ID.
            region: the Region, or ``*`` for what belongs to the whole account.
            about: the ARN of a role or resource; if empty, any of them.
        """
        for kind, arn in self._unnamed:
            if kind == what and (may_be(arn, about) if about else _may_be_in(arn, account, region)):
                return f"its name is not known: {why_unknown(arn)}"
        if not self._unseen:
            return None
        keys = (
            (kind, owner, place, thing)
            for kind in (what, "*")
            for owner in (account, "*")
            for place in (region, "*")
            for thing in dict.fromkeys((about, ""))
        )
        return next((self._unseen[key] for key in keys if key in self._unseen), None)

    def any_unseen(self, what: str) -> bool:
        """Whether anything of a kind could not be read, in any account or Region."""
        return any(kind in {what, "*"} for kind, *_ in self._unseen)

    def _place(self, rule: Rule) -> PlacedRule:
        place = f"{rule.account}/{rule.region}/{rule.bus}/{rule.name}"
        targets = (
            PlacedTarget(
                target, f"target:{place}/{target.id}", read_arn(target.arn), self._qualifies(target.arn)
            )
            for target in rule.targets
        )
        return PlacedRule(
            rule=rule,
            bus=BusAt(rule.account, rule.region, rule.bus),
            link=f"rule:{place}",
            pattern=rule.pattern if isinstance(rule.pattern, str) else json.dumps(rule.pattern),
            leads=tuple(target for target in targets if self._leads(target)),
        )

    def _leads(self, target: PlacedTarget) -> bool:
        text = target.target.arn
        if is_unknown(text):
            parts = text.split(":")
            service = parts[2] if len(parts) > 2 else ""  # noqa: PLR2004  # the service of an ARN
            onward = (
                service in {"events", "sns"} or not service or is_unknown(service) or is_unknown(parts[0])
            )
            return onward or any(may_be(text, end) for end in self.destinations)
        return (
            text in self.destinations
            or target.bus is not None
            or target.is_new_bus
            or target.qualifies is not None
            or self._may_be_subscribed(target)
        )

    def _qualifies(self, arn: str) -> str | None:
        """A destination that is the same function as a target, with another version or alias."""
        if ":lambda:" not in arn or arn in self.destinations:
            return None
        return self._functions.get(_function(arn))

    def _may_be_subscribed(self, target: PlacedTarget) -> bool:
        """Whether a target is a topic whose subscriptions may include a destination."""
        arn = target.arn
        if arn is None or arn.service != "sns":
            return False
        topic = self.resources.get(target.target.arn)
        if topic is not None:
            return topic.subscriptions is not None or "subscriptions" in topic.unread
        unread = self.unseen("resources", arn.account, arn.region, target.target.arn)
        return unread is not None or arn.account not in self.accounts


def _unnamed(world: World) -> Iterator[tuple[str, str]]:
    """The kind and the ARN of each role, resource, and bus whose ARN is partly unknown.

    It may be the one that seems to be missing.
    """
    yield from (("roles", role.arn) for role in world.roles if is_unknown(role.arn))
    yield from (("resources", item.arn) for item in world.resources if is_unknown(item.arn))
    for bus in world.buses:
        if is_unknown(bus.name):
            yield "buses", f"arn:aws:events:{bus.region}:{bus.account}:event-bus/{bus.name}"


def _may_be_in(arn: str, account: str, region: str) -> bool:
    """Whether a partly unknown ARN may be one of an account and Region (``*``: of any)."""
    parts = arn.split(":")
    if len(parts) <= 4 or is_unknown(":".join(parts[:5])):  # noqa: PLR2004  # the account of an ARN
        return True
    return account in {parts[4], "*"} and (region in {parts[3], "*"} or not parts[3])


def _is_candidate(placed: PlacedRule) -> bool:
    rule = placed.rule
    return rule.pattern is not None and (bool(placed.leads) or not rule.targets or "targets" in rule.unread)


def _function(arn: str) -> str:
    """The ARN of a function without a version or an alias."""
    return ":".join(arn.split(":")[:7])


def _first(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """A dict that keeps the first value of each key."""
    found: dict[Any, Any] = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return found


#: A list of the snapshot to the kind of thing that is unknown when one of its items was set aside.
_KINDS = {
    "trails": "trails",
    "organization": "trails",
    "rules": "rules",
    "buses": "buses",
    "roles": "roles",
    "resources": "resources",
    "unseen": "*",
    "destinations": "rules",
}


def _gap(piece: SetAside) -> tuple[tuple[str, str, str, str], str]:
    """What is unknown because an item of the snapshot was set aside: it may be just what seems to be missing.

    Returns:
        The kind, account, Region, and ARN of what is unknown; and the reason.
    """
    raw = piece.value if isinstance(piece.value, dict) else {}
    what = _KINDS.get(piece.where.partition("[")[0], "")
    arn = read_arn(raw["arn"]) if isinstance(raw.get("arn"), str) else None
    account, region = (arn.account, arn.region) if arn else (raw.get("account"), raw.get("region"))
    return (
        what,
        account if isinstance(account, str) and what != "trails" else "*",
        region if isinstance(region, str) and region else "*",
        "",
    ), f"{piece.where} was not understood"
