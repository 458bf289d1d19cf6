"""Marks repaired events in attributes or headers, where a sink has some. Only the command line uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward import sinks
from trailforward.pipeline.grouping import GroupingSink
from trailforward.pipeline.intake import EntryBuilder
from trailforward.pipeline.old_alerts import BackfillForwarder
from trailforward.pipeline.sender import PendingEntry

if TYPE_CHECKING:
    from datetime import datetime

    from trailforward.config import Config
    from trailforward.message import Message
    from trailforward.outcome import Verdict
    from trailforward.pipeline.sender import Failure
    from trailforward.pipeline.telemetry import Telemetry

#: The attribute or header, with the name of the repair.
REPAIR = "trailforward-repair"
#: SNS discards raw messages with more attributes.
_MOST_ATTRIBUTES = 10


class RepairForwarder(BackfillForwarder):
    """A forwarder that marks events as repaired, and filters old ones where they would alert people.

    Args:
        config: what to send where.
        name: of the repair.
        alerts_since: events before this time, which has a time zone, alert nobody.
        telemetry: publishes the ledger.
    """

    def __init__(
        self, config: Config, *, name: str, alerts_since: datetime, telemetry: Telemetry | None = None
    ) -> None:
        super().__init__(config, alerts_since=alerts_since, telemetry=telemetry)
        self._intake.wrap(config.sinks, lambda builder: _Marking(builder, name))
        for settings, sink in zip(config.sinks.values(), self._sinks.values(), strict=True):
            if sinks.type_of(settings.to) == "http":
                # All requests of this forwarder are of the repair, also those with many events.
                inner: Any = sink._inner if isinstance(sink, GroupingSink) else sink  # noqa: SLF001
                inner.add_headers({REPAIR: name})


class _Marking(EntryBuilder):
    """Wraps the builder of one sink, and adds the attribute.

    Args:
        builder: of the sink.
        name: of the repair.
    """

    def __init__(self, builder: EntryBuilder, name: str) -> None:
        # Not super().__init__: the wrapped builder does the work.
        self.arn = builder.arn
        self._builder = builder
        self._size, self._most = builder._size, builder._most  # noqa: SLF001  # of the same class
        self._mark = {REPAIR: name}

    def build(
        self, wanted: Any, index: int, message: Message, differs: str
    ) -> PendingEntry | Failure | Verdict:
        """The entry for a message, or why there is none; see :class:`~.intake.EntryBuilder`."""
        entry = self._builder.build(wanted, index, message, differs)
        if not isinstance(entry, PendingEntry):
            return entry
        entry.attributes = {**entry.attributes, **self._mark}
        if entry.fields and len(entry.fields) < _MOST_ATTRIBUTES:
            entry.fields = {**entry.fields, **self._mark}
        entry.size = self._size(entry)
        return self._too_large(entry.size) if entry.size > self._most else entry
