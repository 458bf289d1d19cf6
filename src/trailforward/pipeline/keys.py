"""The keys of a batch, looked up in the state: concurrently, and without waiting for a state that is down."""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from hashlib import sha256
from typing import TYPE_CHECKING

from trailforward.errors import SinkError
from trailforward.outcome import Fate
from trailforward.pipeline.windows import Settled, advance
from trailforward.state import Stored
from trailforward.transport.calls import Calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from trailforward.pipeline.telemetry import Telemetry
    from trailforward.pipeline.threads import Threads
    from trailforward.pipeline.windows import Hit, Rule
    from trailforward.state import State

#: Concurrent calls to the state.
_CALLS = 8
#: Attempts to write a key that others write at the same time.
_ATTEMPTS = 8
#: Seconds in which a state that failed is not asked again.
_PAUSE = 5.0
#: Seconds after the deadline of sending until the fate of an event is certainly known.
_AFTERWARDS = 15.0


class Unit:
    """One key of one route in one batch.

    Args:
        rule: of the route.
        key: identifies it in the state.

    Attributes:
        waiting: events without a decision, in order.
        decided: message index → ``lead``, ``suppressed``, ``below``, ``returned`` with the one that led, or
            ``pass`` because the state is unavailable.
        leading: index of the message whose fate the others wait for; None while there is none.
        prior: number and start of what was held back before the event that leads.
    """

    def __init__(self, rule: Rule, key: str) -> None:
        self.rule = rule
        self.key = key
        self.waiting: tuple[Hit, ...] = ()
        self.decided: dict[int, str] = {}
        self.leading: int | None = None
        self.prior: tuple[int, float] = (0, 0.0)
        self.settled: Settled | None = None
        self._leader = ""
        self._known: Stored | None = None

    def settle(self, fates: Mapping[str, int], *, later: bool) -> None:
        """Notes the fates of the event that led.

        Args:
            fates: by :class:`Fate`, or ``owed`` in the retry queue.
            later: whether what failed may succeed later, for this event and the ones that wait.
        """
        failed = fates[Fate.DEAD_LETTERED] or fates[Fate.RETURNED]
        delivered = not failed and bool(fates[Fate.DELIVERED] or fates["owed"])
        self.settled, self.leading = Settled(self._leader, delivered), None
        if later and fates[Fate.RETURNED]:
            self._decide_waiting("returned")

    def give_up(self) -> int:
        """Lets the waiting events pass; returns how many."""
        count = len(self.waiting)
        self.settled = None
        self._decide_waiting("pass")
        return count

    def _decide_waiting(self, verdict: str) -> None:
        self.decided.update((hit.number, verdict) for hit in self.waiting)
        self.waiting = ()

    def advance(self, state: State, lease: float) -> bool:
        """Decides about waiting events; False if others always were first.

        Raises:
            SinkError: the state is unavailable.
        """
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(random.uniform(0, 0.005 * attempt))  # noqa: S311  # spreads load, guards nothing
            known = self._known or state.read(self.key)
            step = advance(
                self.rule, known.value, self.waiting, now=time.time(), lease=lease, settled=self.settled
            )
            version: str | None = known.version
            if step.value != known.value:
                version = state.write(self.key, step.value, known.version, step.expires)
            if version is None:
                self._known = None
                continue
            self._known = Stored(step.value, version)
            self.decided |= step.decided
            self.waiting, self.settled = step.waiting, None
            if "lead" in step.decided.values():
                self.leading = next(number for number, one in step.decided.items() if one == "lead")
                self._leader = step.value["owner"]
                self.prior = tuple(step.value["prior"])
            return True
        return False


class Units:
    """The keys of the events in a batch.

    Args:
        state: remembers keys.
        threads: run the calls.
        telemetry: learns that the state is unavailable.

    Attributes:
        counts: route and ``suppressed``, ``below_threshold``, or ``state_unavailable`` → events of this wave.
    """

    def __init__(self, state: State, threads: Threads, telemetry: Telemetry) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._state = state
        self._threads = threads
        self._telemetry = telemetry
        self._units: dict[tuple[str, str], Unit] = {}
        self._deadline = 0.0
        self._paused_until = 0.0

    def begin(self, deadline: float) -> None:
        """Forgets the events of the last wave. ``deadline`` is on ``time.monotonic``."""
        self._units = {}
        self.counts = Counter()
        self._deadline = deadline

    def of(self, rule: Rule, values: str) -> Unit:
        """The unit of a key.

        Args:
            rule: of the route.
            values: text that stands for the values of the key; of any length.
        """
        unit = self._units.get((rule.route, values))
        if unit is None:
            digest = sha256(values.encode("utf-8", "surrogatepass")).hexdigest()[:40]
            unit = self._units[rule.route, values] = Unit(rule, f"{rule.route}#{digest}")
        return unit

    def advance(self, *, give_up: bool = False) -> None:
        """Decides about the waiting events of every key, up to one that leads."""
        units = [unit for unit in self._units.values() if unit.leading is None and unit.waiting]
        if not give_up:
            self._each(units, self._advance)
        for unit in units:
            if unit.waiting and unit.leading is None:
                self.counts[unit.rule.route, "state_unavailable"] += unit.give_up()

    def finish(self, released: Iterable[tuple[Unit, Settled]]) -> None:
        """Writes the fates that are left, and closes windows whose event cannot be delivered."""
        for unit, settled in released:
            unit.settled = unit.settled or settled
        self._each([unit for unit in self._units.values() if unit.settled is not None], self._advance)

    def close(self) -> None:
        """Closes the state."""
        self._state.close()

    def _advance(self, unit: Unit) -> None:
        now = time.monotonic()
        if now >= self._deadline or now < self._paused_until:
            return
        try:
            done = unit.advance(self._state, self._deadline - now + _AFTERWARDS)
            problem = None if done else ("contention", "others wrote the key at the same time")
        except SinkError as error:
            problem = error.code, error.message
        except Exception as error:  # noqa: BLE001  # a bug must not cost the batch
            self._telemetry.fault("state", error)
            problem = type(error).__name__, "the state itself failed"
        if problem is not None:
            if problem[0] != "contention":
                self._paused_until = time.monotonic() + _PAUSE
            text = "no state for once and threshold, so alerts go out unsuppressed"
            self._telemetry.error(text, code=problem[0], reason=problem[1])

    def _each(self, units: list[Unit], work: Callable[[Unit], None]) -> None:
        """Works on all units, several at a time; those that are not done by the deadline are left."""
        queue = deque(units)

        def run() -> None:
            while True:
                try:
                    unit = queue.popleft()
                except IndexError:
                    return
                work(unit)

        calls = Calls(self._deadline)
        tasks = [
            self._threads.run(lambda: calls.run(run), "state") for _ in range(min(_CALLS, len(units)) - 1)
        ]
        calls.run(run)
        for task in tasks:
            if not task.wait(max(0.0, self._deadline - time.monotonic())):
                calls.abandon()
                task.wait(0.05)
