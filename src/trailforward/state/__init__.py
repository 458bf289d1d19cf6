"""The state of suppression: what a route remembers about a key, from one invocation to the next.

A state keeps one small JSON object per key. A writer names the version that it has read, so of two writers
one fails and reads again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from trailforward.state.dynamodb import DynamoDbState


class Stored(NamedTuple):
    """What a state knows about a key.

    Attributes:
        value: a JSON object; None if the key is unknown.
        version: changes with each write; empty if the key is unknown.
    """

    value: dict[str, Any] | None
    version: str


class State(Protocol):
    """Keeps a JSON object per key. Every method may be called by several threads."""

    def read(self, key: str) -> Stored:
        """What is known about a key.

        Raises:
            SinkError: the state is unavailable.
        """
        ...

    def write(self, key: str, value: dict[str, Any], version: str, expires: int) -> str | None:
        """Replaces what is known about a key, and returns the new version; None if another writer was first.

        Args:
            key: at most 200 characters.
            value: a JSON object of at most a few kilobytes.
            version: what :meth:`read` returned.
            expires: seconds since 1970; the key may be forgotten after it.

        Raises:
            SinkError: the state is unavailable. The write may have succeeded anyway.
        """
        ...

    def close(self) -> None:
        """Closes the connections."""
        ...


def table_state(arn: str, *, direct: bool) -> DynamoDbState:
    """The state in a DynamoDB table. It connects on first use.

    Args:
        arn: of the table.
        direct: whether AWS may be called without botocore.
    """
    from trailforward.state.dynamodb import DynamoDbState

    return DynamoDbState(arn, direct=direct)
