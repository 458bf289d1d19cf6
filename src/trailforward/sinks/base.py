"""The whole contract of a sink.

A sink sends one batch and says which entries were refused. It never sleeps, retries, logs payloads or
reads the environment: the forwarder does all that around it. ``send`` may be called from any thread, and
from several at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Limits(NamedTuple):
    """What a destination accepts in one call. Settings can replace every value, because AWS raises limits.

    Attributes:
        max_entries: most entries in a call.
        max_entry_bytes: most bytes in an entry, counted by ``Sink.size``.
        max_batch_bytes: most bytes in a call: the sum of the sizes plus ``batch_overhead``.
        batch_overhead: bytes in a call that belong to no entry (the brackets of a JSON array).
        max_concurrency: most calls in progress at the same time.
    """

    max_entries: int
    max_entry_bytes: int
    max_batch_bytes: int
    batch_overhead: int = 0
    max_concurrency: int = 1

    def override(
        self,
        max_entries: int | None = None,
        max_entry_bytes: int | None = None,
        max_batch_bytes: int | None = None,
        max_concurrency: int | None = None,
    ) -> Limits:
        """The same limits with the given ones replaced."""
        return self._replace(
            max_entries=max_entries or self.max_entries,
            max_entry_bytes=max_entry_bytes or self.max_entry_bytes,
            max_batch_bytes=max_batch_bytes or self.max_batch_bytes,
            max_concurrency=max_concurrency or self.max_concurrency,
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


class Sink(ABC):
    """A destination. A sink class derives from this one and implements ``size`` and ``send``.

    Attributes:
        arn: the destination's ARN, or empty. A message that came from this queue is not sent back to it.
        limits: what one call accepts.
        uses_fields: whether ``size`` or ``send`` read ``group``, ``subject``, or ``fields`` of entries.
            False saves the pipeline the cost of building them.
        uses_direct_client: whether the constructor takes ``direct=…`` (see :class:`AwsSink`).
    """

    arn: str = ""
    limits: Limits
    uses_fields: bool = True
    uses_direct_client: ClassVar[bool] = False

    @abstractmethod
    def size(self, entry: Entry) -> int:
        """Bytes of an entry, everything that counts toward the destination's limits."""

    @abstractmethod
    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Sends one batch that fits ``limits``, and returns the entries that the destination refused.

        Raises:
            TransientError: the whole call failed and may succeed later (or may have succeeded unnoticed).
            PermanentError: the whole call failed and will fail again.
        """

    def prepare(self) -> None:  # noqa: B027  # optional
        """Makes what the first batch needs, without connecting. Called before a SnapStart snapshot."""

    def close(self) -> None:  # noqa: B027  # optional
        """Closes connections and files. The next ``send`` opens new ones."""
