"""Which rules would have sent an event: from a snapshot, and from the changes that CloudTrail recorded.

The snapshot has the latest state, and changes in the log files give earlier ones. Without a snapshot, the
rule that the stack deploys is assumed in every Region.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.audit.changes import RULE_CHANGES, Change
from trailforward.audit.phases import (
    ALL_MANAGEMENT,
    DISABLED,
    EITHER,
    ENABLED,
    Assumed,
    Phase,
    phases,
    readable,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trailforward.doctor import World

__all__ = ["Asked", "Change", "Rules", "Ruling"]

#: What the stack deploys by default.
_CATCH_ALL = '{"source": [{"prefix": "aws."}], "detail-type": [{"suffix": " via CloudTrail"}]}'


class Place(NamedTuple):
    """A default bus."""

    account: str
    region: str


class Asked(NamedTuple):
    """An event, as rules see it.

    Attributes:
        envelopes: all forms in which EventBridge may send it.
        time: ``eventTime``.
        reading: whether it is a read-only management event.
        management: whether it is a management event.
    """

    envelopes: Sequence[dict[str, Any]]
    time: str
    reading: bool
    management: bool


class Ruling(NamedTuple):
    """What the rules say about an event: a class, and a sentence why."""

    name: str
    why: str


class _Known(NamedTuple):
    """A rule with its phases.

    Attributes:
        rule: the rule.
        times: at which its phases begin.
        phases: what is known about it.
        read: whether it ever got read-only events.
        made: whether the log files contain ``PutRule`` for it, which may have created it.
    """

    rule: Assumed
    times: list[str]
    phases: list[Phase]
    read: bool
    made: bool

    def at(self, time: str) -> Phase:
        """What is known at a time."""
        return self.phases[bisect_right(self.times, time) - 1]


class Rules:
    """The rules on the default bus of every account and Region.

    Args:
        world: a snapshot of the doctor, or None.
        changes: from the log files.
        names: names of the rules that forward events, with ``*``, for rules that are not in a snapshot.
    """

    def __init__(self, world: World | None, changes: Iterable[Change], names: str = "*trailforward*") -> None:
        self._world = world
        self._names = names.lower()
        self._changes: dict[Place, dict[str, list[Change]]] = {}
        for change in sorted(set(changes)):
            if change.event in RULE_CHANGES and change.bus == "default":
                there = self._changes.setdefault(Place(change.account, change.region), {})
                there.setdefault(change.name, []).append(change)
        self._places: dict[Place, list[_Known]] = {}
        self._rules: dict[Place, list[Assumed]] = defaultdict(list)
        for rule in _forwarding(world) if world is not None else ():
            targets = None if "targets" in rule.unread else frozenset(target.id for target in rule.targets)
            one = Assumed(rule.name, rule.state, readable(rule.pattern), targets)
            self._rules[Place(rule.account, rule.region)].append(one)
        self._default = Assumed("", ENABLED, readable(_CATCH_ALL))

    def judge(self, account: str, region: str, asked: Asked) -> Ruling | None:
        """Why rules did not send an event; None if one should have.

        Returns:
            ``read_only``, ``pattern``, ``kind``, ``no_rule``, ``rule_disabled``, or ``undetermined``.
        """
        place = Place(account, region)
        known = self._known(place)
        rulings = [self._by_rule(one, asked) for one in known]
        if any(one is None for one in rulings):
            return None
        found = [one for one in rulings if one is not None]
        unread = self._unread(place)
        for name in ("undetermined", "changed", "read_only", "rule_disabled"):
            for one in found:
                if one.name == name and not (unread and name != "undetermined"):
                    return one._replace(name="rule_disabled") if name == "changed" else one
        if unread:
            return Ruling("undetermined", unread)
        if not found:
            return Ruling("no_rule", f"account {account} has no rule with targets in {region}")
        if asked.management:
            return Ruling("pattern", "the pattern of no rule matches it")
        return Ruling("kind", "no rule asks for events of its category")

    def read(self, account: str, region: str, time: str) -> bool:
        """Whether a rule got all management events at a time."""
        known = self._known(Place(account, region))
        return any(one.at(time).state == ALL_MANAGEMENT for one in known)

    def plain(self, account: str, region: str) -> bool:
        """Whether no rule of a place ever got read-only management events: all are in class ``read_only``."""
        place = Place(account, region)
        known = self._known(place)
        return bool(known) and not self._unread(place) and all(map(_plain, known))

    def _by_rule(self, known: _Known, asked: Asked) -> Ruling | None:
        """What one rule says: also ``changed``, if a change in the log files took the event away."""
        rule, phase = known.rule, known.at(asked.time)
        if asked.reading and not known.read and _enabled(rule, phase):
            return Ruling("read_only", "it is read-only, and the rule's state is ENABLED")
        if phase.pattern is not None and not any(map(phase.pattern.matches, asked.envelopes)):
            why = f"{phase.pattern_why} gave it a pattern that does not match"
            return Ruling("changed", why) if phase.pattern_why else Ruling("other", "")
        if phase.state == DISABLED or phase.targets is False:
            why = phase.why if phase.state == DISABLED else phase.targets_why
            if known.made and self._world is None:
                return Ruling("undetermined", f"{why}; without --snapshot, it may be another rule")
            return Ruling("changed", why) if why else Ruling("rule_disabled", f"rule {rule.name} is DISABLED")
        return _by_phase(rule.name, phase, asked)

    def _known(self, place: Place) -> list[_Known]:
        """The rules of a place."""
        if place not in self._places:
            changes = self._changes.get(place, {})
            named = [name for name in changes if name and fnmatchcase(name.lower(), self._names)]
            rules = list(self._rules.get(place, ()))
            if self._world is None:
                rules = [self._default._replace(name=name) for name in named] or [self._default]
            else:
                present = {rule.name for rule in rules}
                rules += [Assumed(name, "", None) for name in named if name not in present]
            unnamed = changes.get("", [])
            self._places[place] = [self._with_phases(rule, changes, unnamed) for rule in rules]
        return self._places[place]

    def _with_phases(
        self, rule: Assumed, changes: dict[str, list[Change]], unnamed: Sequence[Change]
    ) -> _Known:
        named = changes.get(rule.name, []) if rule.name else []
        found = phases(rule, named, unnamed, assumed=self._world is None)
        read = rule.state == ALL_MANAGEMENT or any(change.state == ALL_MANAGEMENT for change in named)
        made = any(change.event == "PutRule" for change in named)
        return _Known(rule, [time for time, _ in found], [phase for _, phase in found], read, made)

    def _unread(self, place: Place) -> str:
        """Why the snapshot does not have all rules of a place; empty if it has."""
        if self._world is None:
            return ""
        if self._world.accounts and place.account not in self._world.accounts:
            return f"the snapshot does not contain account {place.account}"
        why = self._world.index.unseen("rules", *place)
        where = f"{place.region} in {place.account}"
        return f"the snapshot does not have all rules of {where}: {why}" if why else ""


def _enabled(rule: Assumed, phase: Phase) -> bool:
    """Whether a rule is in the state ENABLED, or else it is disabled."""
    return phase.state == ENABLED or (not phase.state and rule.state == ENABLED)


def _plain(known: _Known) -> bool:
    return not known.read and all(_enabled(known.rule, phase) for phase in known.phases)


def _by_phase(name: str, phase: Phase, asked: Asked) -> Ruling | None:
    """What a rule says about an event that its pattern may match, and that is not certainly disabled."""
    if asked.reading and phase.state == ENABLED:
        return Ruling("changed", f"{phase.why} gave it the state ENABLED, without read-only events")
    if not phase.state or phase.targets is None:
        return Ruling("undetermined", phase.targets_why if phase.state else phase.why)
    if phase.pattern is None:
        return Ruling("undetermined", f"the pattern of rule {name} at that time is not known")
    if asked.reading and phase.state == EITHER:
        return Ruling("undetermined", f"rule {name} may not have got read-only events at that time")
    return None


def _forwarding(world: World) -> Iterable[Any]:
    """The rules of the default buses that may lead to a destination; all rules if none is known."""
    if world.destinations:
        found = (placed.rule for placed in world.index.rules())
        return [rule for rule in found if rule.bus == "default"]
    return [rule for rule in world.rules if rule.bus == "default" and rule.pattern is not None]
