"""Lane: one sink's work in one invocation: batch → send → retry what was refused, never past the deadline.

Each lane runs in a thread of its own, so that a slow sink holds up no other, and a sink that takes several
calls at once gets a thread for each. A lane that is still in a call when time is up is left behind: what it
had no answer for counts as refused for now, and what it learns later is ignored.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from trailforward.batching import batches
from trailforward.errors import PermanentError, SinkError, TransientError
from trailforward.sinks.base import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trailforward.retry import Backoff
    from trailforward.sinks.base import Rejection, Sink
    from trailforward.workers import Task, Workers


@dataclass(slots=True)
class Parcel(Entry):
    """One message on its way to one sink: the entry that is sent, and what the pipeline knows of it.

    Attributes:
        index: the message's place among the messages of the invocation.
        size: its bytes, as the sink counts them.
        region: where the event happened; empty if unknown.
        attempts: how often it was in a call.
    """

    index: int = 0
    size: int = 0
    region: str = ""
    attempts: int = 0


class Result(NamedTuple):
    """Why a parcel was not delivered.

    Attributes:
        transient: it may be taken later.
        code: of the refusal.
        reason: of the refusal; no payload.
        attempts: calls it was in.
    """

    transient: bool
    code: str = ""
    reason: str = ""
    attempts: int = 0


@dataclass(slots=True)
class _Pass:
    """What is left of sending everything once.

    Attributes:
        queue: batches that nobody has taken up yet.
        resting: set when a whole call failed for now: the destination is down or throttles.
        untried: what was in no call, with why.
        refused: what was refused for now.
        retry_after: seconds that the destination asked for.
    """

    queue: deque[list[Parcel]]
    resting: TransientError | None = None
    untried: list[tuple[Parcel, SinkError]] = field(default_factory=list)
    refused: list[tuple[Parcel, SinkError]] = field(default_factory=list)
    retry_after: float | None = None


class Lane:
    """The parcels for one sink.

    Args:
        name: the sink's name.
        sink: where to send.
        backoff: how often and how long to retry.
        workers: do the work.
        deadline: on ``time.monotonic``; no call begins and no wait ends after it.
        on_error: told of a sink's own faults, by name and place, without payload.

    Attributes:
        delivered: batches that were taken, each with when, in seconds since 1970.
        refused: by index, what was not. Both are whole once :meth:`finish` is back.
        retries: calls that parcels were in again.
    """

    def __init__(
        self,
        name: str,
        sink: Sink,
        backoff: Backoff,
        workers: Workers,
        *,
        deadline: float,
        on_error: Callable[[str, BaseException], None],
    ) -> None:
        self.name = name
        self.delivered: list[tuple[Sequence[Parcel], float]] = []
        self.refused: dict[int, Result] = {}
        self.retries = 0
        self._sink = sink
        self._backoff = backoff
        self._workers = workers
        self._deadline = deadline
        self._on_error = on_error
        self._lock = threading.Lock()
        self._closed = False
        self._task: Task | None = None
        self._parcels: Sequence[Parcel] = ()

    def start(self, parcels: Sequence[Parcel]) -> None:
        """Begins to send, in a thread."""
        self._parcels = parcels
        self._task = self._begin(self._run)

    def finish(self) -> None:
        """Waits until the work is done or time is up; what has no answer by then was refused for now."""
        if self._task is not None:
            self._task.wait(max(0.0, self._deadline - time.monotonic()))
        with self._lock:
            self._closed = True
            told = sum(len(batch) for batch, _ in self.delivered) + len(self.refused)
            if told == len(self._parcels):
                return
            answered = {parcel.index for batch, _ in self.delivered for parcel in batch} | self.refused.keys()
            for parcel in self._parcels:
                if parcel.index not in answered:
                    late = "no answer before the time was up"
                    self.refused[parcel.index] = Result(
                        transient=True, code="deadline", reason=late, attempts=parcel.attempts
                    )

    def _begin(self, work: Callable[[], None]) -> Task:
        return self._workers.run(work, f"lane-{self.name}")

    def _run(self) -> None:
        waiting: Iterable[Parcel] = self._parcels
        attempt = 0
        while True:
            attempt += 1
            refused, retry_after = self._pass(waiting)
            if not refused:
                return
            delay = self._backoff.delay(attempt, retry_after)
            if attempt >= self._backoff.max_attempts or time.monotonic() + delay >= self._deadline:
                for parcel, error in refused:
                    self._settle(parcel, error, transient=True)
                return
            time.sleep(delay)
            with self._lock:
                if self._closed:
                    return
                self.retries += sum(1 for parcel, _ in refused if parcel.attempts)
            waiting = [parcel for parcel, _ in refused]

    def _pass(self, parcels: Iterable[Parcel]) -> tuple[list[tuple[Parcel, SinkError]], float | None]:
        """Sends everything once, and returns what may be sent again, what was not tried first."""
        limits = self._sink.limits
        cut = batches(
            parcels,
            attrgetter("size"),
            most=limits.entries,
            most_bytes=limits.batch_bytes,
            overhead=limits.batch_overhead,
        )
        state = _Pass(deque(cut))
        more = min(limits.calls, len(state.queue)) - 1
        others = [self._begin(lambda: self._work(state)) for _ in range(more)]
        self._work(state)
        for other in others:
            other.wait()
        if state.resting is not None:
            state.untried += [(parcel, state.resting) for batch in state.queue for parcel in batch]
        return state.untried + state.refused, state.retry_after

    def _work(self, state: _Pass) -> None:
        """Sends batch after batch, beside others that do."""
        # Let a destination that is down or throttles rest before the other batches try.
        while state.resting is None:
            try:
                batch = state.queue.popleft()
            except IndexError:
                return
            if time.monotonic() >= self._deadline:
                late = TransientError("deadline", "not sent before the time was up")
                state.untried += [(parcel, late) for parcel in batch]
                continue
            try:
                rejected = self._send(batch)
            except TransientError as error:
                state.refused += [(parcel, error) for parcel in batch]
                state.retry_after = max(filter(None, (state.retry_after, error.retry_after)), default=None)
                state.resting = error
            except PermanentError as error:
                if error.divisible and len(batch) > 1:
                    middle = len(batch) // 2
                    state.queue.extendleft((batch[middle:], batch[:middle]))
                else:
                    for parcel in batch:
                        self._settle(parcel, error, transient=False)
            else:
                self._divide(batch, rejected, state)

    def _divide(self, batch: list[Parcel], rejected: dict[int, Rejection], state: _Pass) -> None:
        """Tells the entries of a call that were taken from those that were not."""
        if not rejected:
            self._deliver(batch)
            return
        self._deliver([parcel for position, parcel in enumerate(batch) if position not in rejected])
        for position, rejection in sorted(rejected.items()):
            parcel, words = batch[position], (rejection.code, rejection.message)
            if rejection.transient:
                state.refused.append((parcel, TransientError(*words)))
            else:
                self._settle(parcel, PermanentError(*words), transient=False)

    def _send(self, batch: Sequence[Parcel]) -> dict[int, Rejection]:
        """One call. Whatever a sink raises that is not in its contract counts as passing, and is told."""
        for parcel in batch:
            parcel.attempts += 1
        try:
            rejected = {rejection.index: rejection for rejection in self._sink.send(batch)}
            stray = [index for index in rejected if index not in range(len(batch))]
        except (TransientError, PermanentError):
            raise
        except SinkError as error:  # of neither kind: nobody said that it is for good
            raise TransientError(error.code, _words(error)) from None
        except Exception as error:  # noqa: BLE001  # a third party's bug must not cost the batch
            self._on_error(self.name, error)
            raise TransientError(type(error).__name__, "the sink itself failed") from None
        if stray:
            raise TransientError(
                "sink_contract", f"the sink refused entries that were not in the batch: {stray[:5]}"
            )
        return rejected

    def _deliver(self, batch: Sequence[Parcel]) -> None:
        with self._lock:
            if batch and not self._closed:
                self.delivered.append((batch, time.time()))

    def _settle(self, parcel: Parcel, error: SinkError, *, transient: bool) -> None:
        with self._lock:
            if not self._closed:
                self.refused[parcel.index] = Result(
                    transient=transient, code=error.code, reason=_words(error), attempts=parcel.attempts
                )


def _words(error: SinkError) -> str:
    """The error's text without its code, which stands beside it."""
    return error.message
