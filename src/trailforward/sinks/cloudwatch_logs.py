"""CloudWatch Logs: PutLogEvents."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from trailforward.aws.own_calls import OwnCall
from trailforward.errors import EventError, PermanentError
from trailforward.jsontext import to_text
from trailforward.settings import Constraint
from trailforward.sinks._aws_sink import AwsSink
from trailforward.sinks._multi_call import send_parts
from trailforward.sinks.base import Limits, Rejection
from trailforward.sinks.settings import AwsSinkSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trailforward.sinks._multi_call import Part
    from trailforward.sinks.base import Entry

#: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html: a message in
#: UTF-8 and 26 bytes more for each; an event at most 1 MB.
LIMITS = Limits(max_entries=10_000, max_entry_bytes=1_000_000, max_batch_bytes=1_048_576)
_PER_EVENT = 26

#: A call spans at most 24 hours (same page).
_SPAN = 24 * 3600 * 1000


class CloudWatchLogsSettings(AwsSinkSettings):
    """``[sinks.NAME]`` with a log group's ARN.

    Attributes:
        stream: the log stream; it is made if it is not there. Calls in parallel do no harm.
        timestamp: ``event``: the event's own time, which CloudWatch Logs refuses if it is more than 14 days
            (or the group's retention) old; ``now``: the time of sending, for replays.
    """

    service: ClassVar[str] = "logs"
    resource_prefix: ClassVar[str] = "log-group:"
    example: ClassVar[str] = "arn:aws:logs:us-west-2:111122223333:log-group:/security/cloudtrail"

    stream: Annotated[str, Constraint(pattern=r"^[^:*]{1,512}$")] = "trailforward"
    timestamp: Literal["event", "now"] = "event"

    @classmethod
    def name_shape(cls) -> str:
        """Log groups may be named like paths; the console writes ``:*`` behind their ARNs."""
        return r"[.\-_/#A-Za-z0-9]{1,512}(:\*)?"

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """PutLogEvents to the log group, and CreateLogStream."""
        return (OwnCall("logs.amazonaws.com", ("PutLogEvents", "CreateLogStream"), self.to),)


class CloudWatchLogsSink(AwsSink):
    """A log group, in the account of the credentials: the API takes its name only, no ARN.

    Args:
        settings: see :class:`CloudWatchLogsSettings`.
        direct: False to call through botocore always.
    """

    Settings: ClassVar = CloudWatchLogsSettings
    service: ClassVar = "logs"
    default_limits: ClassVar = LIMITS
    uses_fields = False

    def __init__(self, settings: CloudWatchLogsSettings, *, direct: bool = True) -> None:
        super().__init__(settings, settings.arn.region, direct=direct)
        group = settings.resource_name.removesuffix(":*")
        self._place = {"logGroupName": group, "logStreamName": settings.stream}
        self._now = settings.timestamp == "now"

    def size(self, entry: Entry) -> int:
        """The message in UTF-8, and what each event costs."""
        return len(entry.data) + _PER_EVENT

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """One PutLogEvents call for each 24 hours that the events span, in the order of their times.

        Raises:
            TransientError: throttled, or no answer.
            PermanentError: the group is absent or forbidden.
        """
        now = time.time_ns() // 1_000_000
        times = {index: now if self._now else _time(entry, now) for index, entry in enumerate(batch)}
        refused: list[Rejection] = []
        texts: dict[int, str] = {}
        for index, entry in enumerate(batch):
            try:
                texts[index] = to_text(entry.data)
            except EventError as error:
                refused.append(Rejection(index, error.code, str(error), transient=False))
        ordered = sorted(texts, key=times.__getitem__)  # stable: equal times keep their order
        parts = ([(index, batch[index]) for index in span] for span in _spans(ordered, times))

        def put(part: Part) -> list[Rejection]:
            events = [{"timestamp": times[index], "message": texts[index]} for index, _ in part]
            return _rejected(self._put(events).get("rejectedLogEventsInfo"), part)

        return refused + send_parts(parts, put)

    def _put(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        try:
            return self._client.call("put_log_events", **self._place, logEvents=events)
        except PermanentError as error:
            if error.code != "ResourceNotFoundException":
                raise
        try:
            self._client.call("create_log_stream", **self._place)
        except PermanentError as error:
            if error.code != "ResourceAlreadyExistsException":  # another thread was faster
                raise
        return self._client.call("put_log_events", **self._place, logEvents=events)


def _time(entry: Entry, now: int) -> int:
    """Milliseconds since 1970; now, where the event does not tell."""
    try:
        then = datetime.fromisoformat(entry.time)
    except ValueError:
        return now
    return now if then.tzinfo is None else max(0, int(then.timestamp() * 1000))


def _spans(ordered: Sequence[int], times: dict[int, int]) -> Iterator[list[int]]:
    span: list[int] = []
    for index in ordered:
        if span and times[index] - times[span[0]] > _SPAN:
            yield span
            span = []
        span.append(index)
    if span:
        yield span


def _rejected(info: Any, part: Part) -> list[Rejection]:
    """What the answer rejects, by its positions in the call: from the too new on, and up to the too old."""
    if not isinstance(info, dict):
        return []
    new = info.get("tooNewLogEventStartIndex")
    found: dict[int, Rejection] = {}
    old = 'CloudWatch Logs takes no event this old: for replays set timestamp = "now"'
    bounds = (
        ("too_old", old, 0, info.get("tooOldLogEventEndIndex") or 0),
        (
            "expired",
            "the event is older than the log group's retention",
            0,
            info.get("expiredLogEventEndIndex") or 0,
        ),
        (
            "too_new",
            "the event's time is more than two hours ahead",
            len(part) if new is None else new,
            len(part),
        ),
    )
    for code, reason, start, end in bounds:
        for index, _ in part[start:end]:
            found[index] = Rejection(index, code, reason, transient=False)
    return list(found.values())
