"""Store: snapshots and reports of the daily doctor in its bucket.

- ``state/latest.json.gz``: the snapshot that the next run compares with;
- ``state/partial.json.gz``: what a run has read that ran out of time, until it is finished;
- ``snapshots/DATE/TIME.json.gz`` and ``reports/DATE/TIME.html``: one of each per run.
"""

from __future__ import annotations

import gzip
from typing import Any, NamedTuple

from trailforward.doctor.world.world import SnapshotError, World

LATEST = "state/latest.json.gz"
PARTIAL = "state/partial.json.gz"
_RUN, _ATTEMPT, _TAKEN = "run", "attempt", "taken"
_MISSING = frozenset({"NoSuchKey", "404"})
#: The most bytes of a snapshot that are read; above, it is treated as damaged.
_MOST = 1 << 30


class Saved(NamedTuple):
    """A saved snapshot.

    Attributes:
        world: the snapshot.
        taken: when it was taken, as text; empty if not known.
        run: the ID of the run that took it.
        attempt: which attempt of that run; the first is 1.
    """

    world: World
    taken: str = ""
    run: str = ""
    attempt: int = 1


class Store:
    """A bucket.

    Args:
        client: a botocore client of S3.
        bucket: the name of the bucket.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read(self, key: str) -> Saved | None:
        """Reads a snapshot; None if there is none.

        Raises:
            SnapshotError: it is damaged, or of another version.
            ClientError: S3 rejected the call.
        """
        from botocore.exceptions import ClientError

        try:
            response = self._client.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        try:
            with gzip.GzipFile(fileobj=response["Body"]) as file:
                text = file.read(_MOST + 1)
        except (OSError, EOFError) as error:
            raise SnapshotError(f"it is not gzip: {error}") from None
        if len(text) > _MOST:
            raise SnapshotError(f"it has more than {_MOST:,} bytes")
        marks = response.get("Metadata", {})
        attempt = marks.get(_ATTEMPT, "1")
        return Saved(
            World.from_json(text),
            marks.get(_TAKEN, ""),
            marks.get(_RUN, ""),
            int(attempt) if attempt.isdecimal() else 1,
        )

    def write(self, key: str, saved: Saved) -> None:
        """Writes a snapshot, compressed.

        Raises:
            ClientError: S3 rejected the call.
        """
        body = gzip.compress(saved.world.to_json(indent=None).encode("utf-8", "surrogatepass"), 6, mtime=0)
        marks = {_TAKEN: saved.taken, _RUN: saved.run, _ATTEMPT: str(saved.attempt)}
        self._put(key, body, "application/gzip", marks)

    def write_page(self, key: str, page: str) -> None:
        """Writes an HTML report.

        Raises:
            ClientError: S3 rejected the call.
        """
        self._put(key, page.encode("utf-8", "backslashreplace"), "text/html; charset=utf-8", {})

    def delete(self, key: str) -> None:
        """Deletes an object, if it exists.

        Raises:
            ClientError: S3 rejected the call.
        """
        self._client.delete_object(Bucket=self._bucket, Key=key)

    def _put(self, key: str, body: bytes, kind: str, marks: dict[str, str]) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=kind, Metadata=marks)
