"""Reading files of a bucket ahead."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from trailforward.errors import StorageError
from trailforward.storage import Location, ahead
from trailforward.storage.ahead import read_ahead


class Bucket:
    """A store that only reads, and counts the bytes that are read and not used."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.location = Location.parse("s3://example-bucket")
        self.files = files
        self.held = self.most = 0

    def read(self, key: str) -> bytes:
        """As a store's."""
        if key not in self.files:
            raise StorageError("not_found", f"{key} is not there", "check the key")
        self.held += len(self.files[key])
        self.most = max(self.most, self.held)
        return self.files[key]


@pytest.mark.parametrize("size", [10, 1_000])
def test_files_come_in_order_and_few_are_in_memory(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Every file comes in the order of the keys, and large ones are not read far ahead."""
    monkeypatch.setattr(ahead, "_BYTES", 4_000)
    files = {f"{number:03}": bytes([number]) * size for number in range(200)}
    store: Any = Bucket(files)
    found = []
    for content in read_ahead(store, files):
        found.append(content())
        store.held -= size
    assert found == list(files.values())
    assert store.most <= (6 * size if size > 100 else 40 * size)


def test_an_error_belongs_to_its_file() -> None:
    """A file that cannot be read raises an error when it is used, and the others come all the same."""
    store: Any = Bucket({"a": b"1", "c": b"3"})
    found = []
    for content in read_ahead(store, "abc"):
        with suppress(StorageError):
            found.append(content())
    assert found == [b"1", b"3"]
