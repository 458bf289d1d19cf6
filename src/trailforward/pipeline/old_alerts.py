"""Keeps old events from the sinks that alert people, when log files of the past are forwarded.

Only the command line uses it. A person who is paged for an event of last month looks for an incident that is
over.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from trailforward import formats, sinks
from trailforward.outcome import Fate, Verdict
from trailforward.pipeline.forwarder import Forwarder
from trailforward.pipeline.intake import EntryBuilder
from trailforward.pipeline.routing import build_routes
from trailforward.state.memory import MemoryState

if TYPE_CHECKING:
    from trailforward.config import Config
    from trailforward.message import Message
    from trailforward.pipeline.sender import Failure, PendingEntry
    from trailforward.pipeline.telemetry import Telemetry

#: The code of these verdicts.
CODE = "old_alert"
#: Sinks that write for whoever runs the command, and wake nobody.
_LOCAL = frozenset({"file", "stdout"})


class BackfillForwarder(Forwarder):
    """A forwarder of the past: it can filter old events where they would alert people.

    What ``once`` and ``threshold`` remember stays in its memory. In the table that the function uses, an old
    event would hold back the alert about a new one.

    Args:
        config: what to send where.
        alerts_since: events before this time, which has a time zone, alert nobody. An event without a valid
            time counts as later. None for no filter.
        telemetry: publishes the ledger.
    """

    def __init__(
        self, config: Config, *, alerts_since: datetime | None, telemetry: Telemetry | None = None
    ) -> None:
        super().__init__(config, telemetry=telemetry, state=MemoryState())
        if alerts_since is None:
            return
        names = {settings.format for settings in config.sinks.values()}
        names |= {form for route in build_routes(config) for form in route.formats.values()}
        people = frozenset(name for name in names if formats.is_for_people(formats.load(name)))
        alerting = [
            name for name, settings in config.sinks.items() if sinks.type_of(settings.to) not in _LOCAL
        ]
        self._intake.wrap(alerting, lambda builder: _Filtering(builder, people, alerts_since))


class _Filtering(EntryBuilder):
    """The builder of one sink, with a filter before it.

    Args:
        builder: of the sink.
        people: names of the formats for people.
        since: see :class:`BackfillForwarder`.
    """

    def __init__(self, builder: EntryBuilder, people: frozenset[str], since: datetime) -> None:
        # Not super().__init__: the wrapped builder does the work.
        self.arn = builder.arn
        self._builder = builder
        self._size, self._most = builder._size, builder._most  # noqa: SLF001  # for further wrappers
        self._people = people
        self._since = since
        reason = f"the event is older than {since:%Y-%m-%dT%H:%M:%SZ}, and the sink alerts people"
        self._verdict = Verdict(Fate.FILTERED, CODE, reason)

    def build(
        self, wanted: Any, index: int, message: Message, differs: str
    ) -> PendingEntry | Failure | Verdict:
        """The entry for a message, or why there is none; see :class:`~.intake.EntryBuilder`."""
        # With detections, the router names the format within a Delivery.
        form = wanted if isinstance(wanted, str) else getattr(wanted, "form", "")
        if form in self._people and _before(message.time, self._since):
            return self._verdict
        return self._builder.build(wanted, index, message, differs)


def _before(text: str, since: datetime) -> bool:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return False
    return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)) < since
