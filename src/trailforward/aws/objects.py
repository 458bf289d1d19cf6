"""Reads S3 objects in blocks, and classifies S3's errors as transient or permanent.

Only an error that says that the object does not exist, or can never be read, is permanent. A missing
permission, a disabled key, or expired credentials can be fixed, and the object is still there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.errors import EventError, UnreadError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BLOCK = 256 * 1024
#: Maximum clients that are kept: each takes 0.4 MB, and notifications choose the Region.
MAX_CLIENTS = 4
_CONNECT_SECONDS = 3.0
_READ_SECONDS = 5.0

#: The object does not exist, is archived, was deleted (405: a delete marker), or its name is not valid.
#: ``InvalidRequest`` and ``InvalidArgument``: encrypted with its owner's key, or an invalid version.
#: Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_PERMANENT_CODES = frozenset(
    {
        "404",
        "405",
        "InvalidArgument",
        "InvalidBucketName",
        "InvalidObjectState",
        "InvalidRequest",
        "KeyTooLongError",
        "MethodNotAllowed",
        "NoSuchBucket",
        "NoSuchKey",
        "NoSuchVersion",
    }
)


class S3Object(NamedTuple):
    """An object in S3.

    Attributes:
        bucket: the bucket's name.
        key: the object's key, decoded.
        region: the bucket's Region, or empty if unknown.
        version: the object's version, or empty for the newest.
    """

    bucket: str
    key: str
    region: str = ""
    version: str = ""


class Objects:
    """Reads objects through botocore, with one client for each of the last few Regions.

    Args:
        owners: bucket → the account that must own it; other buckets may belong to any account.
    """

    def __init__(self, owners: Mapping[str, str] | None = None) -> None:
        self._owners = owners or {}
        #: By Region, the one used last at the end.
        self._clients: dict[str, Any] = {}

    def __call__(self, location: S3Object) -> Iterator[bytes]:
        """Yields the bytes of an object in blocks.

        Raises:
            EventError: the object can never be read. ``code`` is S3's: ``NoSuchKey``, ``NoSuchBucket`` …
            UnreadError: access denied, a disabled key, throttled, server error, no response, or a truncated
                response.
            MissingExtraError: botocore is not installed.
        """
        from trailforward.aws.session import require_botocore

        require_botocore("reading objects from S3")
        from botocore import exceptions

        owner = self._owners.get(location.bucket, "")
        more = {"VersionId": location.version} if location.version else {}
        if owner:
            more["ExpectedBucketOwner"] = owner
        try:
            client = self._client(location.region)
            body = client.get_object(Bucket=location.bucket, Key=location.key, **more)["Body"]
            try:
                while block := body.read(_BLOCK):
                    yield block
            finally:
                body.close()
        except exceptions.ClientError as error:
            raise _event_error(error, owner) from None
        except exceptions.ParamValidationError as error:
            raise EventError("bad_notification", f"not a valid S3 object: {_first_line(error)}") from None
        except (exceptions.BotoCoreError, exceptions.HTTPClientError) as error:
            raise UnreadError(type(error).__name__, _first_line(error)) from None

    def close(self) -> None:
        """Closes the connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _client(self, region: str) -> Any:
        client = self._clients.pop(region, None)
        if client is None:
            from trailforward.aws.session import make_client

            while len(self._clients) >= MAX_CLIENTS:
                self._clients.pop(next(iter(self._clients))).close()
            client = make_client(
                "s3", region, connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, attempts=2
            )
        self._clients[region] = client
        return client


def _event_error(error: Any, owner: str = "") -> EventError:
    details = error.response.get("Error", {})
    code = str(details.get("Code") or "Unknown")
    text = f"S3 did not return the object: {code}"
    if code == "AccessDenied" and owner:  # S3 does not say which of the two it is
        text += f", or the bucket does not belong to {owner}, the account in bucket_owners"
    return (EventError if code in _PERMANENT_CODES else UnreadError)(code, text)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
