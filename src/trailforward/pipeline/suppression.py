"""Intake for configurations with ``once`` or ``threshold``. Other configurations do not import this module.

An event of such a route is decided in two steps. First its key is looked up in the state; then it is sent, or
filtered. The other events of the key wait for its fate: if it is delivered, they count as repetitions; if it
never can be, the next one takes its place; if it comes back later, they come back with it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.outcome import Fate, Verdict
from trailforward.pipeline.detecting import NO_PLAN, Delivery, MeteredIntake
from trailforward.pipeline.intake import Decisions
from trailforward.pipeline.keys import Units
from trailforward.pipeline.repeats import epoch, key_of, note
from trailforward.pipeline.sender import Failure
from trailforward.pipeline.suppressing_router import Held, SuppressingRouter
from trailforward.pipeline.windows import Hit, Settled, short_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from trailforward.config import Config
    from trailforward.message import Message
    from trailforward.outcome import Outcome
    from trailforward.pipeline.keys import Unit
    from trailforward.pipeline.routing import Route
    from trailforward.pipeline.telemetry import Telemetry
    from trailforward.pipeline.threads import Threads
    from trailforward.state import State

#: Rounds of a batch; events that are undecided then go out.
_MOST_ROUNDS = 50

_SUPPRESSED = Verdict(Fate.FILTERED, "suppressed", "the route sent an event with the same key before")
_BELOW = Verdict(Fate.FILTERED, "below_threshold", "too few events with the same key so far")
_WITH_FIRST = Failure(
    transient=True,
    code="first_not_delivered",
    reason="the first event with the same key was not delivered, so this one comes back with it",
)


def suppressing(  # each is a collaborator
    config: Config,
    routes: Sequence[Route],
    minimums: Mapping[str, str],
    state: State | None,
    threads: Threads,
    telemetry: Telemetry,
) -> tuple[Callable[..., SuppressingIntake], SuppressingRouter]:
    """The intake and the router of a configuration with ``once`` or ``threshold``."""
    if state is None:
        if config.pipeline.state is not None:
            from trailforward.state import table_state

            state = table_state(config.pipeline.state, direct=config.pipeline.aws_client == "direct")
        else:
            from trailforward.state.memory import MemoryState

            state = MemoryState()
    units = Units(state, threads, telemetry)
    metered = config.pipeline.route_metrics

    def make(*collaborators: Any, **more: Any) -> SuppressingIntake:
        return SuppressingIntake(*collaborators, units=units, metered=metered, **more)

    return make, SuppressingRouter(routes, minimums)


class _Pending(NamedTuple):
    """An event that waits for its decision.

    Attributes:
        number: index of the message.
        message: the event.
        owed: the sinks that need it.
        units: route → its key.
        sinks: route → the sinks that get the event because of it.
    """

    number: int
    message: Message
    owed: Sequence[str]
    units: dict[str, Unit]
    sinks: dict[str, list[str]]

    @property
    def decided(self) -> bool:
        """Whether all of its keys are."""
        return all(self.number in unit.decided for unit in self.units.values())


class SuppressingIntake(MeteredIntake):
    """An intake that holds back repeated events.

    Args:
        *collaborators: as for :class:`Intake`.
        units: looks up keys.
        metered: whether all routes have metrics.
        **more: as for :class:`Intake`.
    """

    _router: SuppressingRouter

    def __init__(self, *collaborators: Any, units: Units, metered: bool, **more: Any) -> None:
        super().__init__(*collaborators, **more)
        self._units = units
        self._metered = metered
        self._pending: list[_Pending] = []
        self._redelivered: list[_Pending] = []

    def close(self) -> None:
        """Closes the state."""
        self._units.close()

    def rounds(
        self, outcome: Outcome, wave: Sequence[int], blocked: set[str], deadline: float
    ) -> Iterator[Decisions]:
        """Decides about the messages of a wave; see :meth:`Intake.rounds`."""
        self._pending, self._redelivered = [], []
        self._router.asking, self._router.silenced, self._router.notes = True, {}, {}
        self._units.begin(deadline)
        decisions = self.decide(outcome.messages, wave, blocked)
        waiting = self._pending
        for number in range(_MOST_ROUNDS):
            ready: list[_Pending] = []
            if waiting:
                self._units.advance(give_up=number == _MOST_ROUNDS - 1)
                ready = [one for one in waiting if one.decided]
                waiting = [one for one in waiting if not one.decided]
                for one in ready:
                    self._send_or_filter(one, decisions)
                self._router.asking = True
            if not self._metered:
                decisions.plans = []
            yield decisions
            _settle(outcome, decisions, ready)
            if not waiting:
                break
            decisions = Decisions({name: [] for name in self._builders})
        self._units.finish(self._released(outcome))
        for (route, name), count in self._units.counts.items():
            outcome.routes[route, name] += count

    def _route(self, message: Message, index: int, owed: Sequence[str], decisions: Decisions) -> None:
        router = self._router
        router.begin(asking=message.origin.owed is None)
        try:
            super()._route(message, index, owed, decisions)
        except Held:
            self._pending.append(self._looked_up(message, index, owed, enter=True))
            router.latest = NO_PLAN  # it is not decided yet
        else:
            if router.rules:
                self._redelivered.append(self._looked_up(message, index, owed, enter=False))

    def _looked_up(self, message: Message, index: int, owed: Sequence[str], *, enter: bool) -> _Pending:
        """The keys of an event, which enters them if it may be held back."""
        event, about = message.event, message.about
        pending = _Pending(index, message, owed, {}, {})
        plan = self._router.latest
        for rule in self._router.rules:
            if (key := key_of(rule, event)) is None:
                continue
            unit = self._units.of(rule, key)
            pending.units[rule.route] = unit
            pending.sinks[rule.route] = [
                sink
                for sink, made in plan.sinks.items()
                if sink in owed and type(made) is Delivery and rule.route in made.routes
            ]
            if enter:
                unit.waiting += (Hit(index, short_hash(about.key), epoch(about.time)),)
        return pending

    def _send_or_filter(self, one: _Pending, decisions: Decisions) -> None:
        """Decides about an event whose keys are known."""
        router = self._router
        silenced: dict[str, Verdict | Failure] = {}
        notes: dict[str, tuple[str, int]] = {}
        for route, unit in one.units.items():
            verdict = unit.decided[one.number]
            if verdict == "lead":
                if text := note(unit):
                    notes[route] = text, unit.prior[0]
            elif verdict == "returned":
                silenced[route] = _WITH_FIRST
            elif verdict != "pass":
                silenced[route] = _SUPPRESSED if verdict == "suppressed" else _BELOW
                self._units.counts[route, silenced[route].code] += 1
        router.asking, router.silenced, router.notes = False, silenced, notes
        try:
            super()._route(one.message, one.number, one.owed, decisions)
            decisions.plans.append((one.number, router.latest))
        except Exception as error:  # noqa: BLE001  # one odd event must not cost the batch
            self._on_error("routing", error)
            failure = Failure(
                transient=False, code=type(error).__name__, reason="the event could not be routed"
            )
            known = {name for name, index, _ in decisions.verdicts if index == one.number}
            known |= {
                name for name, found in decisions.entries.items() if any(e.index == one.number for e in found)
            }
            decisions.failures[one.number] |= {name: failure for name in one.owed if name not in known}
        one.message.release()
        router.silenced, router.notes = {}, {}

    def _released(self, outcome: Outcome) -> list[tuple[Unit, Settled]]:
        """Windows whose event was redelivered, and cannot be delivered."""
        return [
            (unit, Settled(short_hash(one.message.key), delivered=False))
            for one in self._redelivered
            for route, unit in one.units.items()
            if Fate.DEAD_LETTERED in _fates(outcome, one, route)
        ]


def _settle(outcome: Outcome, decisions: Decisions, sent: Iterable[_Pending]) -> None:
    """Notes the fates of the events that opened windows."""
    for one in sent:
        for route, unit in one.units.items():
            if unit.leading == one.number:
                failures = decisions.failures.get(one.number, {})
                later = any(sink in failures and failures[sink].transient for sink in one.sinks[route])
                unit.settle(_fates(outcome, one, route), later=later)


def _fates(outcome: Outcome, one: _Pending, route: str) -> Counter[str]:
    """The fates of an event at the sinks of a route; ``owed`` if it is in the retry queue."""
    found: Counter[str] = Counter()
    for sink in one.sinks[route]:
        verdict = outcome.verdicts[sink].get(one.number)
        if verdict is not None:
            found["owed" if verdict.in_retry_queue else verdict.fate] += 1
    return found
