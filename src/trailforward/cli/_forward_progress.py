"""Progress of ``trailforward forward`` on standard error: one line that changes, or a line now and then."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trailforward.cli._progress import INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from trailforward.cli._backfill import Listing

#: Seconds between two changes on a terminal.
_CHANGE = 0.2
_MINUTE, _HOUR = 60, 3_600


class Meter:
    """What was read so far.

    Args:
        listing: of the files to read.
        skipped: files that an earlier run has read.

    Attributes:
        events: read so far.
        files: read so far, also by an earlier run.
        bytes: of these files.
        current: bytes of the file that is being read.
    """

    def __init__(self, listing: Listing) -> None:
        self.events = 0
        self.files = 0
        self.skipped = 0
        self.bytes = 0
        self.current = 0
        self._skipped_bytes = 0
        self._listing = listing
        self._start = time.monotonic()

    def skip(self, size: int) -> None:
        """Counts a file that an earlier run has read."""
        self.skipped += 1
        self._skipped_bytes += size

    def text(self) -> str:
        """Files, events, rate, and time left, as far as they are known."""
        seconds = max(time.monotonic() - self._start, 1e-3)
        parts = []
        listing = self._listing
        if listing.files > 1:
            least = "" if listing.complete else "at least "
            parts.append(f"{self.files + self.skipped:,} of {least}{listing.files:,} files")
        parts += [f"{self.events:,} events", f"{self.events / seconds:,.0f}/s"]
        read = self.bytes + self.current
        left = listing.bytes - self._skipped_bytes - read
        if listing.complete and listing.bytes and read and left >= 0:
            parts.append(f"{_rounded(seconds * left / read)} left")
        return "Forwarding: " + ", ".join(parts)


def _rounded(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"


@contextmanager
def showing(console: Console, meter: Meter) -> Iterator[Callable[[], None]]:
    """A function that shows the progress if it is time to. It may be called for every event."""
    last = time.monotonic()
    if not console.is_terminal:

        def line() -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= INTERVAL:
                last = now
                console.print(meter.text(), markup=False, highlight=False, soft_wrap=True)

        yield line
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False)
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(meter.text())

        def change() -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _CHANGE:
                last = now
                shown.update(task, description=meter.text())

        yield change
