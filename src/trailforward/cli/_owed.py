"""Forwards dead letters to a queue that the function reads, so that only the sinks still owed get them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trailforward import redelivery, sinks
from trailforward.errors import EventError
from trailforward.message import Message, Origin
from trailforward.sinks.base import Entry, Rejection, Sink

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trailforward.config import Config

#: What the function reads from a redelivered message, or shows to people. The encoding belongs to the body.
_KEPT = (
    redelivery.SINKS,
    redelivery.CODE,
    redelivery.REASON,
    redelivery.ATTEMPTS,
    redelivery.FIRST_SEEN,
    redelivery.ORIGIN,
)


class OwedSink(Sink):
    """A queue, to which messages go with trailforward's attributes that they came with.

    Args:
        queue: the sink of the queue.
    """

    def __init__(self, queue: Sink) -> None:
        self._queue = queue
        self.arn = queue.arn
        self.limits = queue.limits
        self.uses_fields = queue.uses_fields
        self._default: dict[str, str] = {}
        self._by_key: dict[str, dict[str, str]] = {}

    def expect(self, messages: Iterable[tuple[str, Mapping[str, str]]]) -> None:
        """Names the messages that come next.

        Args:
            messages: bodies and attributes. All of them are owed to the same sinks.
        """
        self._default, self._by_key = {}, {}
        for body, attributes in messages:
            if redelivery.SINKS not in attributes:
                continue
            self._default = {redelivery.SINKS: attributes[redelivery.SINKS]}
            try:
                key = Message(redelivery.decode_body(body, attributes), Origin("sqs")).key
            except EventError:
                continue  # it cannot be forwarded
            self._by_key[key] = {name: attributes[name] for name in _KEPT if name in attributes}

    def size(self, entry: Entry) -> int:
        """Body plus attributes."""
        return self._queue.size(self._attributed(entry))

    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Sends a batch to the queue."""
        return self._queue.send([self._attributed(entry) for entry in batch])

    def close(self) -> None:
        """Closes the connections to the queue."""
        self._queue.close()

    def _attributed(self, entry: Entry) -> Entry:
        attributes = self._by_key.get(entry.key, self._default)
        if not attributes:
            return entry
        stored = redelivery.to_sqs(entry.data, attributes, self.limits.max_entry_bytes)
        return entry if stored is None else replace(entry, data=stored[0], attributes=stored[1])


def owed_sinks(config: Config) -> dict[str, OwedSink]:
    """The queues among the destinations, by name, as :class:`OwedSink`."""
    queues = {name: one for name, one in config.sinks.items() if sinks.type_of(one.to) == "sqs"}
    return {name: OwedSink(sinks.make(one)) for name, one in queues.items()}
