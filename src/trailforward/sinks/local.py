"""``stdout:`` and ``file:PATH``: one line per event, for local runs."""

from __future__ import annotations

import errno
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.errors import PermanentError, TransientError
from trailforward.sinks.base import Entry, Limits, Rejection
from trailforward.sinks.settings import SinkSettings, fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.formats.base import Format

#: No destination limits these; the figures keep a write at a size that a pipe takes at once.
LIMITS = Limits(entries=10_000, entry_bytes=1 << 30, batch_bytes=1 << 30)


class FileSettings(SinkSettings):
    """``[sinks.NAME]`` with ``file:PATH``. The file is appended to."""

    def model_post_init(self, _context: Any) -> None:
        """Refuses an empty path."""
        if not self.path:
            raise fault("'file:' names no file", "write file:PATH, such as file:/tmp/events.ndjson")

    @property
    def path(self) -> str:
        """The file."""
        return self.to.removeprefix("file:")


class StdoutSettings(SinkSettings):
    """``[sinks.NAME]`` with ``stdout:``."""

    def model_post_init(self, _context: Any) -> None:
        """Refuses anything after the colon."""
        if self.to != "stdout:":
            raise fault(f"{self.to!r} is not stdout:", "write stdout: alone")


class FileSink:
    """Appends each event's bytes and a line break.

    Events that hold line breaks themselves (spaces between tokens) are written as they are.

    Args:
        settings: names the file.
        format: unused here; every sink is made the same way.
    """

    Settings: ClassVar = FileSettings

    def __init__(self, settings: FileSettings, format: Format | None = None) -> None:  # noqa: A002, ARG002
        self.arn = ""
        self.limits = settings.limits.over(LIMITS)
        self._path = settings.path
        self._lock = threading.Lock()
        self._file = -1

    def size(self, entry: Entry) -> int:
        """Data and line break."""
        return len(entry.data) + 1

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Writes the batch, whole or not at all as far as the file system lets us.

        Raises:
            TransientError: the disk is full, or busy.
            PermanentError: the file cannot be opened or written.
        """
        data = b"".join(entry.data + b"\n" for entry in batch)
        with self._lock:
            try:
                if self._file < 0:
                    self._file = self._open()
                self._write(data)
            except OSError as error:
                name = errno.errorcode.get(error.errno or 0, "OSError")
                kind = TransientError if error.errno in _PASSING else PermanentError
                raise kind(name, f"cannot write to {self._path}: {error.strerror}") from None
        return []

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        written = 0
        try:
            while written < len(view):
                written += os.write(self._file, view[written:])
        except OSError:
            # A retry writes the batch again: take back the torn part, so that no line is half an event.
            if written and os.lseek(self._file, 0, os.SEEK_CUR) >= written:
                os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            raise

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1


#: Passing troubles of a file system.
_PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EAGAIN, errno.EINTR, errno.EIO})


class StdoutSink:
    """Writes each event's bytes and a line break to standard output.

    Args:
        settings: holds nothing of its own.
        format: unused here; every sink is made the same way.
    """

    Settings: ClassVar = StdoutSettings

    def __init__(self, settings: StdoutSettings, format: Format | None = None) -> None:  # noqa: A002, ARG002
        self.arn = ""
        self.limits = settings.limits.over(LIMITS)
        self._lock = threading.Lock()

    def size(self, entry: Entry) -> int:
        """Data and line break."""
        return len(entry.data) + 1

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Writes the batch and flushes.

        Raises:
            PermanentError: nobody reads any more.
        """
        with self._lock:
            try:
                rest = memoryview(b"".join(entry.data + b"\n" for entry in batch))
                while rest:  # unbuffered output (python -u) may take a part only
                    rest = rest[sys.stdout.buffer.write(rest) :]
                sys.stdout.buffer.flush()
            except OSError as error:
                raise PermanentError("EPIPE", f"cannot write to standard output: {error.strerror}") from None
        return []

    def close(self) -> None:
        """Leaves standard output open: it is not ours."""
