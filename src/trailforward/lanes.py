"""Lane: one sink's work in one invocation: batch → send → retry what was refused, never past the deadline.

Each lane runs in a thread of its own, so that a slow sink holds up no other. A lane that is still in a call
when time is up is left behind: what it had no answer for counts as refused for now, and what it learns
later is ignored.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trailforward.batching import batches
from trailforward.errors import PermanentError, SinkError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trailforward.retry import Backoff
    from trailforward.sinks.base import Entry, Rejection, Sink


@dataclass(slots=True)
class Parcel:
    """One message on its way to one sink.

    Attributes:
        index: the message's place among the messages of the invocation.
        entry: what is sent.
        size: its bytes, as the sink counts them.
        attempts: how often it was in a call.
    """

    index: int
    entry: Entry
    size: int
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What a lane can say of a parcel.

    Attributes:
        delivered: the destination took it.
        transient: it was refused, but may be taken later.
        code: of the refusal.
        reason: of the refusal; no payload.
        attempts: calls it was in.
        at: when it was delivered, seconds since the epoch.
    """

    delivered: bool
    transient: bool = False
    code: str = ""
    reason: str = ""
    attempts: int = 0
    at: float = 0.0


class Lane:
    """The parcels for one sink.

    Args:
        name: the sink's name.
        sink: where to send.
        backoff: how often and how long to retry.
        deadline: on ``time.monotonic``; no call begins and no wait ends after it.
        on_error: told of a sink's own faults, by name and place, without payload.
    """

    def __init__(
        self,
        name: str,
        sink: Sink,
        backoff: Backoff,
        *,
        deadline: float,
        on_error: Callable[[str, BaseException], None],
    ) -> None:
        self.name = name
        self.retries = 0
        self.bytes = 0
        self._sink = sink
        self._backoff = backoff
        self._deadline = deadline
        self._on_error = on_error
        self._results: dict[int, Result] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._parcels: list[Parcel] = []

    def start(self, parcels: list[Parcel]) -> None:
        """Begins to send, in a thread."""
        self._parcels = parcels
        # A daemon, because a call that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=f"lane-{self.name}", daemon=True)
        self._thread.start()

    def finish(self) -> dict[int, Result]:
        """Waits until the work is done or time is up, and says what became of every parcel."""
        if self._thread is not None:
            self._thread.join(max(0.0, self._deadline - time.monotonic()))
        with self._lock:
            self._closed = True
            for parcel in self._parcels:
                if parcel.index not in self._results:
                    reason = "no answer before the time was up"
                    self._results[parcel.index] = Result(
                        delivered=False,
                        transient=True,
                        code="deadline",
                        reason=reason,
                        attempts=parcel.attempts,
                    )
            return self._results

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
        queue = deque(
            batches(
                parcels,
                lambda parcel: parcel.size,
                most=limits.entries,
                most_bytes=limits.batch_bytes,
                overhead=limits.batch_overhead,
            )
        )
        untried: list[tuple[Parcel, SinkError]] = []
        refused: list[tuple[Parcel, SinkError]] = []
        retry_after: float | None = None
        while queue:
            batch = queue.popleft()
            if time.monotonic() >= self._deadline:
                late = TransientError("deadline", "not sent before the time was up")
                untried += [(parcel, late) for parcel in batch]
                continue
            try:
                rejected = self._send(batch)
            except TransientError as error:
                refused += [(parcel, error) for parcel in batch]
                retry_after = error.retry_after
                # The destination is down or throttles: let it rest before the other batches try.
                untried += [(parcel, error) for rest in queue for parcel in rest]
                break
            except PermanentError as error:
                if error.divisible and len(batch) > 1:
                    middle = len(batch) // 2
                    queue.extendleft((batch[middle:], batch[:middle]))
                else:
                    for parcel in batch:
                        self._settle(parcel, error, transient=False)
                continue
            self._deliver([parcel for position, parcel in enumerate(batch) if position not in rejected])
            for position, rejection in sorted(rejected.items()):
                parcel, words = batch[position], (rejection.code, rejection.message)
                if rejection.transient:
                    refused.append((parcel, TransientError(*words)))
                else:
                    self._settle(parcel, PermanentError(*words), transient=False)
        return untried + refused, retry_after

    def _send(self, batch: Sequence[Parcel]) -> dict[int, Rejection]:
        """One call. Whatever a sink raises that is not in its contract counts as passing, and is told."""
        for parcel in batch:
            parcel.attempts += 1
        try:
            rejected = {rejection.index: rejection for rejection in self._sink.send([p.entry for p in batch])}
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

    def _deliver(self, parcels: Sequence[Parcel]) -> None:
        now = time.time()
        with self._lock:
            if self._closed:
                return
            for parcel in parcels:
                self.bytes += len(parcel.entry.data)
                self._results[parcel.index] = Result(delivered=True, attempts=parcel.attempts, at=now)

    def _settle(self, parcel: Parcel, error: SinkError, *, transient: bool) -> None:
        with self._lock:
            if not self._closed:
                self._results[parcel.index] = Result(
                    delivered=False,
                    transient=transient,
                    code=error.code,
                    reason=_words(error),
                    attempts=parcel.attempts,
                )


def _words(error: SinkError) -> str:
    """The error's text without its code, which stands beside it."""
    return str(error).removeprefix(error.code).removeprefix(": ")
