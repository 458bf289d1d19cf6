"""A queue with the semantics of SQS and of its event source mapping: what is not deleted comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.events import sqs, sqs_record

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Mapping, Sequence


class Waiting(NamedTuple):
    """A message in the queue."""

    body: bytes
    attributes: Mapping[str, str]


class SourceQueue:
    """The queue.

    Args:
        arn: of the queue.

    Attributes:
        received: deliveries of messages, including repeated ones.
    """

    def __init__(self, arn: str) -> None:
        self.arn = arn
        self.received = 0
        self._waiting: dict[str, Waiting] = {}
        self._sent = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def send(self, messages: Iterable[Waiting]) -> None:
        """Adds messages."""
        for message in messages:
            self._sent += 1
            self._waiting[f"{self.arn.rpartition(':')[2]}-{self._sent}"] = message

    def batch(self, source: random.Random, most: int) -> dict[str, Any]:
        """The payload of an invocation with some of the messages. They stay in the queue until deleted."""
        chosen = source.sample(list(self._waiting), min(most, len(self._waiting)))
        self.received += len(chosen)
        return sqs(
            *(
                sqs_record(message.body, ident, arn=self.arn, attributes=dict(message.attributes))
                for ident in chosen
                for message in (self._waiting[ident],)
            )
        )

    def delete(self, payload: Mapping[str, Any], failed: Sequence[str]) -> None:
        """Deletes the messages of an invocation that the function did not return."""
        for record in payload["Records"]:
            if record["messageId"] not in failed:
                del self._waiting[record["messageId"]]
