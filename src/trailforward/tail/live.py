"""Runs taps in many Regions at once: connects them, collects what they receive, and removes them."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from trailforward.tail.existing import as_record
from trailforward.tail.taps import Tap, TapError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Records that wait to be shown; then the readers wait, and the queues keep the rest.
_WAITING = 1_000
#: How long a tap that is being created may delay its removal, in seconds.
_CREATING_SECONDS = 60.0
_MAX_THREADS = 16


class Live:
    """The taps of one run.

    Args:
        taps: one for each Region.
        pattern: event pattern of the rules.
        read_only_events: whether the rules also get read-only management events.
        note: gets sentences about Regions: connected, or why not.

    Attributes:
        connected: Regions that are connected.
    """

    def __init__(
        self, taps: Sequence[Tap], pattern: str, *, read_only_events: bool, note: Callable[[str], None]
    ) -> None:
        self.connected: list[str] = []
        self._taps = taps
        self._pattern = pattern
        self._read_only_events = read_only_events
        self._note = note
        self._records: queue.Queue[dict[str, Any]] = queue.Queue(_WAITING)
        self._stopping = threading.Event()
        self._created = {tap.place.region: threading.Event() for tap in taps}
        self._failed = 0

    def start(self) -> None:
        """Begins to connect every Region, in the background."""
        for tap in self._taps:
            threading.Thread(target=self._run, args=(tap,), daemon=True).start()

    def records(self, until: float) -> Iterator[dict[str, Any]]:
        """What arrives, as records of a Lambda payload.

        Ends at a time, or when every Region has failed.

        Args:
            until: on ``time.monotonic``.
        """
        while (left := until - time.monotonic()) > 0 and self._failed < len(self._taps):
            try:
                yield self._records.get(timeout=min(left, 0.5))
            except queue.Empty:
                continue

    def remove(self) -> list[str]:
        """Removes all rules and queues, also those that are still being created.

        Returns:
            A sentence for each thing that is still there.
        """
        self._stopping.set()
        with ThreadPoolExecutor(_MAX_THREADS) as pool:
            return [problem for problems in pool.map(self._remove, self._taps) for problem in problems]

    def _remove(self, tap: Tap) -> list[str]:
        self._created[tap.place.region].wait(_CREATING_SECONDS)
        return tap.remove()

    def _run(self, tap: Tap) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        region = tap.place.region
        try:
            try:
                if self._stopping.is_set():
                    return
                tap.create(self._pattern, read_only_events=self._read_only_events)
            finally:
                self._created[region].set()
            self.connected.append(region)
            self._note(f"{region}: connected")
            arn = f"arn:{tap.place.partition}:sqs:{region}:{tap.place.account}:{tap.name}"
            while not self._stopping.is_set():
                for message in tap.receive():
                    self._records.put(as_record(message, arn))
        except (BotoCoreError, ClientError, TapError) as error:
            if not self._stopping.is_set():
                self._failed += 1
                self._note(f"{region}: not connected: {_shown(error)}")


def _shown(error: Exception) -> str:
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(code or error)
