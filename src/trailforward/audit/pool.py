"""Runs the jobs of an audit in processes, and says how long they take."""

from __future__ import annotations

import pickle
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Self

from trailforward.audit.places import AuditError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

_KILLED = (
    "A process of the audit was killed, perhaps because the memory was full. Run the command again: with the "
    "same --state FOLDER, it continues."
)
#: A function, its arguments, and its options.
Job = tuple["Callable[..., Any]", tuple[Any, ...], dict[str, Any]]
#: Jobs for each process that wait for it. Others are not made yet, because their arguments need memory.
_WAITING = 2


class Pool:
    """Runs jobs in processes, or in this one if there is little to do.

    Args:
        workers: number of processes.
        large: whether there is so much to do that processes are worth their start.
    """

    def __init__(self, workers: int, *, large: bool) -> None:
        self._workers = workers
        self._executor = (
            ProcessPoolExecutor(workers, mp_context=get_context("spawn")) if large and workers > 1 else None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)

    def results(
        self,
        jobs: Iterable[Job],
        sizes: Sequence[int],
        what: str,
        show: Callable[[str, int, int], None],
    ) -> Iterator[Any]:
        """The result of each job, as they finish.

        Args:
            jobs: what to do.
            sizes: of the jobs, for the progress.
            what: is done in this step.
            show: gets what is done with the time left, how much of it, and of how much.
        """
        return self.run(zip(jobs, sizes, strict=True), sum(sizes), what, show)

    def run(
        self,
        jobs: Iterable[tuple[Job, int]],
        total: int,
        what: str,
        show: Callable[[str, int, int], None],
        *,
        here: bool = False,
    ) -> Iterator[Any]:
        """The result of each job, as they finish.

        Args:
            jobs: what to do, with the size of each. They are made when a process can take them.
            total: size of all jobs.
            what: is done in this step.
            show: as for :meth:`results`.
            here: whether to run the jobs in this process, because their arguments cannot be sent.

        Raises:
            AuditError: a process was killed.
        """
        progress = _Progress(what, total, show)
        work = iter(jobs)
        if self._executor is None or here:
            for (function, arguments, options), size in work:
                yield function(*arguments, **options)
                progress.add(size)
            return
        running: dict[Future[Any], int] = {}
        more = True
        while more or running:
            while more and len(running) < _WAITING * self._workers:
                job, size = next(work, (None, 0))
                if job is None:
                    more = False
                else:
                    function, arguments, options = job
                    running[_submit(self._executor, function, arguments, options)] = size
            for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                size = running.pop(future)
                yield _result(future)
                progress.add(size)


def _submit(
    executor: ProcessPoolExecutor, function: Callable[..., Any], arguments: tuple[Any, ...], options: Any
) -> Future[Any]:
    try:
        return executor.submit(function, *arguments, **options)
    except BrokenProcessPool:
        raise AuditError(_KILLED) from None


def _result(future: Future[Any]) -> Any:
    try:
        return future.result()
    except BrokenProcessPool:
        raise AuditError(_KILLED) from None


class _Progress:
    def __init__(self, what: str, total: int, show: Callable[[str, int, int], None]) -> None:
        self._what, self._total, self._show = what, total, show
        self._done, self._start = 0, time.monotonic()

    def add(self, size: int) -> None:
        """Shows that a job of some size is done."""
        self._done += size
        seconds = time.monotonic() - self._start
        left = seconds * (self._total - self._done) / self._done if self._done else 0.0
        self._show(f"{self._what} (about {left:.0f} s left in this step)", self._done, self._total)


def sendable(value: object) -> bool:
    """Whether a value can be sent to another process."""
    try:
        pickle.dumps(value)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True
