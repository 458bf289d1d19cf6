"""The state file of ``trailforward forward``: up to which file everything has an outcome."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_VERSION = 1
#: More than any state has; a longer file is another one.
_MOST_BYTES = 4 * 1024 * 1024


class Place(NamedTuple):
    """Where a file is among the inputs. Files come in this order, except that roots have any order.

    Attributes:
        number: of the input, from 0.
        root: the folder ``AWSLogs/`` of the file; empty if files come sorted by path.
        key: the key or path.
    """

    number: int
    root: str
    key: str


class StateError(Exception):
    """The state file cannot be used; the text says why, and what to do."""


class State:
    """Up to which file every event has an outcome. It is replaced as a whole, so a crash cannot damage it.

    Args:
        path: of the file.
        asked: what the run reads; a state is only for runs that ask for the same.
        window: since and until, as resolved times; a resumed run takes those of the first.
    """

    def __init__(self, path: Path, asked: dict[str, Any], window: list[str]) -> None:
        self.path = path
        self.window = window
        self.files = 0
        self._asked = asked
        self._last: Place | None = None
        self._done: set[str] = set()

    @property
    def resumed(self) -> bool:
        """Whether files are done already."""
        return self._last is not None

    def load(self) -> None:
        """Reads the file if it exists, and writes it once, to see that this works.

        Raises:
            StateError: it is not the state of a run that asks for the same, or cannot be read or written.
        """
        try:
            with self.path.open("rb") as file:
                text = file.read(_MOST_BYTES)
        except FileNotFoundError:
            self.save()
            return
        except OSError as error:
            raise StateError(f"{self.path}: {error.strerror}") from None
        window = self.window
        try:
            found = json.loads(text)
            same = found["version"] == _VERSION and found["asked"] == self._asked
            self.window = [str(time) for time in found["window"]]
            self.files = int(found["files"])
            last, self._done = found["last"], {str(root) for root in found["done"]}
            self._last = Place(int(last[0]), str(last[1]), str(last[2])) if last else None
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            fix = "delete it, or name another file with --state"
            raise StateError(f"{self.path} is not a state file of this command. Fix: {fix}") from None
        if not same and self._last is None:  # that run did nothing
            self.window, self._done = window, set()
        elif not same:
            fix = "finish that run, delete the file, or name another file with --state"
            raise StateError(f"{self.path} is the state of a run with other inputs. Fix: {fix}")
        self.save()

    def passed(self, place: Place) -> bool:
        """Whether a file was done before."""
        last = self._last
        if last is None or place.number != last.number:
            return last is not None and place.number < last.number
        return place.root in self._done or (place.root == last.root and place.key <= last.key)

    def finish(self, place: Place) -> None:
        """Remembers that a file is done. :meth:`save` writes it."""
        last = self._last
        if last is not None and place.number != last.number:
            self._done.clear()
        elif last is not None and place.root != last.root:
            self._done.add(last.root)
        self._last = place
        self.files += 1

    def remove(self) -> None:
        """Deletes the file, because everything is done."""
        self.path.unlink(missing_ok=True)

    def save(self) -> None:
        """Writes the file.

        Raises:
            StateError: it cannot be written.
        """
        made = {
            "version": _VERSION,
            "asked": self._asked,
            "window": self.window,
            "files": self.files,
            "last": self._last,
            "done": sorted(self._done),
        }
        fresh = self.path.with_name(f"{self.path.name}.new")
        try:
            # Names of files may have bytes that are not UTF-8; JSON's escapes keep them.
            fresh.write_text(json.dumps(made, indent=1), encoding="ascii")
            os.replace(fresh, self.path)  # noqa: PTH105
        except OSError as error:
            raise StateError(f"{self.path}: {error.strerror}") from None
