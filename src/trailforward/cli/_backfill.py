"""The files that ``trailforward forward`` reads: single files, folders, and CloudTrail's log files by time.

A thread lists them ahead, so that progress knows how many are left; others read objects ahead. Both are
bounded in memory, and end with the process.
"""

from __future__ import annotations

import io
import queue
import threading
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from trailforward.cli._input import files_in, is_bucket, is_folder, open_input
from trailforward.cli._resume import Place
from trailforward.sources._gzip import inflate
from trailforward.storage import Location, Store, open_store
from trailforward.storage.log_keys import log_files

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import datetime

#: Files that are listed ahead.
_LISTED = 50_000
#: Objects that are read ahead, and their bytes in total. A larger object is read alone.
_READERS = 16
_AHEAD, _AHEAD_BYTES = 32, 64 * 1024 * 1024


class Window(NamedTuple):
    """Which log files to read.

    Attributes:
        since: delivered at this time or later.
        until: delivered before.
        accounts: account IDs; None for all.
        regions: Regions; None for all.
    """

    since: datetime
    until: datetime
    accounts: Collection[str] | None
    regions: Collection[str] | None


class Work(NamedTuple):
    """A file of events.

    Attributes:
        name: as in origins and messages.
        place: where it is among the inputs.
        size: bytes; 0 if unknown.
        read: reads an object; None for a file, whose path is the key of the place.
    """

    name: str
    place: Place
    size: int
    read: Callable[[], bytes] | None = None

    def open(self) -> BinaryIO:
        """Opens the file.

        Raises:
            OSError: a file cannot be opened.
            StorageError: an object cannot be read.
        """
        if self.read is None:
            return open_input(self.place.key)
        return io.BufferedReader(_Blocks(inflate([self.read()])))


class _Blocks(io.RawIOBase):
    """Blocks of bytes as a file. ``inflate`` bounds what objects become, so they are decompressed here."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._left = self._left or next(self._blocks, b"")
        data, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def find(
    inputs: Sequence[str],
    window: Window | None,
    on_empty: Callable[[str], None],
    own: Sequence[Path] = (),
) -> Iterator[Work]:
    """The files of all inputs, in order.

    Args:
        inputs: files, folders, ``s3://…``, or ``-``.
        window: chooses log files below ``AWSLogs/`` in buckets and folders; None for every file of folders.
        on_empty: called with a sentence for each bucket or folder without such files.
        own: files that the run writes; they are skipped in folders.

    Raises:
        StorageError: a bucket or folder cannot be listed.
        OSError: a folder cannot be read.
    """
    for number, name in enumerate(inputs):
        if window is not None and (is_bucket(name) or is_folder(name)):
            yield from _log_files(number, open_store(Location.parse(name)), window, on_empty)
        elif is_folder(name):
            yield from _folder(number, name, on_empty, own)
        else:
            path = Path(name)
            size = path.stat().st_size if name != "-" and path.is_file() else 0
            yield Work("stdin" if name == "-" else name, Place(number, "", name), size)


def _folder(number: int, name: str, on_empty: Callable[[str], None], own: Sequence[Path]) -> Iterator[Work]:
    empty = True
    for path in files_in(name):
        try:
            if any(one.exists() and one.samefile(path) for one in own):
                continue
            size = Path(path).stat().st_size
        except OSError:  # opening it will say why
            size = 0
        empty = False
        yield Work(path, Place(number, "", path), size)
    if empty:
        on_empty(f"{name} contains no files that are not hidden. Fix: correct the path")


def _log_files(number: int, store: Store, window: Window, on_empty: Callable[[str], None]) -> Iterator[Work]:
    empty = True
    for _, file in log_files(store, window.since, window.until, window.accounts, window.regions):
        empty = False
        root = file.key[: file.key.index("AWSLogs/")]
        yield Work(
            _name(store.location, file.key),
            Place(number, root, file.key),
            file.size,
            _reading(store, file.key),
        )
    if empty:
        on_empty(_nothing(store, window))


def _reading(store: Store, key: str) -> Callable[[], bytes]:
    return lambda: store.read(key)


def _name(location: Location, key: str) -> str:
    return f"{location}{key}" if location.bucket else str(Path(location.path, key))


def _nothing(store: Store, window: Window) -> str:
    """What to say about a window without log files."""
    since, until = (f"{time:%Y-%m-%dT%H:%MZ}" for time in (window.since, window.until))
    what = f"{store.location} has no log files that CloudTrail delivered from {since} until {until}"
    if window.accounts:
        what += f" for account {', '.join(sorted(window.accounts))}"
    if window.regions:
        what += f" in {', '.join(sorted(window.regions))}"
    check = "check that the trail writes to this place"
    if window.accounts or window.regions:
        check = "check --account and --region"
    return f"{what}. Fix: choose another time, or {check}"


class Listing:
    """Lists files in a thread, some ahead of their use.

    Args:
        works: the files. An exception is raised where it occurred.

    Attributes:
        files: how many were listed.
        bytes: of these.
        complete: whether these are all.
    """

    def __init__(self, works: Iterator[Work]) -> None:
        self.files = 0
        self.bytes = 0
        self.complete = False
        self._queue: queue.Queue[Work | BaseException | None] = queue.Queue(_LISTED)
        self._works = works
        self._ended = False
        threading.Thread(target=self._run, daemon=True, name="listing").start()

    def take(self, *, wait: bool) -> Work | None:
        """The next file; None at the end, and without ``wait`` also if it is not known yet."""
        if self._ended:
            return None
        try:
            found = self._queue.get(block=wait)
        except queue.Empty:
            return None
        if isinstance(found, Work):
            return found
        self._ended = True
        if found is not None:
            raise found
        return None

    def _run(self) -> None:
        try:
            for work in self._works:
                self.files += 1
                self.bytes += work.size
                self._queue.put(work)
        except BaseException as error:  # noqa: BLE001  # raised where the files are used
            self._queue.put(error)
        else:
            self.complete = True
            self._queue.put(None)


def read_ahead(listing: Listing, passed: Callable[[Work], bool]) -> Iterator[Work]:
    """The files of a listing, with objects read ahead in parallel.

    Args:
        listing: of files.
        passed: whether a file is skipped.

    Raises:
        StorageError: the listing failed. What it found before has been yielded.
    """
    jobs: queue.SimpleQueue[tuple[Future[bytes], Callable[[], bytes]]] = queue.SimpleQueue()
    threads = 0
    ahead: deque[Work] = deque()
    size = 0
    failure: BaseException | None = None
    while True:
        while failure is None and (not ahead or (len(ahead) < _AHEAD and size < _AHEAD_BYTES)):
            try:
                work = listing.take(wait=not ahead)
            except Exception as error:  # noqa: BLE001  # raised after the files before it
                failure = error
                break
            if work is None:
                break
            if passed(work):
                continue
            if work.read is not None:
                future: Future[bytes] = Future()
                jobs.put((future, work.read))
                work = work._replace(read=future.result)
                if threads < _READERS:
                    threads += 1
                    threading.Thread(target=_serve, args=(jobs,), daemon=True, name="reading").start()
            size += work.size
            ahead.append(work)
        if not ahead:
            if failure is not None:
                raise failure
            return
        work = ahead.popleft()
        size -= work.size
        yield work


def _serve(jobs: queue.SimpleQueue[tuple[Future[bytes], Callable[[], bytes]]]) -> None:
    while True:
        future, read = jobs.get()
        try:
            future.set_result(read())
        except BaseException as error:  # noqa: BLE001  # raised where the bytes are used
            future.set_exception(error)
        del future, read  # the bytes must not wait here for the next job
