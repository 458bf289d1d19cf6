"""Objects in S3, read in blocks. Which errors pass is decided here, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.aws.session import make_client, require_botocore
from trailforward.errors import EventError, UnreadError

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = 256 * 1024
_CONNECT_SECONDS = 3.0
_READ_SECONDS = 5.0

#: Refusals with a client's status that pass: throttling, slow clients, credentials about to be renewed.
_PASSING = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "RequestTimeout",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "KMS.ThrottlingException",
    }
)
_PASSING_STATUS = frozenset({408, 429})


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
    """Reads objects through botocore, with one client for each Region."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}

    def __call__(self, place: S3Object) -> Iterator[bytes]:
        """The bytes of an object, in blocks.

        Raises:
            EventError: with S3's own code (``NoSuchKey``, ``AccessDenied`` …): it can never be read.
            UnreadError: throttled, a server error, no answer, or an answer cut short.
            MissingExtraError: botocore is not installed.
        """
        require_botocore("reading objects from S3")
        from botocore import exceptions

        version = {"VersionId": place.version} if place.version else {}
        try:
            client = self._client(place.region)
            body = client.get_object(Bucket=place.bucket, Key=place.key, **version)["Body"]
            try:
                while block := body.read(_BLOCK):
                    yield block
            finally:
                body.close()
        except exceptions.ClientError as error:
            raise _refusal(error) from None
        except exceptions.ParamValidationError as error:
            raise EventError("bad_notification", f"no object of S3: {_first_line(error)}") from None
        except (exceptions.BotoCoreError, exceptions.HTTPClientError) as error:
            raise UnreadError(type(error).__name__, _first_line(error)) from None

    def close(self) -> None:
        """Gives up the connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _client(self, region: str) -> Any:
        client = self._clients.get(region)
        if client is None:
            made = make_client(
                "s3", region, connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, attempts=2
            )
            client = self._clients.setdefault(region, made)
        return client


def _refusal(error: Any) -> EventError:
    details = error.response.get("Error", {})
    code = str(details.get("Code") or "Unknown")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    passing = code in _PASSING or status in _PASSING_STATUS or not 400 <= status < 500  # noqa: PLR2004
    return (UnreadError if passing else EventError)(code, f"S3 did not give the object: {code}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
