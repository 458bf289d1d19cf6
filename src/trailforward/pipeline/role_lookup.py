"""Asks AWS which role the process runs as, in the background: no event waits for the response."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: A role: account and name. Names are unique within an account, whatever the path.
Role = tuple[str, str]

#: Seconds between two questions, while there is no response.
INTERVAL_SECONDS = 60.0


class RoleLookup:
    """The role of the process, once AWS has said so.

    At most one question is under way, also where Lambda freezes the environment in the middle of it: a
    question that never ends keeps its one thread, a daemon, and no other follows.

    Args:
        ask: asks once, with a short timeout. Returns None if the process has no role; raises if AWS did
            not say.
        clock: seconds, never going back.
    """

    def __init__(self, ask: Callable[[], Role | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._next = float("-inf")
        self._under_way = threading.Lock()
        self._answered = False
        #: The role; None until AWS has said it.
        self.role: Role | None = None

    def start(self) -> None:
        """Asks in a thread, unless that was done within the last minute, or is under way, or is known."""
        if self._answered or self._clock() < self._next or not self._under_way.acquire(blocking=False):
            return
        self._next = self._clock() + INTERVAL_SECONDS
        try:
            threading.Thread(target=self._run, name="trailforward-role", daemon=True).start()
        except RuntimeError:  # the system has no thread left: the next minute may be better
            self._under_way.release()

    def _run(self) -> None:
        try:
            self.role = self._ask()
            self._answered = True
        except Exception:  # noqa: BLE001  # throttled, unreachable, or refused: it is asked again
            return
        finally:
            self._under_way.release()
