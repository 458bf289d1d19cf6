"""Outcome: the ledger of fates. Every message ends in exactly one fate per sink, and the sums must agree.

``received == delivered + filtered + dead_lettered + returned``, per sink. ``received`` is counted when
messages come in, the fates when they are met, so that the two sides can disagree if the pipeline is wrong.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trailforward.message import Message


#: The code of a message that is returned by way of the retry queue: the source must not bring it again.
RETRY_QUEUE = "retry_queue"


class Fate(StrEnum):
    """What became of one message at one sink."""

    DELIVERED = "delivered"
    FILTERED = "filtered"
    DEAD_LETTERED = "dead_lettered"
    RETURNED = "returned"


class Verdict(NamedTuple):
    """A fate with its reason.

    Attributes:
        fate: one of the four.
        code: why: the destination's error code, ``self``, ``no_route``, ``deadline`` …; empty if delivered.
        reason: a sentence for people; never holds payload.
        attempts: how often sending was tried in this invocation.
    """

    fate: Fate
    code: str = ""
    reason: str = ""
    attempts: int = 0


#: What CloudTrail's ``eventSource`` and ``eventName`` look like; anything else is not logged.
_NAME = re.compile(r"[A-Za-z0-9.-]{1,128}")
_MOST_NAMES = 20

_DELIVERED = Verdict(Fate.DELIVERED, attempts=1)


@dataclass(frozen=True, slots=True)
class Totals:
    """One sink's line in the ledger."""

    received: int = 0
    delivered: int = 0
    filtered: int = 0
    dead_lettered: int = 0
    returned: int = 0

    @property
    def balanced(self) -> bool:
        """Whether the identity holds."""
        return self.received == self.delivered + self.filtered + self.dead_lettered + self.returned

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.received + other.received,
            self.delivered + other.delivered,
            self.filtered + other.filtered,
            self.dead_lettered + other.dead_lettered,
            self.returned + other.returned,
        )


@dataclass(slots=True)
class Account:
    """What one sink did in one invocation, beyond the fates."""

    received: int = 0
    fates: Counter[Fate] = field(default_factory=Counter)
    retries: int = 0
    bytes: int = 0

    def __add__(self, other: Account) -> Account:
        return Account(
            self.received + other.received,
            self.fates + other.fates,
            self.retries + other.retries,
            self.bytes + other.bytes,
        )


class Outcome:
    """The ledger of one batch of messages.

    Args:
        messages: what came in, in order; a message's index here is its name below.
        sinks: names of all sinks. A message whose origin names sinks still owed is received by those only.
        earlier: the ledger of the messages before these, where they come in several batches.

    Attributes:
        begun: units of which something was delivered.
        leaving: units that go back to the source.
    """

    def __init__(
        self, messages: Sequence[Message], sinks: Sequence[str], earlier: Outcome | None = None
    ) -> None:
        self.begun: set[str] = set() if earlier is None else set(earlier.begun)
        self.leaving: set[str] = set() if earlier is None else set(earlier.leaving)
        self.messages = messages
        #: What contradicts itself in the events, by what speaks against them.
        self.forged: Counter[str] = Counter()
        #: Calls of the function's role that the pipeline never makes: ``SERVICE:EVENT`` → how many.
        self.unusual_self: Counter[str] = Counter()
        self.accounts = {name: Account() for name in sinks}
        self.verdicts: dict[str, dict[int, Verdict]] = {name: {} for name in sinks}
        #: (Region, milliseconds from the event's time to its delivery), one per delivery.
        self.latencies: list[tuple[str, float]] = []
        self._faults: list[str] = []
        picky = [message for message in messages if message.origin.owed is not None]
        for account in self.accounts.values():
            account.received = len(messages) - len(picky)
        for message in picky:
            for name in self.owed(message):
                self.accounts[name].received += 1

    def owed(self, message: Message) -> list[str]:
        """The sinks that this message is for. An owed sink that no longer exists is no sink."""
        owed = message.origin.owed
        if owed is None or not owed & self.accounts.keys():
            return list(self.accounts)
        return [name for name in self.accounts if name in owed]

    def record(self, sink: str, index: int, verdict: Verdict) -> None:
        """Enters the fate of message ``index`` at ``sink``. A second fate breaks the identity."""
        if index in self.verdicts[sink]:
            first = self.verdicts[sink][index].fate
            self._faults.append(f"{sink}: message {index} met {verdict.fate} after {first}")
            return
        self.verdicts[sink][index] = verdict
        self.accounts[sink].fates[verdict.fate] += 1
        unit = self.messages[index].origin.unit
        if unit is not None:
            if verdict.fate is Fate.DELIVERED:
                self.begun.add(unit)
            elif verdict.fate is Fate.RETURNED and verdict.code != RETRY_QUEUE:
                self.leaving.add(unit)

    def deliver(self, sink: str, indexes: Sequence[int], attempts: int = 1) -> None:
        """Enters at once that messages were delivered at ``sink``, each after so many attempts."""
        verdict = _DELIVERED if attempts == 1 else Verdict(Fate.DELIVERED, attempts=attempts)
        entered = dict.fromkeys(indexes, verdict)
        verdicts = self.verdicts[sink]
        if len(entered) < len(indexes) or not verdicts.keys().isdisjoint(entered):
            for index in indexes:
                self.record(sink, index, verdict)
            return
        verdicts.update(entered)
        self.accounts[sink].fates[Fate.DELIVERED] += len(entered)
        messages = self.messages
        self.begun.update([unit for index in entered if (unit := messages[index].origin.unit) is not None])

    def count_unusual_self(self, event: Mapping[str, Any]) -> None:
        """Counts an event of the function's role that is not one of the pipeline's calls. It is forwarded.

        Args:
            event: the envelope. Only the call's service and name are kept, where they are short names.
        """
        record = event["detail"]
        names = record.get("eventSource"), record.get("eventName")
        known = all(isinstance(name, str) and _NAME.fullmatch(name) for name in names)
        self._count_unusual(":".join(names) if known else "?", 1)

    def _count_unusual(self, call: str, count: int) -> None:
        # Events name their calls, so only a few names are kept.
        if call not in self.unusual_self and len(self.unusual_self) >= _MOST_NAMES:
            call = "?"
        self.unusual_self[call] += count

    def forgotten(self, sink: str, index: int) -> None:
        """Enters a message that met no fate: it goes back, and the ledger says that it was broken."""
        self._faults.append(f"{sink}: message {index} met no fate")
        self.record(sink, index, Verdict(Fate.RETURNED, "forgotten", "the pipeline lost track of it"))

    def totals(self, sink: str) -> Totals:
        """One sink's line."""
        account = self.accounts[sink]
        return Totals(
            account.received,
            account.fates[Fate.DELIVERED],
            account.fates[Fate.FILTERED],
            account.fates[Fate.DEAD_LETTERED],
            account.fates[Fate.RETURNED],
        )

    @property
    def breaks(self) -> list[str]:
        """What is wrong with the ledger; empty when the identity holds."""
        found = list(self._faults)
        for name, account in self.accounts.items():
            if account.received != sum(account.fates.values()):
                totals = self.totals(name)
                found.append(f"{name}: received {totals.received} is not the sum of its fates: {totals}")
        return found

    @property
    def returned(self) -> list[int]:
        """Indexes of the messages that must go back to their source, in order."""
        indexes = {
            index
            for name in self.meeting(Fate.RETURNED)
            for index, verdict in self.verdicts[name].items()
            if verdict.fate is Fate.RETURNED and verdict.code != RETRY_QUEUE
        }
        return sorted(indexes)

    def meeting(self, *fates: Fate) -> list[str]:
        """The sinks at which some message met one of these fates."""
        return [name for name, account in self.accounts.items() if any(account.fates[fate] for fate in fates)]

    def joined(self, later: Outcome) -> Outcome:
        """The sums of this ledger and of a later one. Of the messages only what names the returned is kept.

        Args:
            later: made with this one as its ``earlier``.
        """
        both = Outcome([], list(self.accounts), later)
        kept: list[Message] = []
        items = set()
        for part in (self, later):
            both.forged += part.forged
            for call, count in part.unusual_self.items():
                both._count_unusual(call, count)
            both._faults += part._faults  # noqa: SLF001  # of our own kind
            for name, account in part.accounts.items():
                both.accounts[name] += account
            for index in part.returned:
                message = part.messages[index]
                if message.origin.item and message.origin.item in items:
                    continue
                items.add(message.origin.item)
                for name, verdicts in part.verdicts.items():
                    if index in verdicts:
                        both.verdicts[name][len(kept)] = verdicts[index]
                kept.append(message)
        both.messages = kept
        return both
