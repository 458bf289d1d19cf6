"""Reads an S3 Inventory, which lists a bucket once a day, instead of listing many prefixes.

``manifest.json`` names the data files. CSV has percent-encoded keys and no header (source:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html).
"""

from __future__ import annotations

import csv
import io
import json
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_plus

from trailforward.audit.places import FOLDERS, LogFile, minute
from trailforward.audit.steps.run import place
from trailforward.audit.steps.settings import InvalidInputError
from trailforward.storage import Location
from trailforward.storage.log_keys import parse_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.audit.steps.request import Request
    from trailforward.storage import Location

#: Most bytes that a data file becomes; S3 writes a new one long before.
_MOST = 8 * 1024 * 1024 * 1024
_BLOCK = 1024 * 1024


class Part(NamedTuple):
    """A data file of an inventory.

    Attributes:
        bucket: that has the inventory.
        key: of the data file.
        source: the bucket that is listed.
        key_column: number of the column with the key.
        size_column: number of the column with the size.
        rest: numbers of the columns ``IsLatest`` and ``IsDeleteMarker``; -1 without versions.
    """

    bucket: str
    key: str
    source: str
    key_column: int
    size_column: int
    rest: tuple[int, int]


def inventory_parts(manifest: str, until: datetime | None = None) -> list[Part]:
    """The data files of an inventory.

    Args:
        manifest: ``s3://BUCKET/…/manifest.json``.
        until: the inventory must be younger; None for no check.

    Raises:
        InvalidInputError: it is not a usable manifest.
        StorageError: it cannot be read.
    """
    bucket, _, key = manifest.removeprefix("s3://").partition("/")
    if not key.endswith("manifest.json"):
        raise InvalidInputError(f"inventory is {manifest}. Fix: write s3://BUCKET/…/manifest.json.")
    store = place(f"s3://{bucket}")
    try:
        found: dict[str, Any] = json.loads(store.read(key))
        form, columns = found["fileFormat"], [name.strip() for name in found["fileSchema"].split(",")]
        files = [one["key"] for one in found["files"]]
        source = str(found["sourceBucket"])
        made = datetime.fromtimestamp(int(found["creationTimestamp"]) / 1000, UTC)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidInputError(
            f"{manifest} is not the manifest of an S3 Inventory. Fix: name the manifest.json beside its "
            "manifest.checksum."
        ) from None
    if form != "CSV" or not {"Key", "Size"} <= set(columns):
        raise InvalidInputError(
            f"{manifest} has the format {form} and the columns {', '.join(columns)}. Fix: configure an "
            "inventory in the format CSV with Size, or leave out inventory."
        )
    if until is not None and made < until:
        raise InvalidInputError(
            f"{manifest} was made at {made:%Y-%m-%dT%H:%MZ}, before the window ends. Fix: use the inventory "
            "of the next day, choose an earlier until, or leave out inventory."
        )
    rest = tuple(columns.index(name) if name in columns else -1 for name in ("IsLatest", "IsDeleteMarker"))
    numbers = columns.index("Key"), columns.index("Size"), (rest[0], rest[1])
    return [Part(bucket, one, source, *numbers) for one in files]


def log_files_in(
    part: Part, trail: Location, wanted: Request, span: tuple[datetime, datetime]
) -> Iterator[LogFile]:
    """The log files of a time in a data file, with keys relative to the trail's location.

    Raises:
        InvalidInputError: the inventory is of another bucket, or damaged.
    """
    if part.source != trail.bucket:
        raise InvalidInputError(
            f"The inventory lists the bucket {part.source}, and the trail is in {trail.bucket}. Fix: name an "
            "inventory of the trail's bucket."
        )
    data = place(f"s3://{part.bucket}").read(part.key)
    for row in csv.reader(io.TextIOWrapper(io.BufferedReader(_Inflated(data)), "utf-8", newline="")):
        try:
            key, size = unquote_plus(row[part.key_column]), row[part.size_column]
            stale = part.rest[0] >= 0 and row[part.rest[0]] == "false"
            gone = part.rest[1] >= 0 and row[part.rest[1]] == "true"
        except IndexError:
            raise _damaged(part) from None
        if stale or gone or not key.startswith(trail.path) or not size.isdecimal():
            continue
        found = parse_key(key[len(trail.path) :])
        if found is None or found.folder not in FOLDERS or not span[0] <= found.time < span[1]:
            continue
        if wanted.accounts and found.account not in wanted.accounts:
            continue
        if wanted.regions and found.region not in wanted.regions:
            continue
        yield LogFile(found.key, int(size), minute(found.time), found.account, found.region, found.folder)


def _damaged(part: Part) -> InvalidInputError:
    text = f"s3://{part.bucket}/{part.key} is damaged or not a data file of an S3 Inventory"
    return InvalidInputError(f"{text}. Fix: use another inventory, or leave out inventory.")


class _Inflated(io.RawIOBase):
    """The text of a gzip file, block by block."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)
        self._inflater = zlib.decompressobj(wbits=31)
        self._left = b""
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left and not self._inflater.eof:
            data = self._inflater.unconsumed_tail or self._file.read(_BLOCK)
            if not data:
                raise InvalidInputError("A data file of the inventory is truncated. Fix: use another one.")
            try:
                self._left = self._inflater.decompress(data, _BLOCK)
            except zlib.error:
                raise InvalidInputError(
                    "A data file of the inventory is not gzip. Fix: use another one."
                ) from None
            self._size += len(self._left)
            if self._size > _MOST:
                raise InvalidInputError("A data file of the inventory is too large. Fix: list instead.")
        data, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)
