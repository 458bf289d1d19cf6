"""What one execution keeps in the report bucket, below ``runs/NAME/``."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: S3's parts have at least 5 MB, except the last one.
PART_BYTES = 16 * 1024 * 1024
#: Concurrent requests of one function: connections that botocore keeps.
WORKERS = 10
_BLOCK = 1024 * 1024
_MISSING = frozenset({"NoSuchKey", "404"})


class Folder:
    """Objects below a prefix. Every method is thread-safe.

    Args:
        client: a botocore client of S3.
        bucket: the bucket's name.
        prefix: ends with ``/``.
    """

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self._client = client

    def put(self, name: str, body: bytes, kind: str = "application/octet-stream") -> None:
        """Writes an object.

        Raises:
            ClientError: S3 rejected the call.
        """
        self._client.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=body, ContentType=kind)

    def put_json(self, name: str, value: Any) -> None:
        """Writes JSON."""
        # Names in events may contain lone surrogates, which JSON's escapes keep.
        self.put(name, json.dumps(value).encode("ascii"), "application/json")

    def get(self, name: str) -> bytes:
        """An object's bytes.

        Raises:
            ClientError: S3 rejected the call, or the object does not exist.
        """
        body: bytes = self._client.get_object(Bucket=self.bucket, Key=self.prefix + name)["Body"].read()
        return body

    def get_json(self, name: str) -> Any:
        """Reads JSON."""
        return json.loads(self.get(name))

    def find_json(self, name: str) -> Any:
        """Reads JSON; None if the object does not exist."""
        from botocore.exceptions import ClientError

        try:
            return self.get_json(name)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise

    def slice(self, name: str, first: int, length: int) -> bytes:
        """Some bytes of an object; fewer at its end."""
        if not length:
            return b""
        span = f"bytes={first}-{first + length - 1}"
        response = self._client.get_object(Bucket=self.bucket, Key=self.prefix + name, Range=span)
        body: bytes = response["Body"].read()
        return body

    def slices(self, wanted: Iterable[tuple[str, int, int]]) -> Iterator[bytes]:
        """:meth:`slice` of each in order, read concurrently."""
        with ThreadPoolExecutor(WORKERS) as pool:
            yield from pool.map(lambda one: self.slice(*one), wanted)

    def names(self, below: str) -> list[tuple[str, int]]:
        """Names and sizes of the objects that begin with ``below``, sorted."""
        found: list[tuple[str, int]] = []
        token: dict[str, str] = {}
        while True:
            page = self._client.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix + below, **token)
            found += [(one["Key"][len(self.prefix) :], one["Size"]) for one in page.get("Contents", [])]
            if not page.get("IsTruncated"):
                return found
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of an object, read block by block."""
        at, left = 0, b""
        size = self._client.head_object(Bucket=self.bucket, Key=self.prefix + name)["ContentLength"]
        while at < size:
            block = left + self.slice(name, at, min(_BLOCK, size - at))
            at += _BLOCK
            *lines, left = block.split(b"\n")
            yield from lines
        if left:
            yield left

    def writer(self, name: str, kind: str = "application/x-ndjson") -> Writer:
        """Writes a large object; use it in a ``with`` statement."""
        return Writer(self._client, {"Bucket": self.bucket, "Key": self.prefix + name}, kind)


class Writer:
    """Writes an object in parts, of which one is in memory. It appears when all is written.

    Args:
        client: a botocore client of S3.
        place: bucket and key.
        kind: content type.

    Attributes:
        size: bytes written so far.
    """

    def __init__(self, client: Any, place: dict[str, str], kind: str) -> None:
        self.size = 0
        self._client = client
        self._place = place
        self._kind = kind
        self._upload = ""
        self._parts: list[dict[str, Any]] = []
        self._left = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._finish()
        elif self._upload:
            self._client.abort_multipart_upload(**self._place, UploadId=self._upload)

    def write(self, data: bytes) -> None:
        """Adds bytes."""
        self._left += data
        self.size += len(data)
        if len(self._left) >= PART_BYTES:
            self._send()

    def _send(self) -> None:
        if not self._upload:
            made = self._client.create_multipart_upload(**self._place, ContentType=self._kind)
            self._upload = made["UploadId"]
        number = len(self._parts) + 1
        sent = self._client.upload_part(
            **self._place, UploadId=self._upload, PartNumber=number, Body=bytes(self._left)
        )
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        self._left.clear()

    def _finish(self) -> None:
        if not self._upload:
            self._client.put_object(**self._place, Body=bytes(self._left), ContentType=self._kind)
            return
        if self._left:
            self._send()
        self._client.complete_multipart_upload(
            **self._place, UploadId=self._upload, MultipartUpload={"Parts": self._parts}
        )


def together(tasks: Iterable[Callable[[], Any]]) -> list[Any]:
    """The results of some tasks in order, which run concurrently."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return [future.result() for future in [pool.submit(task) for task in tasks]]
