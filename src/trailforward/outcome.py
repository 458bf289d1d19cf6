"""The ledger of fates: every message ends in exactly one fate per sink, and the sums must agree.

``received == delivered + filtered + dead_lettered + returned``, per sink. ``received`` is counted when
messages come in, the fates when they are recorded, so the two sides can disagree if the pipeline is wrong.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trailforward.message import Message
    from trailforward.pipeline.canary import Sighting


class Fate(StrEnum):
    """What happened to one message at one sink."""

    DELIVERED = "delivered"
    FILTERED = "filtered"
    DEAD_LETTERED = "dead_lettered"
    RETURNED = "returned"


class Verdict(NamedTuple):
    """A fate with its reason.

    Attributes:
        fate: one of the four.
        code: the destination's error code, ``self``, ``no_route``, ``deadline`` …; empty if delivered.
        reason: a sentence for people; never contains payload.
        attempts: calls that the message was in during this invocation.
        in_retry_queue: whether a returned message is in the retry queue, so that the source must not
            deliver it again.
        throttled: whether a returned message was refused because of the rate.
    """

    fate: Fate
    code: str = ""
    reason: str = ""
    attempts: int = 0
    in_retry_queue: bool = False
    throttled: bool = False


class LedgerBreak(NamedTuple):
    """Proof that the pipeline made a mistake.

    Attributes:
        sink: whose ledger is broken.
        text: what is wrong; never contains payload.
    """

    sink: str
    text: str

    def __str__(self) -> str:
        return f"{self.sink}: {self.text}"


#: Distinct names that :attr:`Outcome.unusual_self` keeps; events choose the names.
_MOST_NAMES = 20

_DELIVERED = Verdict(Fate.DELIVERED, attempts=1)


# Neither of these is a dataclass, because compiling one takes a measurable part of a cold start.
class Totals(NamedTuple):
    """One sink's sums in the ledger."""

    received: int = 0
    delivered: int = 0
    filtered: int = 0
    dead_lettered: int = 0
    returned: int = 0

    @property
    def balanced(self) -> bool:
        """Whether ``received`` equals the sum of the fates."""
        return self.received == self.delivered + self.filtered + self.dead_lettered + self.returned

    def __add__(self, other: Totals) -> Totals:  # type: ignore[override]  # sums, not a longer tuple
        return Totals(
            self.received + other.received,
            self.delivered + other.delivered,
            self.filtered + other.filtered,
            self.dead_lettered + other.dead_lettered,
            self.returned + other.returned,
        )


class Account:
    """One sink's counts in one invocation.

    Attributes:
        received: messages for this sink.
        fates: how many met each fate.
        retries: entries that were sent again.
        bytes: of the delivered entries.
    """

    __slots__ = ("bytes", "fates", "received", "retries")

    def __init__(
        self, received: int = 0, fates: Counter[Fate] | None = None, retries: int = 0, size: int = 0
    ) -> None:
        self.received = received
        self.fates = Counter() if fates is None else fates
        self.retries = retries
        self.bytes = size

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
        messages: what came in, in order. The other methods name a message by its index here.
        sinks: names of all sinks. A message whose origin names the sinks it is owed to counts for those only.
        earlier: the ledger of the messages before these, if a payload is processed in several batches.

    Attributes:
        messages: what came in, in order.
        accounts: counts by sink.
        verdicts: by sink and message index.
        latencies: (Region, milliseconds from the event's time to its delivery), one per delivery.
        mismatches: events whose envelope contradicts their record, by the field that differs.
        unusual_self: calls of the function's role that the pipeline never makes, by ``SERVICE:EVENT``.
        canaries: the canaries that arrived: account, Region, time of the call, and latency.
        routes: (route, ``matched``, ``alerted``, or ``dropped``) → events, if routes have metrics.
        receipts_failed: events whose receipt could not be written.
        begun: units of which something was delivered.
        leaving: units that go back to the source.
    """

    def __init__(
        self, messages: Sequence[Message], sinks: Sequence[str], earlier: Outcome | None = None
    ) -> None:
        self.begun: set[str] = set() if earlier is None else set(earlier.begun)
        self.leaving: set[str] = set() if earlier is None else set(earlier.leaving)
        self.messages = messages
        self.mismatches: Counter[str] = Counter()
        self.unusual_self: Counter[str] = Counter()
        self.routes: Counter[tuple[str, str]] = Counter()
        self.accounts = {name: Account() for name in sinks}
        self.verdicts: dict[str, dict[int, Verdict]] = {name: {} for name in sinks}
        self.latencies: list[tuple[str, float]] = []
        self.canaries: list[Sighting] = []
        self.receipts_failed = 0
        self._breaks: list[LedgerBreak] = []
        addressed = [message for message in messages if message.origin.owed is not None]
        for account in self.accounts.values():
            account.received = len(messages) - len(addressed)
        for message in addressed:
            for name in owed_sinks(message, self.accounts):
                self.accounts[name].received += 1

    def record(self, sink: str, index: int, verdict: Verdict) -> None:
        """Records the fate of message ``index`` at ``sink``. A second fate breaks the ledger."""
        if index in self.verdicts[sink]:
            first = self.verdicts[sink][index].fate
            self._breaks.append(LedgerBreak(sink, f"message {index} met {verdict.fate} after {first}"))
            return
        self.verdicts[sink][index] = verdict
        self.accounts[sink].fates[verdict.fate] += 1
        unit = self.messages[index].origin.unit
        if unit is not None:
            if verdict.fate is Fate.DELIVERED:
                self.begun.add(unit)
            elif verdict.fate is Fate.RETURNED and not verdict.in_retry_queue:
                self.leaving.add(unit)

    def deliver(self, sink: str, indexes: Sequence[int], attempts: int = 1) -> None:
        """Records the delivery of several messages at ``sink``, each after so many attempts."""
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

    def count_unusual_self(self, call: str, count: int = 1) -> None:
        """Adds a call of the function's role that the pipeline never makes.

        Args:
            call: ``SERVICE:EVENT``. Beyond the first 20 names it counts as ``?``.
            count: how many times.
        """
        known = call in self.unusual_self or len(self.unusual_self) < _MOST_NAMES
        self.unusual_self[call if known else "?"] += count

    def return_forgotten(self) -> None:
        """Returns every message without a fate to its source, and notes that the ledger was broken."""
        for name, account in self.accounts.items():
            if account.received == sum(account.fates.values()):
                continue
            for index, message in enumerate(self.messages):
                if index not in self.verdicts[name] and name in owed_sinks(message, self.accounts):
                    self._breaks.append(LedgerBreak(name, f"message {index} met no fate"))
                    reason = "the pipeline lost track of it"
                    self.record(name, index, Verdict(Fate.RETURNED, "forgotten", reason))

    def totals(self, sink: str) -> Totals:
        """One sink's sums."""
        account = self.accounts[sink]
        return Totals(
            account.received,
            account.fates[Fate.DELIVERED],
            account.fates[Fate.FILTERED],
            account.fates[Fate.DEAD_LETTERED],
            account.fates[Fate.RETURNED],
        )

    @property
    def breaks(self) -> list[LedgerBreak]:
        """What is wrong with the ledger; empty if the sums agree."""
        found = list(self._breaks)
        for name, account in self.accounts.items():
            if account.received != sum(account.fates.values()):
                totals = self.totals(name)
                text = f"received {totals.received} is not the sum of its fates: {totals}"
                found.append(LedgerBreak(name, text))
        return found

    @property
    def returned(self) -> list[int]:
        """Indexes of the messages that the source must deliver again, in order."""
        indexes = {
            index
            for name in self.meeting(Fate.RETURNED)
            for index, verdict in self.verdicts[name].items()
            if verdict.fate is Fate.RETURNED and not verdict.in_retry_queue
        }
        return sorted(indexes)

    def meeting(self, *fates: Fate) -> list[str]:
        """Names of the sinks where at least one message met one of these fates."""
        return [name for name, account in self.accounts.items() if any(account.fates[fate] for fate in fates)]

    def joined(self, later: Outcome) -> Outcome:
        """The sums of this ledger and a later one. Of the messages, only the returned ones are kept.

        Args:
            later: made with this one as its ``earlier``.
        """
        both = Outcome([], list(self.accounts), later)
        kept: list[Message] = []
        items = set()
        for part in (self, later):
            both.mismatches += part.mismatches
            both.routes += part.routes
            both.receipts_failed += part.receipts_failed
            for call, count in part.unusual_self.items():
                both.count_unusual_self(call, count)
            both._breaks += part._breaks  # noqa: SLF001  # same class
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


def owed_sinks(message: Message, sinks: Iterable[str]) -> list[str]:
    """The sinks that a message is for: those that its origin names, otherwise all.

    A sink that no longer exists does not count; if none of the named ones exists, the message is for all.

    Args:
        message: any message.
        sinks: names of all sinks, in order.
    """
    owed = message.origin.owed
    names = list(sinks)
    return names if owed is None else [name for name in names if name in owed] or names
