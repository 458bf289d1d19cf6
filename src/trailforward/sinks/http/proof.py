"""The authentication of one request, and the contract of the classes that create it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, repr=False)
class Proof:
    """The authentication of one request. The class has no repr, so that tracebacks do not show secrets.

    Attributes:
        headers: headers to add to the request.
        used: the secret or the credentials that were used.
        target: replaces the path and query of the URL; empty to keep them.
        body: replaces the body, for receivers that read the secret there; empty to keep it.
        rejections: the statuses by which the receiver may reject the secret or the credentials.
    """

    headers: Mapping[str, str]
    used: str
    target: str = ""
    body: bytes = b""
    rejections: frozenset[int] = frozenset({401, 403})


class Authorizer(Protocol):
    """Authenticates requests."""

    def prove(self, url: str, headers: Mapping[str, str], body: bytes) -> Proof:
        """Creates the authentication of one request.

        Raises:
            TransientError: the secret or the credentials cannot be read at the moment.
            PermanentError: they cannot be read until somebody fixes the cause.
        """
        ...

    def renew(self, used: str) -> bool:
        """Reads the secret or the credentials again after a rejection; True if they changed.

        Raises:
            TransientError: as for ``prove``.
            PermanentError: as for ``prove``.
        """
        ...
