"""State in the memory of one process: for the command line, for tests, and for a function without a table."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from trailforward.state import Stored

if TYPE_CHECKING:
    from trailforward.state import State

#: Most keys. The one that was written longest ago is forgotten first, so its next event goes out.
MOST_KEYS = 10_000


class MemoryState:
    """Keeps the most recent keys.

    Args:
        most: number of keys.
    """

    def __init__(self, most: int = MOST_KEYS) -> None:
        self._most = most
        self._kept: OrderedDict[str, Stored] = OrderedDict()
        self._writes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def read(self, key: str) -> Stored:
        """What is known about a key."""
        return self._kept.get(key) or _UNKNOWN

    def write(self, key: str, value: dict[str, Any], version: str, expires: int) -> str | None:  # noqa: ARG002
        """Replaces what is known about a key, and returns the new version; None if another was first."""
        with self._lock:
            if self.read(key).version != version:
                return None
            self._writes += 1
            self._kept[key] = Stored(value, str(self._writes))
            self._kept.move_to_end(key)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return str(self._writes)

    def close(self) -> None:
        """Nothing to close."""


_UNKNOWN = Stored(None, "")

if TYPE_CHECKING:
    _: State = MemoryState()
