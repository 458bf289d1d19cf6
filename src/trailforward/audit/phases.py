"""What is known about a rule at every time: its state, targets, and pattern, from the changes in log files.

Nothing is guessed in favor of an explanation. ``EnableRule`` does not prove that the rule was disabled
before, ``PutTargets`` not that it had no targets, and ``RemoveTargets`` not that it had no other ones:
whoever may make such calls could otherwise explain away events that are missing.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from trailforward.errors import PatternError
from trailforward.patterns import Pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.audit.changes import Change

ENABLED, DISABLED = "ENABLED", "DISABLED"
ALL_MANAGEMENT = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
#: Enabled, in one of the two states.
EITHER = "EITHER"
#: Changes that determine the state, and those that take events away.
_STATE = frozenset({"PutRule", "EnableRule", "DisableRule", "DeleteRule"})
_TAKING = frozenset({"DisableRule", "DeleteRule", "RemoveTargets"})
#: Top-level fields of an envelope that a log file does not contain.
_NOT_RECORDED = frozenset({"id", "time"})


class Assumed(NamedTuple):
    """A rule of the snapshot, or an assumed one.

    Attributes:
        name: the rule's name; empty if it is not known.
        state: in the snapshot; empty if the rule is not in it.
        pattern: None if it cannot be read or judged.
        targets: their IDs in the snapshot; None if they are not known.
    """

    name: str
    state: str
    pattern: Pattern | None
    targets: frozenset[str] | None = None


class Phase(NamedTuple):
    """What is known about a rule from a time on.

    Attributes:
        state: ``ENABLED``, the longer state, ``DISABLED``, ``EITHER``, or empty if it is not known.
        why: what made it so, or why it is not known; empty if the snapshot or the assumption says it.
        pattern: None if it is not known.
        pattern_why: the change that set the pattern; empty if the snapshot or the assumption says it.
        targets: whether there are any; None if it is not known.
        targets_why: the change that removed them, or why it is not known.
    """

    state: str
    why: str
    pattern: Pattern | None
    pattern_why: str
    targets: bool | None
    targets_why: str


def readable(source: object) -> Pattern | None:
    """A compiled pattern; None if it cannot be read, or tests what log files do not contain."""
    try:
        pattern = Pattern(source)  # type: ignore[arg-type]  # or raises
        paths = {path.partition(".")[0] for rule in pattern.rules for path in rule}
    except (PatternError, TypeError, ValueError):
        return None
    return None if paths & _NOT_RECORDED else pattern


def phases(
    rule: Assumed, named: Sequence[Change], unnamed: Sequence[Change], *, assumed: bool
) -> list[tuple[str, Phase]]:
    """The phases of a rule with the time at which each begins; the first begins with an empty text.

    Args:
        rule: as it is at the end, or as it is assumed to be.
        named: its changes, by time.
        unnamed: changes in its account and Region that do not name a rule, by time.
        assumed: whether there is no snapshot.
    """
    phase = _first(rule, named, unnamed, assumed=assumed)
    found = [("", phase)]
    changes = sorted([*named, *unnamed])
    targets = _Targets(rule, named)
    for time, group in groupby(changes, key=lambda change: change.time):
        together = list(group)
        for change in together:
            if not change.name:
                phase = _unnamed(phase, change)
            elif change.event in _STATE:
                phase = _state(phase, change, rule, named, assumed=assumed)
            elif change.event == "PutTargets":
                targets.add(change)
                done = bool(change.targets)
                why = "" if done else f"{change.what} does not say which targets it set"
                phase = phase._replace(targets=True if done else phase.targets or None, targets_why=why)
            else:
                phase = targets.remove(change, phase)
        states = [one for one in together if one.name and one.event in _STATE]
        if len({one.event for one in states}) > 1:
            why = f"{' and '.join(one.event for one in states)} of rule {rule.name} came both at {time}"
            phase = phase._replace(state="", why=why)
        found.append((time, phase))
    return found


def _first(rule: Assumed, named: Sequence[Change], unnamed: Sequence[Change], *, assumed: bool) -> Phase:
    state, why = rule.state, ""
    first = next((change for change in named if change.event in _STATE), None)
    if first is not None and first.event in _TAKING:
        state = _enabled(rule, named, assumed=assumed)
    elif first is not None:
        state, why = "", f"{first.what} may have created or changed it"
    elif state == DISABLED and any(change.event in _TAKING for change in unnamed):
        state, why = "", f"a change does not say which rule it changed, and rule {rule.name} is DISABLED"
    put = any(change.event == "PutRule" for change in named)
    pattern = rule.pattern if assumed or not put else None
    targets: bool | None = rule.targets is None or bool(rule.targets)
    targets_why = "" if targets else f"rule {rule.name} has no targets in the snapshot"
    change = next((change for change in named if change.event in {"PutTargets", "RemoveTargets"}), None)
    if change is not None:
        targets = True if change.event == "RemoveTargets" else None
        targets_why = "" if targets else f"it may have had no targets before {change.what}"
    return Phase(state, why, pattern, "", targets, targets_why)


def _enabled(rule: Assumed, named: Sequence[Change], *, assumed: bool) -> str:
    """The state of a rule while it is enabled."""
    put = any(change.event == "PutRule" for change in named)
    return rule.state if assumed or (rule.state in {ENABLED, ALL_MANAGEMENT} and not put) else EITHER


def _state(phase: Phase, change: Change, rule: Assumed, named: Sequence[Change], *, assumed: bool) -> Phase:
    if change.event == "EnableRule":
        return phase._replace(state=_enabled(rule, named, assumed=assumed), why=change.what)
    if change.event == "DisableRule":
        return phase._replace(state=DISABLED, why=change.what)
    if change.event == "DeleteRule":
        return phase._replace(state=DISABLED, why=change.what, targets=False, targets_why=change.what)
    if phase.targets is False:
        phase = phase._replace(targets=None, targets_why=f"{change.what} may have no targets")
    why = change.what if change.state else f"{change.what} does not say which state it gave"
    pattern = readable(change.pattern) if change.pattern else None
    return phase._replace(state=change.state, why=why, pattern=pattern, pattern_why=change.what)


class _Targets:
    """The IDs of a rule's targets, as far as the snapshot and all of its changes name them."""

    def __init__(self, rule: Assumed, named: Sequence[Change]) -> None:
        self._last = rule.targets or frozenset()
        self._put = [change for change in named if change.event == "PutTargets"]
        changes = [change for change in named if change.event in {"PutTargets", "RemoveTargets"}]
        self._complete = rule.targets is not None and all(change.ids for change in changes)
        self._left = set(self._last.union(*(change.ids for change in changes)))

    def add(self, change: Change) -> None:
        """Follows ``PutTargets``."""
        self._left |= change.ids

    def remove(self, change: Change, phase: Phase) -> Phase:
        """The phase after ``RemoveTargets``."""
        self._left -= change.ids
        if self._complete and not self._left:
            return phase._replace(targets=False, targets_why=change.what)
        later = (one.ids for one in self._put if one.time >= change.time)
        if change.ids and self._last.difference(change.ids, *later):
            return phase  # a target of the snapshot that nobody set since
        return phase._replace(targets=None, targets_why=f"{change.what} may have removed all targets")


def _unnamed(phase: Phase, change: Change) -> Phase:
    off = phase.state == DISABLED or phase.targets is False
    if off == (change.event in _TAKING):
        return phase
    why = f"{change.event} at {change.time} does not say which rule it changed"
    if change.event in {"PutTargets", "RemoveTargets"}:
        return phase._replace(targets=None, targets_why=why)
    if phase.targets is False:  # a new rule may have targets, too
        phase = phase._replace(targets=None, targets_why=why)
    return phase._replace(state="", why=why)
