"""Workers: threads that are kept from one invocation to the next.

Starting and joining a thread takes 70 µs of CPU; handing work to a waiting one takes 15 µs.
"""

from __future__ import annotations

import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    _Inbox = SimpleQueue["Task"]


class Task:
    """Work that is under way.

    Args:
        work: what is done.
        name: of the thread that does it.
    """

    def __init__(self, work: Callable[[], None], name: str) -> None:
        self._work = work
        self._name = name
        self._running = threading.Lock()
        self._running.acquire()

    def do(self) -> None:
        """Does it, in the thread that calls."""
        threading.current_thread().name = self._name
        self._work()

    def end(self) -> None:
        """Tells whoever waits."""
        self._running.release()

    def wait(self, seconds: float | None = None) -> bool:
        """Waits for its end, in the thread that asked for it; False if that does not come in time."""
        return self._running.acquire(timeout=-1 if seconds is None else seconds)


class Workers:
    """As many threads as there was ever work at once. They are daemons: none keeps the process from ending.

    Work that hangs keeps its thread; the next gets another.
    """

    def __init__(self) -> None:
        # append and pop of a deque are atomic
        self._idle: deque[_Inbox] = deque()

    def run(self, work: Callable[[], None], name: str) -> Task:
        """Does the work in a thread.

        Args:
            work: what to do; raises nothing.
            name: of the thread while it does it.
        """
        task = Task(work, name)
        try:
            inbox = self._idle.pop()
        except IndexError:
            inbox = SimpleQueue()
            threading.Thread(target=self._serve, args=(inbox,), daemon=True).start()
        inbox.put(task)
        return task

    def _serve(self, inbox: _Inbox) -> None:
        while True:
            task = inbox.get()
            try:
                task.do()
                # First: whoever waits for the end may have more to do at once.
                self._idle.append(inbox)
            finally:
                task.end()
