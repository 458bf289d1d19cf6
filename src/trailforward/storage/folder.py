"""A folder as a store."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from trailforward.errors import StorageError
from trailforward.storage.store import MAX_FILE_BYTES, StoredFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trailforward.storage.location import Location

#: A file ``KEY.metadata.json`` holds the metadata of ``KEY``, as an object of strings. It is not listed.
METADATA_SUFFIX = ".metadata.json"


class FolderStore:
    """The files in a folder. Links to files are followed; links to folders are not: they may be loops.

    Args:
        location: the folder.

    Raises:
        StorageError: ``not_found``: there is no such folder.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        self._root = os.path.abspath(os.path.expanduser(location.path))  # noqa: PTH100, PTH111
        if not os.path.isdir(self._root):  # noqa: PTH112
            what = f"{location} is not a folder"
            raise StorageError("not_found", what, "correct the path, or write s3://bucket/prefix")

    def list(self, prefix: str = "", after: str = "") -> Iterator[StoredFile]:
        """The files whose keys begin with ``prefix`` and sort after ``after``, sorted by key as in S3."""
        start = prefix.rpartition("/")[0]
        yield from self._below(f"{start}/" if start else "", prefix, after)

    def folders(self, prefix: str = "") -> Iterator[str]:
        """The folders directly below ``prefix``."""
        for name, entry in self._entries(prefix):
            if entry is None:
                yield prefix + name

    def read(self, key: str) -> bytes:
        """The bytes of a file."""
        try:
            with open(self._path(key), "rb") as file:  # noqa: PTH123
                data = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise _error(error, key) from None
        if len(data) > MAX_FILE_BYTES:
            what = f"{key} has more than {MAX_FILE_BYTES:,} bytes"
            raise StorageError("too_large", what, "split the file")
        return data

    def metadata(self, key: str) -> dict[str, str]:
        """The content of ``KEY.metadata.json``; empty if there is no such file."""
        try:
            found = json.loads(self.read(key + METADATA_SUFFIX))
        except StorageError as error:
            if error.code == "not_found":
                return {}
            raise
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            what = f"{key}{METADATA_SUFFIX} is not a JSON object of strings"
            raise StorageError("invalid", what, "correct or delete the file")
        return {name.lower(): value for name, value in found.items()}

    def close(self) -> None:
        """Does nothing: a folder has no connections."""

    def _below(self, folder: str, prefix: str, after: str) -> Iterator[StoredFile]:
        for name, entry in self._entries(folder):
            key = folder + name
            if entry is None:
                # Descend only where a key can begin with the prefix and sort after the last key.
                wanted = key.startswith(prefix) or prefix.startswith(key)
                if wanted and (key > after or after.startswith(key)):
                    yield from self._below(key, prefix, after)
            elif key.startswith(prefix) and key > after:
                yield StoredFile(key, entry.st_size, f"{entry.st_size}-{entry.st_mtime_ns}")

    def _entries(self, folder: str) -> Sequence[tuple[str, os.stat_result | None]]:
        """Names with their status, sorted as keys; a folder's name ends with ``/`` and has None."""
        found: list[tuple[str, os.stat_result | None]] = []
        try:
            with os.scandir(self._path(folder)) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        found.append((f"{entry.name}/", None))
                    elif entry.is_file() and not entry.name.endswith(METADATA_SUFFIX):
                        found.append((entry.name, entry.stat()))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _error(error, folder) from None
        return sorted(found, key=lambda item: item[0])

    def _path(self, key: str) -> str:
        if ".." in key.split("/") or key.startswith("/") or "\0" in key:
            what = f"the key {key[:200]!r} leads out of the folder"
            raise StorageError("invalid", what, "remove the key from the list of files")
        return os.path.join(self._root, *key.split("/"))  # noqa: PTH118


def _error(error: OSError, key: str) -> StorageError:
    text = f"{key or 'the folder'} cannot be read: {error.strerror or type(error).__name__}"
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return StorageError("not_found", text, "check whether the file was deleted or moved")
    if isinstance(error, PermissionError):
        return StorageError("access_denied", text, "allow this user to read the file")
    return StorageError("unavailable", text, "run the command again")
