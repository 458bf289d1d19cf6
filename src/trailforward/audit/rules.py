"""Which rules were enabled at a time: from a snapshot, and from the changes that CloudTrail recorded.

The snapshot has the latest state. Changes in the log files give earlier ones: before a ``DisableRule`` the
rule was enabled, for example. Without a snapshot, the rule that the stack deploys is assumed in every Region.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.errors import PatternError
from trailforward.patterns import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trailforward.doctor import World

EVENTS = "events.amazonaws.com"
CLOUDTRAIL = "cloudtrail.amazonaws.com"
RULE_CHANGES = ("PutRule", "EnableRule", "DisableRule", "DeleteRule", "PutTargets", "RemoveTargets")
TRAIL_CHANGES = (
    "StopLogging",
    "StartLogging",
    "DeleteTrail",
    "CreateTrail",
    "UpdateTrail",
    "PutEventSelectors",
    "PutInsightSelectors",
)
CHANGES = frozenset(
    [(EVENTS, name) for name in RULE_CHANGES] + [(CLOUDTRAIL, name) for name in TRAIL_CHANGES]
)
ALL_MANAGEMENT = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
#: What the stack deploys by default.
_CATCH_ALL = '{"source": [{"prefix": "aws."}], "detail-type": [{"suffix": " via CloudTrail"}]}'


class Change(NamedTuple):
    """A change of a rule or trail, as CloudTrail recorded it.

    Attributes:
        time: ``eventTime``.
        event: ``eventName``.
        account: of the rule.
        region: of the rule.
        name: of the rule or trail; empty if the record does not say.
        bus: the event bus.
        state: that ``PutRule`` gave; empty if the record does not say.
        who: ARN of the caller.
    """

    time: str
    event: str
    account: str
    region: str
    name: str
    bus: str
    state: str
    who: str

    @classmethod
    def of(cls, record: Mapping[str, Any], account: str) -> Change | None:
        """The change that a record describes; None if it failed."""
        if record.get("errorCode"):
            return None
        given = _mapping(record.get("requestParameters"))
        name = given.get("name") or given.get("rule") or given.get("trailName") or ""
        bus = str(given.get("eventBusName") or "default").rpartition("/")[2]
        texts = [
            record.get("eventTime"),
            record.get("eventName"),
            record.get("recipientAccountId") or account,
        ]
        texts += [record.get("awsRegion"), name, bus, given.get("state")]
        texts += [_mapping(record.get("userIdentity")).get("arn")]
        return cls(*(text if isinstance(text, str) else "" for text in texts))


class Assumed(NamedTuple):
    """A rule: its pattern is None if it cannot be read or judged."""

    name: str
    state: str
    pattern: Pattern | None


class Rules:
    """The rules on the default bus of every account and Region.

    Args:
        world: a snapshot of the doctor, or None.
        changes: from the log files.
        names: names of the rules that forward events, with ``*``, if there is no snapshot.
    """

    def __init__(self, world: World | None, changes: Iterable[Change], names: str = "*trailforward*") -> None:
        self._world = world is not None
        self._names = names.lower()
        self._changes: dict[tuple[str, str, str], list[Change]] = defaultdict(list)
        self._unnamed: dict[tuple[str, str], list[Change]] = defaultdict(list)
        for change in sorted(set(changes)):
            if change.event not in RULE_CHANGES or change.bus != "default":
                continue
            place = change.account, change.region
            if change.name:
                self._changes[*place, change.name].append(change)
            else:
                self._unnamed[place].append(change)
        self._rules: dict[tuple[str, str], list[Assumed]] = defaultdict(list)
        for rule in world.rules if world is not None else ():
            if rule.bus == "default" and rule.pattern is not None and (rule.targets or rule.unread):
                self._rules[rule.account, rule.region].append(
                    Assumed(rule.name, rule.state, _pattern(rule.pattern))
                )
        self._default = Assumed("", "ENABLED", Pattern(_CATCH_ALL))

    def at(self, account: str, region: str) -> list[Assumed]:
        """The rules of a place."""
        if self._world:
            return self._rules.get((account, region), [])
        named = [
            name
            for known_account, known_region, name in self._changes
            if (known_account, known_region) == (account, region) and fnmatchcase(name.lower(), self._names)
        ]
        return [self._default._replace(name=name) for name in named] or [self._default]

    def plain(self, account: str, region: str) -> bool:
        """Whether every rule of a place was always in the state ENABLED, without read-only events."""
        changes = self._unnamed.get((account, region)) or any(
            (account, region) == (known, there) for known, there, _ in self._changes
        )
        states = {rule.state for rule in self.at(account, region)}
        return not changes and states == {"ENABLED"}

    def state(self, account: str, region: str, rule: Assumed, time: str) -> tuple[str, str]:
        """The state of a rule at a time, and why: empty if it comes from the snapshot or the assumption.

        Returns:
            ``ENABLED``, the longer state, ``DISABLED``, or an empty text if it cannot be determined.
        """
        changes = self._changes.get((account, region, rule.name), [])
        unnamed = self._unnamed.get((account, region), [])
        done = bisect_right(changes, time, key=lambda change: change.time)
        if blind := [one for one in unnamed if one.time <= time and one.event not in _HARMLESS]:
            last = blind[-1]
            if not done or changes[done - 1].time < last.time:
                why = f"{last.event} at {last.time} does not say which rule it changed"
                return "", why
        if done:
            last = changes[done - 1]
            return _after(last, rule), f"{last.event} of rule {last.name} at {last.time} by {last.who or '?'}"
        for change in changes:
            if change.event in {"EnableRule", "PutTargets"}:
                return "DISABLED", f"{change.event} of rule {change.name} came only at {change.time}"
            if change.event in {"DisableRule", "DeleteRule", "RemoveTargets"}:
                return "ENABLED" if rule.state == "DISABLED" else rule.state, ""
            return "", f"{change.event} of rule {change.name} at {change.time} may have created or changed it"
        return rule.state, ""


#: Without a name, these changes cannot explain that an event is missing after them.
_HARMLESS = frozenset({"EnableRule", "PutTargets", "PutRule"})


def _after(change: Change, rule: Assumed) -> str:
    if change.event in {"DisableRule", "DeleteRule", "RemoveTargets"}:
        return "DISABLED"
    if change.event == "PutRule":
        return change.state or rule.state
    return "ENABLED" if change.event == "EnableRule" or rule.state == "DISABLED" else rule.state


def _pattern(source: Any) -> Pattern | None:
    try:
        return Pattern(source)
    except PatternError:
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
