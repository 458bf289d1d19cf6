"""CloudWatch Logs: PutLogEvents."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from trailforward.aws.own_calls import OwnCall
from trailforward.errors import Cause, EventError, PermanentError
from trailforward.jsontext import to_text
from trailforward.settings import Constraint
from trailforward.sinks._aws_sink import AwsSink
from trailforward.sinks._multi_call import send_sub_batches
from trailforward.sinks.base import Limits, Rejection
from trailforward.sinks.settings import AwsSinkSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trailforward.sinks._multi_call import SubBatch
    from trailforward.sinks.base import Entry

#: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html: each
#: event counts its message in UTF-8 plus 26 bytes; an event has at most 1 MB.
LIMITS = Limits(max_entries=10_000, max_entry_bytes=1_000_000, max_batch_bytes=1_048_576)
_EVENT_OVERHEAD = 26

#: A call spans at most 24 hours (same page). In milliseconds.
_MAX_SPAN = 24 * 3600 * 1000


class CloudWatchLogsSettings(AwsSinkSettings):
    """``[sinks.NAME]`` with a log group's ARN.

    Attributes:
        stream: the log stream, created if it does not exist. Parallel calls to one stream are safe.
        timestamp: ``event``: the event's own time. CloudWatch Logs rejects events that are older than 14 days
            or the log group's retention. ``now``: the time of sending, for replays.
    """

    service: ClassVar[str] = "logs"
    service_name: ClassVar[str] = "CloudWatch Logs"
    resource_type: ClassVar[str] = "log group"
    resource_prefix: ClassVar[str] = "log-group:"
    example: ClassVar[str] = "arn:aws:logs:us-west-2:111122223333:log-group:/security/cloudtrail"

    stream: Annotated[str, Constraint(pattern=r"^[^:*]{1,512}$")] = "trailforward"
    timestamp: Literal["event", "now"] = "event"

    @classmethod
    def name_shape(cls) -> str:
        """Log group names may contain slashes, and the console appends ``:*`` to their ARNs."""
        return r"[.\-_/#A-Za-z0-9]{1,512}(:\*)?"

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """PutLogEvents to the log group, and CreateLogStream."""
        return (OwnCall("logs.amazonaws.com", ("PutLogEvents", "CreateLogStream"), self.to),)


class CloudWatchLogsSink(AwsSink):
    """Sends to a log group. The API takes its name, so it must be in the function's own account.

    Args:
        settings: see :class:`CloudWatchLogsSettings`.
        direct: False to always call through botocore.
    """

    Settings: ClassVar = CloudWatchLogsSettings
    service: ClassVar = "logs"
    default_limits: ClassVar = LIMITS
    uses_fields = False

    def __init__(self, settings: CloudWatchLogsSettings, *, direct: bool = True) -> None:
        super().__init__(settings, settings.arn.region, direct=direct)
        group = settings.resource_name.removesuffix(":*")
        self._stream = {"logGroupName": group, "logStreamName": settings.stream}
        self._now = settings.timestamp == "now"

    def size(self, entry: Entry) -> int:
        """The message in UTF-8, plus the overhead per event."""
        return len(entry.data) + _EVENT_OVERHEAD

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Makes one PutLogEvents call for every 24 hours that the events span, in chronological order.

        Raises:
            TransientError: throttled, or no response.
            PermanentError: the log group does not exist, or access is denied.
        """
        now = time.time_ns() // 1_000_000
        times = {index: now if self._now else _time(entry, now) for index, entry in enumerate(batch)}
        rejections: list[Rejection] = []
        texts: dict[int, str] = {}
        for index, entry in enumerate(batch):
            try:
                texts[index] = to_text(entry.data)
            except EventError as error:
                rejections.append(
                    Rejection(index, error.code, str(error), transient=False, cause=Cause.CONTENT)
                )
        ordered = sorted(texts, key=times.__getitem__)  # stable: events with equal times keep their order
        sub_batches = ([(index, batch[index]) for index in span] for span in _spans(ordered, times))

        def put(sub_batch: SubBatch) -> list[Rejection]:
            events = [{"timestamp": times[index], "message": texts[index]} for index, _ in sub_batch]
            return _rejections(self._put(events).get("rejectedLogEventsInfo"), sub_batch)

        return rejections + send_sub_batches(sub_batches, put)

    def _put(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        try:
            return self._client.call("put_log_events", **self._stream, logEvents=events)
        except PermanentError as error:
            if error.code != "ResourceNotFoundException":
                raise
        try:
            self._client.call("create_log_stream", **self._stream)
        except PermanentError as error:
            if error.code != "ResourceAlreadyExistsException":  # another thread created it first
                raise
        return self._client.call("put_log_events", **self._stream, logEvents=events)


def _time(entry: Entry, now: int) -> int:
    """The event's time in milliseconds since 1970; ``now`` if the event has no valid time."""
    try:
        then = datetime.fromisoformat(entry.time)
    except ValueError:
        return now
    return now if then.tzinfo is None else max(0, int(then.timestamp() * 1000))


def _spans(ordered: Sequence[int], times: dict[int, int]) -> Iterator[list[int]]:
    span: list[int] = []
    for index in ordered:
        if span and times[index] - times[span[0]] > _MAX_SPAN:
            yield span
            span = []
        span.append(index)
    if span:
        yield span


def _rejections(info: Any, sub_batch: SubBatch) -> list[Rejection]:
    """The rejections in ``rejectedLogEventsInfo``, which gives positions in the call.

    ``tooNewLogEventStartIndex`` is inclusive; the two end indexes are exclusive.
    """
    if not isinstance(info, dict):
        return []
    too_new = info.get("tooNewLogEventStartIndex")
    found: dict[int, Rejection] = {}
    old = 'CloudWatch Logs does not accept events this old. Fix: for replays, set timestamp = "now"'
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
            "the event's time is more than two hours in the future",
            len(sub_batch) if too_new is None else too_new,
            len(sub_batch),
        ),
    )
    for code, reason, start, end in bounds:
        for index, _ in sub_batch[start:end]:
            found[index] = Rejection(index, code, reason, transient=False, cause=Cause.CONTENT)
    return list(found.values())
