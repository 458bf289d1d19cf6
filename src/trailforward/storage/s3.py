"""A bucket as a store."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from trailforward.aws.s3_get import S3Get
from trailforward.errors import SinkError, StorageError, TransientError
from trailforward.storage.store import MAX_FILE_BYTES, StoredFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.storage.location import Location
    from trailforward.transport.connections import Response

#: Most bytes of a page of a listing: 1,000 keys of 1,024 bytes, percent-encoded, with their other fields.
_MAX_PAGE_BYTES = 8 * 1024 * 1024
#: Keys in a page; S3 sends at most 1,000.
PAGE_KEYS = 1000

_META = "x-amz-meta-"

_NOT_FOUND = frozenset({"NoSuchKey", "NoSuchBucket", "http_404"})
_DENIED = frozenset(
    {"AccessDenied", "NoCredentials", "InvalidAccessKeyId", "SignatureDoesNotMatch", "http_403"}
)


class S3Store:
    """The objects in a bucket below a prefix.

    Args:
        location: bucket and prefix.

    Raises:
        StorageError: ``access_denied``: there are no AWS credentials. ``invalid``: an endpoint variable.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        try:
            self._s3 = S3Get(location.bucket)
        except SinkError as error:
            raise self._error(error, "s3:ListBucket", str(location)) from None

    def list(self, prefix: str = "", after: str = "") -> Iterator[StoredFile]:
        """The objects whose keys begin with ``prefix`` and sort after ``after``, sorted by key."""
        start = self.location.path
        query = {"prefix": start + prefix}
        if after:
            query["start-after"] = start + after
        last = start + after if after else ""
        for page in self._pages(query):
            for item in page.iterfind("{*}Contents"):
                key = unquote_plus(item.findtext("{*}Key") or "")
                size = item.findtext("{*}Size") or ""
                if key <= last or not key.startswith(start + prefix) or not _is_number(size):
                    raise self._invalid("an object out of order, outside the prefix, or without a size")
                last = key
                etag = (item.findtext("{*}ETag") or "").strip('"')
                yield StoredFile(key[len(start) :], int(size), etag)

    def folders(self, prefix: str = "") -> Iterator[str]:
        """The folders directly below ``prefix``."""
        start = self.location.path
        last = ""
        for page in self._pages({"prefix": start + prefix, "delimiter": "/"}):
            for item in page.iterfind("{*}CommonPrefixes/{*}Prefix"):
                folder = unquote_plus(item.text or "")
                if folder <= last or not folder.startswith(start + prefix) or not folder.endswith("/"):
                    raise self._invalid("a folder out of order or outside the prefix")
                last = folder
                yield folder[len(start) :]

    def read(self, key: str) -> bytes:
        """The bytes of an object."""
        return self._get(key).body

    def metadata(self, key: str) -> dict[str, str]:
        """The object's metadata. Reads the object, because digest files, which need it, are small."""
        headers = self._get(key).headers
        return {name[len(_META) :]: value for name, value in headers.items() if name.startswith(_META)}

    def close(self) -> None:
        """Closes idle connections."""
        self._s3.close()

    def _get(self, key: str) -> Response:
        if not key:
            raise StorageError("invalid", "a key is empty", "name an object in the bucket")
        try:
            return self._s3.get(self.location.path + key, {}, MAX_FILE_BYTES)
        except SinkError as error:
            raise self._error(error, "s3:GetObject", f"{self.location}{key}") from None

    def _pages(self, query: dict[str, str]) -> Iterator[ET.Element]:
        query = {**query, "list-type": "2", "encoding-type": "url", "max-keys": str(PAGE_KEYS)}
        while True:
            try:
                body = self._s3.get("", query, _MAX_PAGE_BYTES).body
            except SinkError as error:
                raise self._error(error, "s3:ListBucket", str(self.location)) from None
            page = self._page(body)
            yield page
            if page.findtext("{*}IsTruncated") != "true":
                return
            token = page.findtext("{*}NextContinuationToken")
            if not token or token == query.get("continuation-token"):
                raise self._invalid("no new token for the next page")
            query["continuation-token"] = token

    def _page(self, body: bytes) -> ET.Element:
        # Neither S3 nor its imitations send declarations, which could define entities.
        if b"<!" in body or b"\0" in body:
            raise self._invalid("XML declarations")
        try:
            root = ET.fromstring(body)  # noqa: S314  # size is limited, and there are no entities
        except (ET.ParseError, LookupError, ValueError):
            raise self._invalid("no XML") from None
        if root.tag.rpartition("}")[2] != "ListBucketResult":
            raise self._invalid("another document")
        return root

    def _invalid(self, what: str) -> StorageError:
        text = f"the listing of {self.location} contains {what}"
        return StorageError(
            "invalid", text, "check that AWS_ENDPOINT_URL names a server that speaks S3's API"
        )

    def _error(self, error: SinkError, action: str, place: str) -> StorageError:
        text = f"{place} cannot be read: {error.code}: {error}"
        if isinstance(error, TransientError):
            return StorageError("unavailable", text, "run the command again later")
        if error.code in _NOT_FOUND:
            return StorageError("not_found", text, "check the names of the bucket and of the key")
        if error.code in _DENIED:
            fix = (
                f"use credentials that allow {action} and, if the bucket is encrypted with a key, kms:Decrypt"
            )
            return StorageError("access_denied", text, fix)
        if error.code == "TooLarge":
            return StorageError("too_large", text, "leave the object out, or split it")
        return StorageError("invalid", text, "correct the location, the Region, or the credentials")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19  # noqa: PLR2004  # 64 bits
