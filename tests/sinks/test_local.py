"""The local sinks write exact bytes to a file or to standard output."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.entries import ODD, odd
from trailforward.errors import Cause, PermanentError, SettingError, TransientError
from trailforward.sinks.base import Entry
from trailforward.sinks.local import LIMITS, FileSettings, FileSink, StdoutSettings, StdoutSink
from trailforward.sinks.settings import LimitSettings

#: Without the line breaks between tokens.
EXPECTED = b"".join(data.translate(None, b"\r\n") + b"\n" for data in ODD)


def sink(path: object, **settings: object) -> FileSink:
    """A sink that writes to this file."""
    return FileSink(FileSettings(to=f"file:{path}", **settings))  # type: ignore[arg-type]


def run(script: str, *arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Runs a Python script in a separate process."""
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-c", script, *arguments], capture_output=True, check=False, timeout=600, **options
    )


def test_lines_are_the_events_bytes(tmp_path: Path) -> None:
    """Each event is one line with exactly its bytes, except for line breaks between tokens."""
    path = tmp_path / "out.ndjson"
    made = sink(path)
    assert made.send(odd()) == []
    assert path.read_bytes() == EXPECTED
    made.close()


def test_files_are_appended_to_and_private(tmp_path: Path) -> None:
    """Existing content stays, a closed sink can be used again, and only the owner can read a new file."""
    path = tmp_path / "out.ndjson"
    for _ in range(2):
        made = sink(path)
        made.send([Entry(b"1", "key")])
        made.send([Entry(b"2", "key")])
        made.close()
        made.close()
        made.send([Entry(b"3", "key")])
        made.close()
    assert path.read_bytes() == b"1\n2\n3\n" * 2
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_incomplete_last_line_is_ended(tmp_path: Path) -> None:
    """If the file ends in an incomplete line, the next event starts on a new line."""
    path = tmp_path / "out.ndjson"
    path.write_bytes(b'{"n":1}\n{"n":')
    made = sink(path)
    made.send([Entry(b'{"n":2}', "key")])
    made.send([Entry(b'{"n":3}', "key")])
    made.close()
    assert path.read_bytes() == b'{"n":1}\n{"n":\n{"n":2}\n{"n":3}\n'


def test_a_full_disk_pauses_the_sink() -> None:
    """A full disk is the fault of the destination: nothing is retried at once, and no event is at fault."""
    made = sink("/dev/full")
    with pytest.raises(PermanentError, match=r"^ENOSPC: cannot write to /dev/full") as caught:
        made.send(odd())
    assert caught.value.cause is Cause.DESTINATION
    made.close()


def test_a_lack_of_file_descriptors_is_transient() -> None:
    """If the process has no free file descriptor, a retry may succeed."""
    script = (
        "import os, resource\n"
        "from tests.support.entries import odd\n"
        "from tests.sinks.test_local import sink\n"
        "made = sink(os.devnull)\n"
        "free = os.open(os.devnull, os.O_RDONLY)\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))\n"
        "try:\n"
        "    made.send(odd())\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, check=True, timeout=600, cwd=Path(__file__).parents[2], text=True,
    )  # fmt: skip
    assert done.stdout.startswith("TransientError EMFILE: cannot write to /dev/null")


def test_an_incomplete_write_is_removed(tmp_path: Path) -> None:
    """The part of a batch that was written is removed, so that a retry does not follow half an event."""
    path = tmp_path / "out.ndjson"
    script = (
        "import resource, sys\n"
        "from tests.support.entries import odd\n"
        "from tests.sinks.test_local import sink\n"
        "from trailforward.sinks.base import Entry\n"
        "made = sink(sys.argv[1])\n"
        "made.send([Entry(b'x' * 90, 'key')])\n"
        "soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))\n"
        "try:\n"
        "    made.send(odd())\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error.code)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))\n"
        "made.send(odd())\n"
    )
    done = run(script, str(path), cwd=Path(__file__).parents[2])
    assert done.stdout == b"PermanentError EFBIG\n", done.stderr
    assert path.read_bytes() == b"x" * 90 + b"\n" + EXPECTED


def test_an_incomplete_write_that_cannot_be_removed_ends_with_a_line_break(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another process has appended data, nothing is removed, and the next event starts on a new line."""
    path = tmp_path / "out.ndjson"
    made = sink(path)
    real = os.write

    def tear(file: int, data: bytes) -> int:
        if data[:1] != b"4":
            raise OSError(errno.EIO, "torn")
        written = real(file, data[:1])
        with path.open("ab") as other:
            other.write(b"theirs\n")
        return written

    monkeypatch.setattr(os, "write", tear)
    with pytest.raises(TransientError, match="EIO"):
        made.send([Entry(b"42", "key")])
    with pytest.raises(TransientError, match="EIO"):
        made.send([Entry(b"5", "key")])
    monkeypatch.setattr(os, "write", real)
    made.send([Entry(b"42", "key")])
    made.send([Entry(b"43", "key")])
    made.close()
    assert path.read_bytes() == b"4theirs\n\n42\n43\n"


def test_a_broken_pipe_is_permanent(tmp_path: Path) -> None:
    """A named pipe without a reader is a permanent error."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    made = sink(path)
    made.send([Entry(b"1", "key")])
    assert os.read(reader, 10) == b"1\n"
    os.close(reader)
    with pytest.raises(PermanentError, match="EPIPE"):
        made.send([Entry(b"2", "key")])
    made.close()


def test_an_incomplete_write_to_a_pipe_raises_the_original_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is that of the write, not that a pipe cannot be truncated."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    made = sink(path)
    real = os.write

    def tear(file: int, data: bytes) -> int:
        if data[:1] != b"4":
            raise OSError(errno.EIO, "torn")
        return real(file, data[:1])

    monkeypatch.setattr(os, "write", tear)
    with pytest.raises(TransientError, match="EIO"):
        made.send([Entry(b"42", "key")])
    monkeypatch.setattr(os, "write", real)
    made.send([Entry(b"42", "key")])
    made.close()
    assert os.read(reader, 10) == b"4\n42\n"
    os.close(reader)


@pytest.mark.parametrize("path", ["/no/such/folder/out", "."])
def test_a_file_that_cannot_be_written_is_permanent(path: str) -> None:
    """An invalid path is a permanent error with the operating system's code."""
    with pytest.raises(PermanentError, match=r"^(ENOENT|EISDIR): cannot write to") as caught:
        sink(path).send(odd())
    assert not caught.value.divisible


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_file_without_permission_is_permanent(tmp_path: Path) -> None:
    """A file without write permission is a permanent error."""
    path = tmp_path / "out"
    path.touch(mode=0o400)
    with pytest.raises(PermanentError, match="EACCES"):
        sink(path).send(odd())


def test_a_write_only_file_is_appended_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the file cannot be read, the sink appends without looking for an incomplete line."""
    path = tmp_path / "out"

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "no")

    made = sink(path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        made.send([Entry(b"1", "key")])
    made.close()
    assert path.read_bytes() == b"1\n"


def test_line_breaks_count_and_limits_can_be_set(tmp_path: Path) -> None:
    """Data and line break count, and limits can be set, for example to those of another destination."""
    assert sink(tmp_path).size(Entry(b"x" * 10, "key", fields={"not": "sent"})) == 11
    assert StdoutSink(StdoutSettings(to="stdout:")).size(Entry(b"x" * 10, "key")) == 11
    limits = sink(tmp_path, limits=LimitSettings(max_entries=2, max_entry_bytes=11)).limits
    assert (limits.max_entries, limits.max_entry_bytes, limits.max_batch_bytes) == (
        2,
        11,
        LIMITS.max_batch_bytes,
    )


STDOUT = (
    "import sys\n"
    "from tests.support.entries import odd\n"
    "from trailforward.sinks.local import StdoutSettings, StdoutSink\n"
    "made = StdoutSink(StdoutSettings(to='stdout:'))\n"
    "try:\n"
    "    for _ in range(int(sys.argv[1])):\n"
    "        made.send(odd())\n"
    "except Exception as error:\n"
    "    print(type(error).__name__, error, file=sys.stderr)\n"
    "finally:\n"
    "    made.close()\n"
    "    sys.stderr.flush()\n"
    "    __import__('os')._exit(0)\n"
)


def test_standard_output_contains_the_events_bytes() -> None:
    """Each event is one line on standard output, in order, with its bytes between line breaks."""
    done = run(STDOUT, "2", cwd=Path(__file__).parents[2])
    assert (done.stdout, done.stderr) == (EXPECTED * 2, b"")


def test_unbuffered_standard_output_is_written_completely() -> None:
    """With python -u a write may be partial; the sink writes the rest."""

    class PartialWriter:
        written = b""

        def write(self, data: memoryview) -> int:
            self.written += bytes(data[:7])
            return len(data[:7])

        def flush(self) -> None:
            pass

    class Out:
        buffer = PartialWriter()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", Out())
        StdoutSink(StdoutSettings(to="stdout:")).send(odd())
    assert Out.buffer.written == EXPECTED


@pytest.mark.parametrize(
    ("redirect", "expected"),
    [
        (">/dev/full", "PermanentError ENOSPC: cannot write to standard output"),
        (">&-", "PermanentError EBADF: standard output is closed"),
    ],
)
def test_errors_of_standard_output(redirect: str, expected: str) -> None:
    """A full disk and a closed standard output are faults of the destination."""
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -c "$1" 1 {redirect}', sys.executable, STDOUT],
        capture_output=True, check=False, timeout=600, cwd=Path(__file__).parents[2], text=True,
    )  # fmt: skip
    assert done.stderr.startswith(expected)


def test_a_process_without_standard_output_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """If Python has no standard output, the error is permanent, and no event is dropped silently."""
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(PermanentError, match="EBADF: standard output is closed"):
        StdoutSink(StdoutSettings(to="stdout:")).send(odd())


def test_a_reader_that_closed_the_pipe_is_permanent() -> None:
    """If the reader closes the pipe, the error is permanent, with the code EPIPE."""
    script = 'exec "$0" -c "$1" 100000 | head -c 1 >/dev/null'
    done = subprocess.run(
        ["/bin/sh", "-c", script, sys.executable, STDOUT],
        capture_output=True, check=False, timeout=600, cwd=Path(__file__).parents[2], text=True,
    )  # fmt: skip
    assert done.stderr.startswith("PermanentError EPIPE: cannot write to standard output")


def test_a_standard_output_that_would_block_is_transient() -> None:
    """A full non-blocking pipe is a transient error."""

    class Full:
        def write(self, _: memoryview) -> None:
            return None

    class Out:
        buffer = Full()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", Out())
        with pytest.raises(TransientError, match="EAGAIN"):
            StdoutSink(StdoutSettings(to="stdout:")).send(odd())


@pytest.mark.parametrize("to", ["file:", "stdout:x"])
def test_invalid_destinations_are_rejected(to: str) -> None:
    """``file:`` without a path and ``stdout:`` with a path are errors."""
    settings = FileSettings if to.startswith("file") else StdoutSettings
    with pytest.raises(SettingError):
        settings(to=to)
