"""The contract of a sink.

A sink sends one batch and returns the entries that the destination rejected. It never sleeps, retries, logs
payloads, or reads the environment; the forwarder does that. Several threads may call ``send`` concurrently.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from trailforward.errors import Cause

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


#: Attributes that name the highest severity, and as a JSON array the detections that matched an event.
SEVERITY = "trailforward-severity"
DETECTION = "trailforward-detection"
#: Attribute that says how many events a message stands for.
REPEATS = "trailforward-repeats"


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
    """One message for one sink.

    Attributes:
        data: the formatted bytes.
        key: identifies the event across deliveries (partition key, deduplication ID).
        group: ordering key for destinations that need one (the account ID).
        subject: a short line for people, or empty.
        fields: values for subscription filters and partition keys: source, detail-type, account, region,
            eventSource, eventName, readOnly, errorCode, :data:`SEVERITY`, :data:`DETECTION`. Only those that
            the event has.
        attributes: trailforward's own message attributes (detections, dead letters, retry queue).
        content_type: content type of the data; empty if unknown.
        time: the event's time, in ISO 8601 as the event has it; empty if unknown.
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
    """An entry that the destination did not accept.

    Attributes:
        index: index of the entry in the batch.
        code: the destination's error code.
        message: the destination's error message, without payload.
        transient: whether to send the entry again in this invocation.
        cause: whose fault it is, if it is not transient; ``THROTTLING`` if it is, and the rate was too high.
    """

    index: int
    code: str
    message: str
    transient: bool
    cause: Cause = Cause.UNKNOWN


class Sink(ABC):
    """Base class of sinks. Subclasses implement ``size`` and ``send``.

    Attributes:
        arn: the destination's ARN, or empty. A message from this queue is never sent back to it.
        limits: limits of one call.
        uses_fields: whether ``size`` or ``send`` reads ``group``, ``subject``, or ``fields`` of entries.
            If False, the pipeline does not build them, which saves time.
        uses_direct_client: whether the constructor accepts ``direct=…`` (see :class:`AwsSink`).
        acts: whether the destination acts on an event, so that a check must not send a test event.
    """

    arn: str = ""
    limits: Limits
    uses_fields: bool = True
    uses_direct_client: ClassVar[bool] = False
    acts: ClassVar[bool] = False

    @abstractmethod
    def size(self, entry: Entry) -> int:
        """The entry's size in bytes, including everything that counts toward the destination's limits."""

    @abstractmethod
    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection]:
        """Sends one batch that fits ``limits``, and returns the entries that the destination rejected.

        Raises:
            TransientError: the whole call failed and may succeed later. It may have succeeded already.
            PermanentError: the whole call failed and will fail again until somebody fixes the cause.
        """

    def connect(self) -> str:
        """Connects as ``send`` would, sends nothing, and returns the TLS version; empty without TLS.

        Raises:
            TransientError: there is no connection at the moment.
            PermanentError: the server's certificate is not trusted.
        """
        return ""

    def rehearse(self) -> bool:
        """Calls a destination that acts, without effect; False if its API has no such call.

        Raises:
            SinkError: a call with an event would fail as well.
        """
        return False

    def prepare(self) -> None:  # noqa: B027  # optional
        """Creates what the first batch needs, without connecting. Called before a SnapStart snapshot."""

    def close(self) -> None:  # noqa: B027  # optional
        """Closes connections and files. The next ``send`` opens new ones."""
