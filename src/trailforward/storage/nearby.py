"""What exists at a location, or near it, for errors about what is missing there."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from trailforward.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.storage.store import Store

#: Names of folders that are shown.
_SHOWN = 10


def nearby(store: Store) -> str:
    """A part of a sentence: ``it has the folders a/, b/``.

    For a prefix of a bucket below which there is nothing, it names the longest part that exists, and what is
    there. If the listing is refused, it is empty.
    """
    try:
        if names := _names(store.folders()):
            return f"it has the folders {names}"
        if next(store.list(), None) is not None:
            return "it has files, but no folders"
        return f"it is empty{_above(store)}"
    except StorageError:
        return ""


def _above(store: Store) -> str:
    """What the bucket has instead of a prefix that does not exist."""
    from trailforward.storage import open_store

    location = store.location
    if not location.path or not location.bucket:
        return ""
    place = location._replace(path=location.path.rstrip("/").rpartition("/")[0])
    place = place._replace(path=f"{place.path}/" if place.path else "")
    parent = open_store(place)
    try:
        names = _names(parent.folders())
        if names or not place.path:
            return f"; {place} has the folders {names}" if names else "; the bucket has no folders"
        return _above(parent)
    finally:
        parent.close()


def _names(folders: Iterable[str]) -> str:
    found = list(islice(folders, _SHOWN + 1))
    return ", ".join(found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
