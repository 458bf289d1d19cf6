"""Stores an object in S3, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.aws.errors import UNPARSEABLE
from trailforward.errors import PermanentError, TransientError

if TYPE_CHECKING:
    from trailforward.aws.client import Client


def put_once(client: Client, **parameters: Any) -> None:
    """Makes one PutObject call. The content must determine the key: an existing object is the same.

    Args:
        client: of S3.
        **parameters: of PutObject.

    Raises:
        TransientError: throttled, or no response of S3, which always sends an entity tag.
        PermanentError: the bucket does not exist, or access is denied.
    """
    transient = ("ConditionalRequestConflict", "OperationAborted")
    try:
        response = client.call("put_object", transient=transient, IfNoneMatch="*", **parameters)
    except PermanentError as error:
        if error.code not in {"PreconditionFailed", "412"}:
            raise
    else:
        if not response.get("ETag"):  # another server, such as a captive portal
            raise TransientError(UNPARSEABLE, "unparseable response from s3: no ETag")
