"""Sinks for tests: one that keeps what it takes, and one that fails by script.

::

    siem = FlakySink([TransientError("http_503"), refuse(0), lost_answer()])
    forwarder = Forwarder(config, made={"siem": siem})
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trailforward.errors import PermanentError, TransientError
from trailforward.sinks.base import Entry, Limits, Rejection, Sink

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Those of Kinesis, about.
LIMITS = Limits(max_entries=500, max_entry_bytes=1 << 20, max_batch_bytes=5 << 20)


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """A step that takes everything and then fails.

    Attributes:
        error: what is raised.
    """

    error: BaseException


#: What happens in one call: None, all is taken; an error is raised; a callable gets the batch and returns
#: what is refused.
Step = BaseException | Callable[[Sequence[Entry]], Sequence[Rejection]] | LostAnswer | None


class MemorySink(Sink):
    """A destination that takes everything within its limits, and keeps it.

    Args:
        limits: of a call.
        arn: of the destination; events that it causes are trailforward's own.

    Attributes:
        calls: every batch that came, whatever became of it.
        taken: the entries it has taken, in order.
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
        """The bytes it has taken, in order."""
        return [entry.data for entry in self.taken]

    def size(self, entry: Entry) -> int:
        """The data alone counts."""
        return len(entry.data)

    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Takes a batch.

        Raises:
            PermanentError: ``over_limits``: the batch is larger than the limits allow.
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
        rejections = self._answer(batch)
        refused = {rejection.index for rejection in rejections}
        self._take([entry for index, entry in enumerate(batch) if index not in refused])
        return rejections

    def close(self) -> None:
        """Remembers that it was closed."""
        self.closed = True

    def _answer(self, _batch: Sequence[Entry]) -> Sequence[Rejection]:
        """What is refused."""
        return ()

    def _take(self, entries: Sequence[Entry]) -> None:
        with self._lock:
            self.taken += entries


class FlakySink(MemorySink):
    """A destination that fails by script: one step a call, and takes everything once the script is over.

    Args:
        script: steps: None (all is taken), an exception (raised), :func:`refuse`, :func:`lost_answer`, or
            any callable that gets the batch and returns what is refused. May be endless.
        limits: of a call.
        arn: of the destination.
    """

    def __init__(self, script: Iterable[Step] = (), *, limits: Limits = LIMITS, arn: str = "") -> None:
        super().__init__(limits=limits, arn=arn)
        self._script = iter(script)

    def _answer(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        with self._lock:
            step = next(self._script, None)
        if step is None:
            return ()
        if isinstance(step, LostAnswer):
            self._take(batch)
            raise step.error
        if isinstance(step, BaseException):
            raise step
        return step(batch)


def refuse(
    *indexes: int, transient: bool = True, code: str = ""
) -> Callable[[Sequence[Entry]], Sequence[Rejection]]:
    """A step that refuses entries.

    Args:
        *indexes: places in the batch; without any, all of them. Those beyond the batch do not count.
        transient: whether the same entries may be taken later.
        code: the destination's error code; ``Throttled`` or ``Invalid`` by default.
    """
    code = code or ("Throttled" if transient else "Invalid")

    def step(batch: Sequence[Entry]) -> Sequence[Rejection]:
        wanted = indexes or range(len(batch))
        return [
            Rejection(index, code, "refused by script", transient) for index in wanted if index < len(batch)
        ]

    return step


def lost_answer(error: BaseException | None = None) -> LostAnswer:
    """A step that takes the batch, but whose answer never arrives: what makes duplicates.

    Args:
        error: what the forwarder sees; a ``TransientError`` (``timeout``) by default.
    """
    return LostAnswer(error or TransientError("timeout", "no answer, by script"))
