"""Opens files of events, and finds them in folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def open_input(name: str) -> BinaryIO:
    """Opens a file, or standard input for ``-``.

    Raises:
        OSError: the file cannot be opened.
    """
    if name == "-":
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    return Path(name).open("rb")


def is_bucket(name: str) -> bool:
    """Whether an input is in a bucket: ``s3://…``."""
    return name.lower().startswith("s3://")


def is_folder(name: str) -> bool:
    """Whether an input is a folder."""
    return name != "-" and os.path.isdir(name)  # noqa: PTH112  # a name with NUL is not a folder


def expand(names: Iterable[str]) -> Iterator[str]:
    """The inputs, with every folder replaced by the files in it, recursively and sorted by path.

    Hidden files and folders, whose names begin with a dot, are skipped. Links to files are followed; links to
    folders are not, because they may be loops.

    Raises:
        OSError: a folder cannot be read, or contains no files.
    """
    for name in names:
        if not is_folder(name):
            yield name
            continue
        empty = True
        for path in files_in(name):
            empty = False
            yield path
        if empty:
            raise FileNotFoundError(2, "the folder contains no files that are not hidden", name)


def files_in(folder: str) -> Iterator[str]:
    """The files in a folder, as :func:`expand` says.

    Raises:
        OSError: a folder cannot be read.
    """
    with os.scandir(folder) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    folders = {entry.name for entry in visible if entry.is_dir(follow_symlinks=False)}
    # The order of keys in S3: as if names of folders ended with /.
    for entry in sorted(visible, key=lambda entry: entry.name + "/" * (entry.name in folders)):
        if entry.name in folders:
            yield from files_in(entry.path)
        elif entry.is_file():
            yield entry.path
