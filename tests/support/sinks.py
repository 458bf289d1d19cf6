"""A sink that keeps what it takes, and refuses by script."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from trailforward.sinks.base import Entry, Limits, Rejection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    #: Gets a batch; returns refusals or raises.
    Answer = Callable[[Sequence[Entry]], Sequence[Rejection]]


class ScriptedSink:
    """Answers each call with the next entry of a script, then takes everything.

    Args:
        script: callables that get the batch and return refusals, raise, or block.
        limits: of the sink.
        arn: of the sink.
    """

    def __init__(
        self,
        script: Iterable[Answer] = (),
        *,
        limits: Limits | None = None,
        arn: str = "",
    ) -> None:
        self.arn = arn
        self.limits = limits or Limits(entries=500, entry_bytes=1_000_000, batch_bytes=5_000_000)
        self.calls: list[list[Entry]] = []
        self.taken: list[Entry] = []
        self.closed = False
        self._script = deque(script)
        self._lock = threading.Lock()

    @property
    def data(self) -> list[bytes]:
        """The bytes taken, in order."""
        return [entry.data for entry in self.taken]

    def size(self, entry: Entry) -> int:
        """The data alone counts."""
        return len(entry.data)

    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Plays the next entry of the script."""
        with self._lock:
            self.calls.append(list(batch))
            answer = self._script.popleft() if self._script else None
        rejections = answer(batch) if answer is not None else ()
        refused = {rejection.index for rejection in rejections}
        with self._lock:
            self.taken += [entry for index, entry in enumerate(batch) if index not in refused]
        return rejections

    def close(self) -> None:
        """Remembers that it was closed."""
        self.closed = True


def fail(error: BaseException) -> Answer:
    """An answer that raises."""

    def answer(batch: Sequence[Entry]) -> Sequence[Rejection]:
        raise error

    return answer


def refuse(*indexes: int, transient: bool = True, code: str = "Throttled") -> Answer:
    """An answer that refuses the entries at these places."""

    def answer(batch: Sequence[Entry]) -> Sequence[Rejection]:
        return [Rejection(index, code, "refused by script", transient) for index in indexes]

    return answer
