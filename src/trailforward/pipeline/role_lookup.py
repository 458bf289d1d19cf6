"""Finds out from AWS which role the process runs as, in the background: no event waits for the response."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: A role: account and name. Names are unique within an account, whatever the path.
Role = tuple[str, str]

#: Seconds between two attempts until AWS responds.
INTERVAL_SECONDS = 60.0


class RoleLookup:
    """The role of the process, once AWS has named it.

    At most one call is in progress, even if Lambda freezes the environment during it: a call that never
    returns occupies one daemon thread, and no other call is started.

    Args:
        ask: makes one call with a short timeout. Returns None if the process has no role; raises if the call
            fails.
        clock: seconds, monotonic.
    """

    def __init__(self, ask: Callable[[], Role | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._next = float("-inf")
        self._under_way = threading.Lock()
        self._responded = False
        #: The role; None until AWS has named it.
        self.role: Role | None = None

    def start(self) -> None:
        """Starts a call in a thread, unless one started within a minute, is in progress, or has succeeded."""
        if self._responded or self._clock() < self._next or not self._under_way.acquire(blocking=False):
            return
        self._next = self._clock() + INTERVAL_SECONDS
        try:
            threading.Thread(target=self._run, name="trailforward-role", daemon=True).start()
        except RuntimeError:  # no thread is available: try again in a minute
            self._under_way.release()

    def _run(self) -> None:
        try:
            self.role = self._ask()
            self._responded = True
        except Exception:  # noqa: BLE001  # throttled, unreachable, or denied: try again later
            return
        finally:
            self._under_way.release()
