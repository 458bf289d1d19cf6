"""Opens files of events."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO


def open_input(name: str) -> BinaryIO:
    """Opens a file, or standard input for ``-``.

    Raises:
        OSError: the file cannot be opened.
    """
    if name == "-":
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    return Path(name).open("rb")
