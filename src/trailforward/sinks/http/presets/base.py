"""The contract of a preset, with defaults for responses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.aws.errors import UNPARSEABLE
from trailforward.errors import TransientError
from trailforward.transport.responses import failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from urllib.parse import SplitResult

    from trailforward.errors import PermanentError
    from trailforward.sinks.base import Limits, Rejection
    from trailforward.sinks.http.auth import SecretAuth
    from trailforward.sinks.http.framing import Framing
    from trailforward.transport.connections import Response


class Preset:
    """A type of receiver.

    Attributes:
        format: default format.
        formats: the supported formats; empty if every JSON format is supported.
        batch: value of the setting ``batch``; empty if the preset creates the framing itself.
        metadata: keys that the setting ``metadata`` supports.
        limits: limits of one request.
        path: path of the URL if ``to`` has none.
        gzip: whether the receiver accepts compressed bodies.
        needs_secret: whether the receiver requires a secret.
        reads_multi_status: whether ``rejections`` also reads responses with status 207. Otherwise they are
            errors.
        uses_fields: whether the framing reads ``fields`` of entries.
        fix: what to write if the secret is missing.
    """

    format: ClassVar[str] = "raw"
    formats: ClassVar[Sequence[str]] = ()
    batch: ClassVar[str] = ""
    metadata: ClassVar[Sequence[str]] = ()
    limits: ClassVar[Limits]
    path: ClassVar[str] = ""
    gzip: ClassVar[bool] = True
    needs_secret: ClassVar[bool] = True
    reads_multi_status: ClassVar[bool] = False
    uses_fields: ClassVar[bool] = False
    fix: ClassVar[str] = "set `secret` to the ARN of a secret or parameter"

    def check(self, url: SplitResult) -> None:
        """Checks the URL.

        Raises:
            SettingError: the URL cannot be one of this type of receiver.
        """

    def check_metadata(self, metadata: Mapping[str, str]) -> None:
        """Checks the values of ``metadata``, whose keys are known.

        Raises:
            SettingError: a value is not supported.
        """

    def auth(self, secret: str) -> SecretAuth:
        """The authentication with a secret, given by its reference."""
        raise NotImplementedError

    def framing(self, metadata: Mapping[str, str]) -> Framing:
        """How events are combined into a body. Called only if ``batch`` is empty."""
        raise NotImplementedError

    def rejections(self, response: Response, count: int) -> list[Rejection]:  # noqa: ARG002
        """The entries that a 2xx response rejects, out of ``count`` entries.

        Raises:
            TransientError: the response does not come from this type of receiver.
            PermanentError: entries were rejected, and the response does not say which.
        """
        return []

    def failure(self, response: Response, origin: str) -> TransientError | PermanentError:
        """Classifies an error response."""
        return failure(response, origin)


def json_object(response: Response) -> dict[str, Any]:
    """The JSON object in a response body; empty if there is none."""
    try:
        value = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def unparseable(receiver: str) -> TransientError:
    """The error for a 2xx response that did not come from the receiver, for example a proxy's page."""
    return TransientError(UNPARSEABLE, f"unparseable response from {receiver}. Fix: check the URL in `to`")
