"""Local sinks ``stdout:`` and ``file:PATH``: write one line per event."""

from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from trailforward.errors import PermanentError, SettingError, TransientError
from trailforward.sinks._lines import on_one_line
from trailforward.sinks.base import Entry, Limits, Rejection, Sink
from trailforward.sinks.settings import SinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.aws.own_calls import OwnCall

#: Files and pipes have no limits of this kind. The values bound the memory of a batch.
LIMITS = Limits(max_entries=10_000, max_entry_bytes=1 << 30, max_batch_bytes=1 << 30)


class FileSettings(SinkSettings):
    """``[sinks.NAME]`` with ``file:PATH``. The file is appended to."""

    @classmethod
    def check_to(cls, to: str) -> None:
        """Checks that the destination names a file."""
        if to == "file:":
            raise SettingError("the file name is missing", "write file:PATH, such as file:/tmp/events.ndjson")

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """Makes no AWS calls."""
        return ()

    @property
    def path(self) -> str:
        """The file's path."""
        return self.to.removeprefix("file:")


class StdoutSettings(SinkSettings):
    """``[sinks.NAME]`` with ``stdout:``."""

    @classmethod
    def check_to(cls, to: str) -> None:
        """Checks that nothing follows the colon."""
        if to != "stdout:":
            raise SettingError("not exactly stdout:", "write stdout: with nothing after the colon")

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """Makes no AWS calls."""
        return ()


class FileSink(Sink):
    """Appends each event as one line to a file. Text for people may take several lines.

    Args:
        settings: the file's path.
    """

    Settings: ClassVar = FileSettings
    uses_fields = False

    def __init__(self, settings: FileSettings) -> None:
        self.limits = settings.limits.over(LIMITS)
        self._path = settings.path
        self._lock = threading.Lock()
        self._file = -1
        self._torn = False

    def size(self, entry: Entry) -> int:
        """The data and a line break."""
        return len(entry.data) + 1

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Writes the batch completely, or removes the part that was written if the file system allows it.

        Raises:
            TransientError: the disk is busy.
            PermanentError: the disk is full, or the file cannot be opened or written.
        """
        data = b"".join(on_one_line(entry) + b"\n" for entry in batch)
        with self._lock:
            try:
                if self._file < 0:
                    self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                    self._torn = _is_torn(self._path)
                self._write(b"\n" + data if self._torn else data)
            except OSError as error:
                raise _sink_error(error, self._path) from None
        return []

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        written = 0
        try:
            while written < len(view):
                written += os.write(self._file, view[written:])
        except OSError:
            # A retry writes the whole batch again, so an incomplete line must not remain.
            self._torn = self._torn or not self._truncate(written)
            raise
        self._torn = False

    def _truncate(self, written: int) -> bool:
        """Removes the part of a batch that was written; False if that is not possible."""
        if not written:
            return True
        try:
            end = os.lseek(self._file, 0, os.SEEK_CUR)
            if end != os.fstat(self._file).st_size:  # another process has appended data since
                return False
            os.ftruncate(self._file, end - written)
        except OSError:  # a pipe or a terminal
            return False
        return True

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1


def _is_torn(path: str) -> bool:
    """Whether a file ends in an incomplete line, for example from a process that was killed."""
    try:
        if not Path(path).is_file():  # a pipe or a terminal has no end to read
            return False
        with Path(path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            return file.read(1) not in {b"", b"\n"}
    except OSError:  # the file may be write-only
        return False


#: Errors that a retry in the same invocation may overcome. A full disk (ENOSPC, EDQUOT) is not one of them.
_TRANSIENT_ERRORS = frozenset({errno.EAGAIN, errno.EINTR, errno.EIO, errno.EMFILE, errno.ENFILE})


def _sink_error(error: OSError, target: str) -> TransientError | PermanentError:
    name = errno.errorcode.get(error.errno or 0, "OSError")
    kind = TransientError if error.errno in _TRANSIENT_ERRORS else PermanentError
    return kind(name, f"cannot write to {target}: {error.strerror}")


class StdoutSink(Sink):
    """Writes each event as one line to standard output. Text for people may take several lines.

    Args:
        settings: the common sink settings.
    """

    Settings: ClassVar = StdoutSettings
    uses_fields = False

    def __init__(self, settings: StdoutSettings) -> None:
        self.limits = settings.limits.over(LIMITS)
        self._lock = threading.Lock()

    def size(self, entry: Entry) -> int:
        """The data and a line break."""
        return len(entry.data) + 1

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Writes the batch and flushes.

        Raises:
            TransientError: standard output is busy.
            PermanentError: the reader closed the pipe, there is no standard output, or it is a file on a full
                disk.
        """
        rest = memoryview(b"".join(on_one_line(entry) + b"\n" for entry in batch))
        with self._lock:
            try:
                out = sys.stdout.buffer
                while rest:  # unbuffered output (python -u) may write a part only, or nothing (None)
                    if (written := out.write(rest)) is None:
                        raise BlockingIOError(errno.EAGAIN, "would block")
                    rest = rest[written:]
                out.flush()
            except OSError as error:
                raise _sink_error(error, "standard output") from None
            except (AttributeError, ValueError):  # missing or closed
                raise PermanentError("EBADF", "standard output is closed") from None
        return []

    def close(self) -> None:
        """Does nothing: standard output belongs to the process."""
