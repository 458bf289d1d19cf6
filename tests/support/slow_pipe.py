"""A command that waits for a pipe to be read, so that a test can interrupt it at a known place."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 120
#: The command with batches of 100 events.
SMALL_BATCHES = """
import trailforward.pipeline.batching
trailforward.pipeline.batching._MESSAGES = 100
from trailforward.__main__ import main
main()
"""


def command(*arguments: str | Path) -> list[str]:
    """The command with small batches."""
    return [sys.executable, "-c", SMALL_BATCHES, *map(str, arguments)]


def interrupted(
    arguments: list[str], pipe: Path, size: int, kill: signal.Signals, folder: Path
) -> tuple[int, bytes, bytes]:
    """Runs a command that writes to a named pipe, and sends a signal when it has written so many bytes.

    Returns:
        The exit status, everything that it wrote to the pipe, and standard error.
    """
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    # As in a terminal: a job that a shell started in the background ignores SIGINT.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(arguments, stderr=subprocess.PIPE, cwd=folder)
    finally:
        signal.signal(signal.SIGINT, handler)
    end = time.monotonic() + SECONDS
    data = b""
    while len(data) < size and process.poll() is None and time.monotonic() < end:
        if select.select([reader], [], [], 0.1)[0]:
            data += os.read(reader, 16_384)
    process.send_signal(kill)
    if kill is signal.SIGKILL:
        process.wait(SECONDS)
        while more := os.read(reader, 65_536):
            data += more
    os.close(reader)
    _, text = process.communicate(timeout=SECONDS)
    return process.returncode, data, text
