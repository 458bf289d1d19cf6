"""Where files are: a bucket with a prefix, or a folder."""

from __future__ import annotations

import re
from typing import NamedTuple

from trailforward.errors import StorageError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")


class Location(NamedTuple):
    """A bucket with a prefix, or a folder.

    Attributes:
        bucket: the bucket's name; empty for a folder.
        path: the prefix, which is empty or ends with ``/``; or the folder's path, as written.
    """

    bucket: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Location:
        """The location in ``s3://bucket/prefix``, or in a folder's path.

        Raises:
            StorageError: ``invalid``: neither of the two.
        """
        if not text.strip() or "\0" in text:
            raise StorageError("invalid", "a location is empty or contains NUL", "write s3://bucket/prefix")
        scheme = _SCHEME.match(text)
        if scheme is None:
            return cls("", text)
        if scheme[1].lower() != "s3":
            what = f"a location begins with {scheme[1]}://, which is not supported"
            raise StorageError("invalid", what, "write s3://bucket/prefix, or the path of a folder")
        bucket, _, prefix = text[scheme.end() :].partition("/")
        if not _BUCKET.fullmatch(bucket):
            what = f"{bucket[:80]!r} in a location is not a bucket's name"
            fix = "write s3://bucket/prefix; for an access point, its alias instead of its ARN"
            raise StorageError("invalid", what, fix)
        return cls(bucket, f"{prefix}/" if prefix and not prefix.endswith("/") else prefix)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.path}" if self.bucket else self.path
