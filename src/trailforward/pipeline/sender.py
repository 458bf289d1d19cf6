"""The sender: batches, sends, and retries one sink's entries in one invocation, until the deadline.

Each sender has its own thread, so that a slow sink delays no other. A sink that allows several concurrent
calls gets a thread for each. A call that is still running at the deadline is abandoned: its entries count as
transient failures, its late response is ignored, and its connection is closed, which ends its thread.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from trailforward.errors import Cause, PermanentError, SinkError, TransientError
from trailforward.pipeline.batching import batches
from trailforward.sinks.base import Entry
from trailforward.transport.calls import Calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trailforward.pipeline.backoff import Backoff
    from trailforward.pipeline.threads import Task, Threads
    from trailforward.sinks.base import Rejection, Sink


#: Seconds to wait for the threads of abandoned calls, which usually end within a millisecond. Without the
#: wait, the next invocation would start other threads in the meantime.
_ENDING_SECONDS = 0.05


@dataclass(slots=True)
class PendingEntry(Entry):
    """An entry on its way to one sink, with what the pipeline knows about it.

    Attributes:
        index: the message's index in the batch of the invocation.
        size: bytes, as the sink counts them.
        region: where the event happened; empty if unknown.
        attempts: calls that the entry was in.
    """

    index: int = 0
    size: int = 0
    region: str = ""
    attempts: int = 0


class Failure(NamedTuple):
    """Why a message was not delivered to a sink.

    Attributes:
        transient: whether the same entry may be accepted later.
        code: the error code.
        reason: a sentence for people; never contains payload.
        attempts: calls that the entry was in.
        throttled: whether the destination refused it because of the rate.
    """

    transient: bool
    code: str = ""
    reason: str = ""
    attempts: int = 0
    throttled: bool = False


#: Entries that a sink may refuse alone before the first acceptance; then it is not called any more.
_MOST_ALONE = 3


class SinkState:
    """What one sink did in one invocation so far. Its senders and their threads share it.

    Attributes:
        accepted: whether it accepted an entry.
        alone: entries that it refused alone.
        refusal: why it is not called any more in this invocation; None while it is.
        reported: whether the refusal was reported.
    """

    __slots__ = ("accepted", "alone", "refusal", "reported")

    def __init__(self) -> None:
        self.accepted = False
        self.alone = 0
        self.refusal: PermanentError | None = None
        self.reported = False

    def refused_alone(self, error: PermanentError) -> None:
        """Counts an entry that was refused alone, and pauses the sink if it seems to refuse everything."""
        self.alone += 1
        if self.alone >= _MOST_ALONE and not self.accepted:
            self.refusal = error


class _Pass:
    """The state of one pass over the entries, shared by its threads.

    It is not a dataclass, because compiling one takes a measurable part of a cold start.

    Attributes:
        queue: batches that no thread has taken yet.
        paused: set when a whole call failed and may succeed later: the destination is down or throttles.
        untried: entries that were in no call, with the reason.
        refused: entries that were refused and may be accepted later.
        retry_after: seconds that the destination asked to wait.
    """

    __slots__ = ("paused", "queue", "refused", "retry_after", "untried")

    def __init__(self, queue: deque[list[PendingEntry]]) -> None:
        self.queue = queue
        self.paused: TransientError | None = None
        self.untried: list[tuple[PendingEntry, SinkError]] = []
        self.refused: list[tuple[PendingEntry, SinkError]] = []
        self.retry_after: float | None = None


class Sender:
    """Sends the entries for one sink.

    Args:
        name: the sink's name.
        sink: the destination.
        backoff: how often and how long to retry.
        threads: run the calls.
        deadline: on ``time.monotonic``; no call starts and no wait ends after it.
        on_error: called with the sink's name and the exception when the sink has a bug.
        state: of the sink in this invocation; a new one by default.

    Attributes:
        delivered: accepted batches, each with its time in seconds since 1970. Complete after :meth:`finish`.
        failed: by message index, why an entry was not delivered. Complete after :meth:`finish`.
        retries: entries that were sent again.
    """

    def __init__(  # noqa: PLR0913  # each is a collaborator
        self,
        name: str,
        sink: Sink,
        backoff: Backoff,
        threads: Threads,
        *,
        deadline: float,
        on_error: Callable[[str, BaseException], None],
        state: SinkState | None = None,
    ) -> None:
        self.name = name
        self.delivered: list[tuple[Sequence[PendingEntry], float]] = []
        self.failed: dict[int, Failure] = {}
        self.retries = 0
        self._sink = sink
        self._backoff = backoff
        self._threads = threads
        self._deadline = deadline
        self._on_error = on_error
        self._state = state or SinkState()
        #: Refused alone, with a code that does not say whose fault it is: :meth:`finish` decides.
        self._suspects: list[tuple[PendingEntry, SinkError]] = []
        self._lock = threading.Lock()
        self._closed = False
        self._calls = Calls(deadline)
        self._task: Task | None = None
        self._entries: Sequence[PendingEntry] = ()

    def start(self, entries: Sequence[PendingEntry]) -> None:
        """Starts sending, in a thread."""
        self._entries = entries
        self._task = self._begin(self._run)

    def finish(self) -> None:
        """Waits until everything is sent, or until the deadline; the rest counts as transient failures."""
        ended = self._task is None or self._task.wait(max(0.0, self._deadline - time.monotonic()))
        self._close()
        if not ended and self._task is not None:
            self._calls.abandon()
            self._task.wait(_ENDING_SECONDS)

    def _close(self) -> None:
        """Ignores later responses; entries without a response count as transient failures."""
        with self._lock:
            self._closed = True
            for entry, error in self._suspects:
                transient = not self._state.accepted
                self.failed[entry.index] = _failure(entry, error, transient=transient)
            known = sum(len(batch) for batch, _ in self.delivered) + len(self.failed)
            if known == len(self._entries):
                return
            done = {entry.index for batch, _ in self.delivered for entry in batch} | self.failed.keys()
            for entry in self._entries:
                if entry.index not in done:
                    self.failed[entry.index] = Failure(
                        transient=True,
                        code="deadline",
                        reason="no response before the deadline",
                        attempts=entry.attempts,
                    )

    def _begin(self, work: Callable[[], None]) -> Task:
        return self._threads.run(lambda: self._calls.run(work), f"sender-{self.name}")

    def _run(self) -> None:
        waiting: Iterable[PendingEntry] = self._entries
        attempt = 0
        while True:
            attempt += 1
            refused, retry_after = self._pass(waiting)
            if not refused:
                return
            delay = self._backoff.delay(attempt, retry_after)
            if attempt >= self._backoff.max_attempts or time.monotonic() + delay >= self._deadline:
                for entry, error in refused:
                    self._fail(entry, error, transient=True)
                return
            time.sleep(delay)
            with self._lock:
                if self._closed:
                    return
                self.retries += sum(1 for entry, _ in refused if entry.attempts)
            waiting = [entry for entry, _ in refused]

    def _pass(
        self, entries: Iterable[PendingEntry]
    ) -> tuple[list[tuple[PendingEntry, SinkError]], float | None]:
        """Sends everything once, and returns what may be sent again, starting with what was not tried."""
        limits = self._sink.limits
        cut = batches(
            entries,
            attrgetter("size"),
            most=limits.max_entries,
            most_bytes=limits.max_batch_bytes,
            overhead=limits.batch_overhead,
        )
        state = _Pass(deque(cut))
        more = min(limits.max_concurrency, len(state.queue)) - 1
        others = [self._begin(lambda: self._work(state)) for _ in range(more)]
        self._work(state)
        for other in others:
            other.wait()
        if state.paused is not None:
            state.untried += [(entry, state.paused) for batch in state.queue for entry in batch]
        if (refusal := self._state.refusal) is not None:
            for entry, error in (*state.untried, *state.refused):
                self._fail(entry, error, transient=True)
            for batch in state.queue if state.paused is None else ():
                for entry in batch:
                    self._fail(entry, refusal, transient=True)
            return [], None
        return state.untried + state.refused, state.retry_after

    def _work(self, state: _Pass) -> None:
        """Sends one batch after the other; several threads may do so at once."""
        # A destination that is down or throttles gets a pause before the other batches are tried.
        while state.paused is None and self._state.refusal is None:
            try:
                batch = state.queue.popleft()
            except IndexError:
                return
            if time.monotonic() >= self._deadline:
                late = TransientError("deadline", "not sent before the deadline")
                state.untried += [(entry, late) for entry in batch]
                continue
            try:
                rejected = self._send(batch)
            except TransientError as error:
                state.refused += [(entry, error) for entry in batch]
                state.retry_after = max(filter(None, (state.retry_after, error.retry_after)), default=None)
                state.paused = error
            except PermanentError as error:
                if error.divisible and len(batch) > 1:
                    middle = len(batch) // 2
                    state.queue.extendleft((batch[middle:], batch[:middle]))
                elif error.cause is Cause.DESTINATION:
                    with self._lock:
                        self._state.refusal = error
                    for entry in batch:
                        self._fail(entry, error, transient=True)
                else:
                    self._blame(batch[0], error, error.cause)
                    with self._lock:
                        self._state.refused_alone(error)
            else:
                self._sort(batch, rejected, state)

    def _sort(self, batch: list[PendingEntry], rejected: dict[int, Rejection], state: _Pass) -> None:
        """Separates the accepted entries of a call from the refused ones."""
        if not rejected:
            self._deliver(batch)
            return
        self._deliver([entry for position, entry in enumerate(batch) if position not in rejected])
        for position, rejection in sorted(rejected.items()):
            entry, error = batch[position], (rejection.code, rejection.message)
            if rejection.transient:
                throttled = rejection.cause is Cause.THROTTLING
                state.refused.append((entry, TransientError(*error, throttled=throttled)))
                continue
            reason = PermanentError(*error)
            if rejection.cause is not Cause.CONTENT:
                with self._lock:
                    self._state.refused_alone(reason)
            if rejection.cause is Cause.DESTINATION:
                self._fail(entry, reason, transient=True)
            else:
                self._blame(entry, reason, rejection.cause)

    def _send(self, batch: Sequence[PendingEntry]) -> dict[int, Rejection]:
        """One call. An exception that is not in the sink's contract counts as transient, and is logged."""
        for entry in batch:
            entry.attempts += 1
        try:
            rejected = {rejection.index: rejection for rejection in self._sink.send(batch)}
            stray = [index for index in rejected if index not in range(len(batch))]
        except (TransientError, PermanentError):
            raise
        except SinkError as error:  # neither transient nor permanent, so it may be transient
            raise TransientError(error.code, error.message) from None
        except Exception as error:  # noqa: BLE001  # a third-party bug must not cost the batch
            self._on_error(self.name, error)
            raise TransientError(type(error).__name__, "the sink itself failed") from None
        if stray:
            raise TransientError(
                "sink_contract", f"the sink refused entries that were not in the batch: {stray[:5]}"
            )
        return rejected

    def _deliver(self, batch: Sequence[PendingEntry]) -> None:
        with self._lock:
            if batch and not self._closed:
                self.delivered.append((batch, time.time()))
                self._state.accepted = True

    def _blame(self, entry: PendingEntry, error: SinkError, cause: Cause) -> None:
        """An entry was refused alone: it is at fault, or :meth:`finish` finds out whether it is."""
        if cause is Cause.CONTENT:
            self._fail(entry, error, transient=False)
            return
        with self._lock:
            if not self._closed:
                self._suspects.append((entry, error))

    def _fail(self, entry: PendingEntry, error: SinkError, *, transient: bool) -> None:
        with self._lock:
            if not self._closed:
                self.failed[entry.index] = _failure(entry, error, transient=transient)


def _failure(entry: PendingEntry, error: SinkError, *, transient: bool) -> Failure:
    return Failure(transient, error.code, error.message, entry.attempts, error.throttled)
