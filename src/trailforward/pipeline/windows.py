"""Windows: what ``once`` and ``threshold`` decide about the events of one key. Pure functions, no calls.

What is known about a key is a JSON object:

- ``owner``: the event that opened the window, as a short hash; empty after its delivery failed;
- ``opened``: when it did, in seconds since 1970 by the function's clock;
- ``lease``: until when it may still be on its way; 0 after it was delivered;
- ``held``: events held back since ``opened``; ``prior``: number and start of those before it;
- ``times``: for ``threshold``, time and hash of the events that count since it last fired;
- ``due``: until when the next event fires, because the delivery of the one that fired failed;
- ``seen``: hashes of the events that were counted, so that a repeated event counts once.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Most hashes that ``seen`` keeps, unless the rule needs more.
_SEEN = 50
#: Seconds by which the clocks of two functions may differ.
_SKEW = 300.0


class Rule(NamedTuple):
    """What a route says about repeated events.

    Attributes:
        route: its name.
        per: paths of the values that make up the key, each as its parts.
        once: seconds of a window; 0 without ``once``.
        events: how many ``threshold`` asks for; 0 without it.
        within: seconds in which they must happen.
    """

    route: str
    per: tuple[tuple[str, ...], ...]
    once: float = 0.0
    events: int = 0
    within: float = 0.0


class Hit(NamedTuple):
    """An event of a key.

    Attributes:
        number: index of the message.
        id: short hash of the event's ID.
        time: when it happened, in seconds since 1970.
    """

    number: int
    id: str
    time: float


class Settled(NamedTuple):
    """The fate of the event that opened a window: its hash, and whether every sink has it or will get it."""

    id: str
    delivered: bool


class Step(NamedTuple):
    """What was decided.

    Attributes:
        value: what is known about the key now.
        decided: message index → ``lead`` (send it, and settle), ``suppressed``, or ``below``.
        waiting: events that wait for the fate of the one that leads.
        expires: when the value may be forgotten, in seconds since 1970.
    """

    value: dict[str, Any]
    decided: dict[int, str]
    waiting: tuple[Hit, ...]
    expires: int


def short_hash(text: str) -> str:
    """12 characters that stand for an event's ID."""
    return urlsafe_b64encode(sha256(text.encode("utf-8", "surrogatepass")).digest()[:9]).decode()


def advance(
    rule: Rule,
    value: dict[str, Any] | None,
    hits: Sequence[Hit],
    *,
    now: float,
    lease: float,
    settled: Settled | None = None,
) -> Step:
    """Decides about events of one key, in order, up to the first one that leads.

    Args:
        rule: of the route.
        value: what is known about the key.
        hits: the events.
        now: seconds since 1970.
        lease: seconds that an event may be on its way.
        settled: the fate of the event that led before.
    """
    key = _Key(rule, value or {}, now, lease)
    if settled is not None:
        key.settle(settled)
    decided: dict[int, str] = {}
    leader = ""
    waiting = []
    for hit in hits:
        if leader and hit.id != leader:
            waiting.append(hit)
            continue
        decided[hit.number] = verdict = "lead" if leader else key.decide(hit)
        if verdict == "lead":
            leader = hit.id
    expires = int(now + max(rule.once, 2 * rule.within)) + _KEPT
    return Step(key.value, decided, tuple(waiting), expires)


#: Seconds for which a key is kept after its window, so that the next message can say what was held back.
_KEPT = 7 * 86_400


class _Key:
    """What is known about a key, while events are decided."""

    def __init__(self, rule: Rule, known: dict[str, Any], now: float, lease: float) -> None:
        self._rule, self._now, self._lease = rule, now, lease
        self.value: dict[str, Any] = {
            "owner": "",
            "opened": 0.0,
            "lease": 0.0,
            "held": 0,
            "prior": [0, 0.0],
            "seen": [],
            **known,
        }

    def decide(self, hit: Hit) -> str:
        """What happens to an event: ``lead``, ``suppressed``, or ``below``."""
        value = self.value
        if hit.id == value["owner"]:  # a retry, a duplicate, or a redrive of the event that opened the window
            if value["lease"]:
                value["lease"] = self._now + self._lease
            return "lead"
        known = hit.id in value["seen"]
        if not known:
            value["seen"] = [*value["seen"], hit.id][-max(_SEEN, 3 * self._rule.events) :]
        if self._rule.events and not self._fires(hit, known=known):
            return "below"
        if self._rule.once and self._is_open():
            value["held"] += not known or bool(self._rule.events)
            return "suppressed"
        self._lead(hit)
        return "lead"

    def settle(self, settled: Settled) -> None:
        """Confirms the window, or closes it. A window that another event has opened since is left alone."""
        value = self.value
        if value["owner"] != settled.id:
            return
        value["lease"] = 0.0
        if not settled.delivered:
            self._give_back()
            value["owner"] = ""
            if self._rule.events:
                value["due"] = self._now + self._rule.within

    def _is_open(self) -> bool:
        """Whether a window is open: its event was delivered, or may still be on its way."""
        value, age = self.value, self._now - self.value["opened"]
        # A time far in the future comes from another function's wrong clock.
        current = bool(value["owner"]) and -_SKEW <= age < self._rule.once
        return current and (not value["lease"] or self._now < value["lease"])

    def _lead(self, hit: Hit) -> None:
        value = self.value
        if value["lease"]:  # the event before it was never confirmed, so what it would have said is still due
            self._give_back()
        prior = [value["held"], value["opened"]] if value["held"] else [0, 0.0]
        value |= {"owner": hit.id, "opened": self._now, "lease": self._now + self._lease}
        value |= {"held": 0, "prior": prior}
        value.pop("due", None)

    def _give_back(self) -> None:
        """What was held back before the window counts as held back still."""
        held, since = self.value["prior"]
        self.value["held"] += held
        if held:
            self.value["opened"] = since
        self.value["prior"] = [0, 0.0]

    def _fires(self, hit: Hit, *, known: bool) -> bool:
        """Whether enough events happened around this one; counting then starts again without them.

        A repeated event does not count again. After a failed delivery, the next event makes up for it.
        """
        rule, value = self._rule, self.value
        times = [(time, one) for time, one in value.get("times", ())]
        if not known:
            # A time in the future must not push the others out of the list.
            times = sorted([*times, (min(hit.time, self._now + _SKEW), hit.id)])[-2 * rule.events :]
        fires: bool = self._now < value.get("due", 0.0)
        for start in range(len(times) - rule.events + 1):
            run = times[start : start + rule.events]
            if run[-1][0] - run[0][0] <= rule.within and any(one == hit.id for _, one in run):
                times = times[:start] + times[start + rule.events :]
                fires = True
                break
        value["times"] = times
        return fires
