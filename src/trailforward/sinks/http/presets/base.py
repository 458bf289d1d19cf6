"""The contract of a preset, with the answers of a plain receiver."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.aws.errors import UNREADABLE
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
    """A kind of receiver.

    Attributes:
        format: what is sent unless the settings say otherwise.
        formats: the only formats that fit; empty if every JSON format does.
        batch: the shape of the body; empty if the preset has a framing of its own.
        metadata: keys that ``metadata`` may have.
        limits: what one request takes.
        path: of the URL, where ``to`` has none.
        gzip: whether bodies may be compressed.
        needs_secret: whether nothing can be sent without one.
    """

    format: ClassVar[str] = "raw"
    formats: ClassVar[Sequence[str]] = ()
    batch: ClassVar[str] = ""
    metadata: ClassVar[Sequence[str]] = ()
    limits: ClassVar[Limits]
    path: ClassVar[str] = ""
    gzip: ClassVar[bool] = True
    needs_secret: ClassVar[bool] = True

    def check(self, url: SplitResult) -> None:
        """Refuses a URL that cannot be this receiver's.

        Raises:
            SettingError: it cannot.
        """

    def auth(self, secret: str) -> SecretAuth:
        """How the secret is shown, by its reference."""
        raise NotImplementedError

    def framing(self, metadata: Mapping[str, str]) -> Framing:
        """The bodies; only where ``batch`` is empty."""
        raise NotImplementedError

    def read(self, answer: Response, count: int) -> list[Rejection]:  # noqa: ARG002
        """The entries that a 2xx answer refuses.

        Raises:
            TransientError: the answer is not this receiver's, so nobody knows.
        """
        return []

    def failure(self, answer: Response, origin: str) -> TransientError | PermanentError:
        """Sorts any other answer."""
        return failure(answer, origin)


def parsed(answer: Response) -> dict[str, Any]:
    """An answer's JSON object; empty if it holds none."""
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def stranger(what: str) -> TransientError:
    """A 2xx that did not come from such a receiver: a proxy's page, say."""
    return TransientError(UNREADABLE, f"the answer is not {what}'s; does `to` lead there?")
