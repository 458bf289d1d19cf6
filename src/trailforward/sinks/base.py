"""The whole contract of a sink.

A sink sends one batch and says which entries were refused. It never sleeps, retries, logs payloads or
reads the environment: the forwarder does all that around it. ``send`` may be called from any thread, and
from several at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Limits(NamedTuple):
    """What a destination takes in one call. All of it can be set per sink, because AWS moves it.

    Attributes:
        entries: most entries of a call.
        entry_bytes: most bytes of one entry, counted by ``Sink.size``.
        batch_bytes: most bytes of a call, the sum of the sizes and ``batch_overhead``.
        batch_overhead: bytes that a call costs before its first entry (the brackets of an array).
        calls: most calls under way at once.
    """

    entries: int
    entry_bytes: int
    batch_bytes: int
    batch_overhead: int = 0
    calls: int = 1

    def override(
        self,
        entries: int | None = None,
        entry_bytes: int | None = None,
        batch_bytes: int | None = None,
        calls: int | None = None,
    ) -> Limits:
        """The same limits with the given ones replaced."""
        return self._replace(
            entries=entries or self.entries,
            entry_bytes=entry_bytes or self.entry_bytes,
            batch_bytes=batch_bytes or self.batch_bytes,
            calls=calls or self.calls,
        )


@dataclass(slots=True)
class Entry:
    """One message as one sink gets it.

    Attributes:
        data: the formatted bytes.
        key: identifies the event across deliveries (partition key, deduplication id).
        group: an ordering key where the destination wants one (the account).
        subject: a short line for people, or empty.
        fields: what subscription filters and partition keys may use: source, detail-type, account, region,
            eventSource, eventName, readOnly, errorCode; those the event has.
        attributes: what trailforward itself says of a message it hands back (dead letters, retry queue).
        content_type: of the data on its own; empty if unknown.
        time: when the event happened, ISO 8601 as the event spells it; empty if unknown.
    """

    data: bytes
    key: str
    group: str = ""
    subject: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    time: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """An entry that the destination did not take.

    Attributes:
        index: its place in the batch.
        code: the destination's error code.
        message: the destination's words; no payload.
        transient: whether the same entry may be taken later.
    """

    index: int
    code: str
    message: str
    transient: bool


class Sink(Protocol):
    """A destination.

    Attributes:
        limits: what one call takes.
        arn: the destination's ARN, or empty. A message that came from this very queue is not sent back.

    A sink that never looks at ``group``, ``subject`` and ``fields`` of its entries may say so by ``plain =
    True``, and spares itself the cost of making them. One that does much before its first batch may do that
    in ``prepare()``, which Lambda calls before it takes a snapshot (SnapStart); it must not connect.
    """

    limits: Limits
    arn: str

    def size(self, entry: Entry) -> int:
        """Bytes of an entry, everything that counts toward the destination's limits."""
        ...

    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Sends one batch that fits ``limits`` and returns the refused entries.

        Raises:
            TransientError: the whole call failed and may succeed later (or may have succeeded unseen).
            PermanentError: the whole call failed for good.
        """
        ...

    def close(self) -> None:
        """Gives up connections and files."""
        ...
