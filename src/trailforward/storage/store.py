"""What a store of files can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.storage.location import Location

#: Most bytes of one file. CloudTrail's log files have at most 50 MB before compression.
MAX_FILE_BYTES = 512 * 1024 * 1024


class StoredFile(NamedTuple):
    """A file in a store.

    Attributes:
        key: the key below the location, with ``/`` between folders.
        size: bytes.
        etag: changes when the content changes, without quotation marks.
    """

    key: str
    size: int
    etag: str


class Store(Protocol):
    """Files below a location. Every method is thread-safe, and raises ``StorageError``."""

    @property
    def location(self) -> Location:
        """Where the files are."""
        ...

    def list(self, prefix: str = "", after: str = "") -> Iterator[StoredFile]:
        """The files whose keys begin with ``prefix`` and sort after ``after``, sorted by key."""
        ...

    def folders(self, prefix: str = "") -> Iterator[str]:
        """The folders directly below ``prefix``, which is empty or ends with ``/``: ``AWSLogs/o-…/``."""
        ...

    def read(self, key: str) -> bytes:
        """The bytes of a file, as stored: not decompressed."""
        ...

    def metadata(self, key: str) -> dict[str, str]:
        """The object's own metadata (``x-amz-meta-…``), with names in lower case and without this prefix."""
        ...

    def close(self) -> None:
        """Closes idle connections."""
        ...
