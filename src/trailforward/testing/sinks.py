"""Sinks for tests: MemorySink keeps what it receives, FlakySink fails as scripted.

::

    siem = FlakySink([TransientError("http_503"), refuse(0), lost_response()])
    forwarder = Forwarder(config, made={"siem": siem})
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trailforward.errors import Cause, PermanentError, TransientError
from trailforward.sinks.base import Entry, Limits, Rejection, Sink

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Roughly the limits of Kinesis.
LIMITS = Limits(max_entries=500, max_entry_bytes=1 << 20, max_batch_bytes=5 << 20)


@dataclass(frozen=True, slots=True)
class LostResponse:
    """A step that accepts the batch and then raises an error.

    Attributes:
        error: the error to raise.
    """

    error: BaseException


#: What one call does: None accepts the batch; an exception is raised; a callable gets the batch and returns
#: the rejected entries.
Step = BaseException | Callable[[Sequence[Entry]], Sequence[Rejection]] | LostResponse | None


class MemorySink(Sink):
    """A sink that accepts all entries within its limits and keeps them in memory.

    Args:
        limits: the limits of a call.
        arn: the ARN of the destination; events caused by writing to it count as trailforward's own.

    Attributes:
        calls: all batches, including those that failed.
        taken: the accepted entries, in order.
        closed: whether it was closed.
    """

    def __init__(self, *, limits: Limits = LIMITS, arn: str = "") -> None:
        self.limits = limits
        self.arn = arn
        self.calls: list[list[Entry]] = []
        self.taken: list[Entry] = []
        self.closed = False
        self._lock = threading.Lock()

    @property
    def data(self) -> list[bytes]:
        """The bytes of the accepted entries, in order."""
        return [entry.data for entry in self.taken]

    def size(self, entry: Entry) -> int:
        """The size of the data."""
        return len(entry.data)

    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Accepts a batch.

        Raises:
            PermanentError: ``over_limits``: the batch exceeds the limits.
        """
        with self._lock:
            self.calls.append(list(batch))
        sizes = [self.size(entry) for entry in batch]
        limits = self.limits
        if (
            len(batch) > limits.max_entries
            or max(sizes, default=0) > limits.max_entry_bytes
            or limits.batch_overhead + sum(sizes) > limits.max_batch_bytes
        ):
            raise PermanentError("over_limits", f"{len(batch)} entries of {sum(sizes)} bytes")
        rejections = self._respond(batch)
        refused = {rejection.index for rejection in rejections}
        self._take([entry for index, entry in enumerate(batch) if index not in refused])
        return rejections

    def close(self) -> None:
        """Records that the sink was closed."""
        self.closed = True

    def _respond(self, _batch: Sequence[Entry]) -> Sequence[Rejection]:
        """The rejected entries of a batch."""
        return ()

    def _take(self, entries: Sequence[Entry]) -> None:
        with self._lock:
            self.taken += entries


class FlakySink(MemorySink):
    """A sink that fails as scripted, one step for each call, and accepts everything after the last step.

    Args:
        script: the steps: None (accept), an exception (raise), :func:`refuse`, :func:`lost_response`, or a
            callable that gets the batch and returns the rejected entries. It may be infinite.
        limits: the limits of a call.
        arn: the ARN of the destination.
    """

    def __init__(self, script: Iterable[Step] = (), *, limits: Limits = LIMITS, arn: str = "") -> None:
        super().__init__(limits=limits, arn=arn)
        self._script = iter(script)

    def _respond(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        with self._lock:
            step = next(self._script, None)
        if step is None:
            return ()
        if isinstance(step, LostResponse):
            self._take(batch)
            raise step.error
        if isinstance(step, BaseException):
            raise step
        return step(batch)


def refuse(
    *indexes: int, transient: bool = True, code: str = ""
) -> Callable[[Sequence[Entry]], Sequence[Rejection]]:
    """A step that rejects entries.

    Args:
        *indexes: positions in the batch; all entries by default. Positions beyond the batch are ignored.
        transient: whether a retry of the same entries may succeed; otherwise their content is refused.
        code: the destination's error code; by default ``Throttled`` (transient) or ``Invalid``.
    """
    code = code or ("Throttled" if transient else "Invalid")
    busy = Cause.THROTTLING if code == "Throttled" else Cause.UNKNOWN
    cause = busy if transient else Cause.CONTENT

    def step(batch: Sequence[Entry]) -> Sequence[Rejection]:
        wanted = indexes or range(len(batch))
        return [
            Rejection(index, code, "rejected by the script", transient, cause)
            for index in wanted
            if index < len(batch)
        ]

    return step


def lost_response(error: BaseException | None = None) -> LostResponse:
    """A step that accepts the batch and loses the response, so that the forwarder sends duplicates.

    Args:
        error: the error that the forwarder gets; by default a ``TransientError`` (``timeout``).
    """
    return LostResponse(error or TransientError("timeout", "the response is lost, by the script"))
