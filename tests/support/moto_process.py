"""moto's server in a process of its own, because moto has one state in each process."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCRIPT = """
import sys
from trailforward.demo.local_aws import LocalServer
with LocalServer() as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


@contextmanager
def moto_process() -> Iterator[str]:
    """The URL of an empty AWS, which ends with the block."""
    with subprocess.Popen(
        [sys.executable, "-c", _SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(30)
