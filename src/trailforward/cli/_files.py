"""Files that a command writes: never what it reads, and private ones only for their owner."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from trailforward.cli._world import stop

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def keep_inputs(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]) -> None:
    """Checks that no file that is written is also read, or written twice.

    Compares the files, not their names: a symbolic link and a hard link are the same file.

    Args:
        outputs: option to the file that it writes; None if it is not given.
        inputs: option to the file or folder that it reads.

    Raises:
        typer.Exit: with 2; before anything is read or written.
    """
    written: dict[str, str] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        for source, read in inputs.items():
            if read is not None and _same(path, read):
                stop(f"{option} {path} would overwrite the input of {source} ({read}). Give another file.")
        real = os.path.realpath(path)
        if real in written and (not path.exists() or path.is_file()):
            stop(f"{option} and {written[real]} name the same file, {path}. Give another file.")
        written[real] = option


def _same(path: Path, read: Path) -> bool:
    """Whether a path is a file that is read, or one inside a folder that is read."""
    try:
        if not path.is_file():
            return False
        return path.resolve().is_relative_to(read.resolve()) if read.is_dir() else path.samefile(read)
    except (OSError, RuntimeError):  # what cannot be found gets its error when it is read or written
        return False


def write_file(path: Path, text: str) -> None:
    """Writes a file, and its folder if necessary.

    Raises:
        typer.Exit: with 2; it cannot be written.
    """
    write_lines(path, [text], end="")


def write_lines(path: Path, lines: Iterable[str], end: str = "\n") -> None:
    """Writes lines to a file, one after another, and its folder if necessary.

    Raises:
        typer.Exit: with 2; it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            file.writelines(line + end for line in lines)
    except OSError as error:
        stop(f"{path}: {error.strerror}")


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, in one step: others see the old file or the new one.

    Replaces an existing file, whatever its permissions are; through a symbolic link, the file that it names.

    Raises:
        typer.Exit: with 2; it cannot be written.
    """
    real = Path(os.path.realpath(path))
    if real.exists() and not real.is_file():  # a pipe or device, such as /dev/stdout
        write_file(path, text)
        return
    draft = ""
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=f".{real.name[:100]}.", dir=real.parent)  # with mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, real)  # noqa: PTH105  # as the other calls
    except OSError as error:
        Path(draft).unlink(missing_ok=True) if draft else None
        stop(f"{path}: {error.strerror}")
