"""What proves a sender's identity in one request, and the contract of what makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, repr=False)
class Proof:
    """Headers that prove who sends. The class has no repr, so that no traceback shows a secret.

    Attributes:
        headers: added to the request.
        used: the secret or the credentials behind them.
        target: path and query that replace the URL's own; empty to keep them.
    """

    headers: Mapping[str, str]
    used: str
    target: str = ""


class Authorizer(Protocol):
    """Makes the proof for each request."""

    def prove(self, url: str, headers: Mapping[str, str], body: bytes) -> Proof:
        """The headers to add.

        Raises:
            TransientError: the secret or the credentials cannot be read right now.
            PermanentError: they cannot be read until somebody fixes the cause.
        """
        ...

    def renew(self, used: str) -> bool:
        """Reads the secret or the credentials again after a refusal; True if they changed.

        Raises:
            TransientError: as for ``prove``.
            PermanentError: as for ``prove``.
        """
        ...
