"""Objects in S3, read in blocks. Which errors pass is decided here, once."""

from __future__ import annotations

import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from trailforward.errors import EventError, MissingExtraError, UnreadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.sources.base import Pointer

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


class Objects:
    """Reads objects by botocore, with one client for each Region."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}

    def __call__(self, pointer: Pointer) -> Iterator[bytes]:
        """The bytes of an object, in blocks.

        Raises:
            EventError: with S3's own code (``NoSuchKey``, ``AccessDenied`` …): it can never be read.
            UnreadError: throttled, a server error, no answer, or an answer cut short.
            MissingExtraError: botocore is not installed.
        """
        if find_spec("botocore") is None:
            raise MissingExtraError("reading objects from S3", "aws")
        from botocore import exceptions

        version = {"VersionId": pointer.version} if pointer.version else {}
        try:
            client = self._client(pointer.region)
            body = client.get_object(Bucket=pointer.bucket, Key=pointer.key, **version)["Body"]
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
        with _lock:  # a session is not safe to make clients from several threads
            if region not in self._clients:
                from botocore.config import Config

                from trailforward._version import __version__

                session = _session()
                self._clients[region] = session.create_client(
                    "s3",
                    region_name=region or session.get_config_variable("region") or "us-east-1",
                    config=Config(
                        connect_timeout=_CONNECT_SECONDS,
                        read_timeout=_READ_SECONDS,
                        retries={"total_max_attempts": 2},
                        user_agent_extra=f"trailforward/{__version__}",
                    ),
                )
            return self._clients[region]


_lock = threading.Lock()
_sessions: list[Any] = []


def _session() -> Any:
    """One botocore session: it is what making a client costs most."""
    if not _sessions:
        from botocore.session import Session

        _sessions.append(Session())
    return _sessions[0]


def _refusal(error: Any) -> EventError:
    details = error.response.get("Error", {})
    code = str(details.get("Code") or "Unknown")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    passing = code in _PASSING or status in _PASSING_STATUS or not 400 <= status < 500  # noqa: PLR2004
    return (UnreadError if passing else EventError)(code, f"S3 did not give the object: {code}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
