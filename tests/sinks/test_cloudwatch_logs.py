"""The CloudWatch Logs sink writes exact bytes in chronological order and reports rejected events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.aws import ACCOUNT, Reader, unique
from tests.support.entries import ODD
from tests.support.stub_aws import Refuse, StubAws, Take
from trailforward import Config, ConfigError
from trailforward.errors import PermanentError, TransientError
from trailforward.sinks.base import Entry
from trailforward.sinks.cloudwatch_logs import LIMITS, CloudWatchLogsSettings, CloudWatchLogsSink

ARN = "arn:aws:logs:us-west-2:111122223333:log-group:/security/cloudtrail"
PLACE = "logs:us-west-2"
CREATE = f"{PLACE}:CreateLogStream"
NOW = datetime.now(UTC).replace(microsecond=0)


def sink(to: str = ARN, **settings: Any) -> CloudWatchLogsSink:
    """A sink with these settings."""
    return CloudWatchLogsSink(CloudWatchLogsSettings(to=to, **settings))


def at(data: bytes, hours: float = 0) -> Entry:
    """An entry whose event is this many hours old."""
    return Entry(data, "key", time=(NOW - timedelta(hours=hours)).isoformat())


def group(aws: Reader) -> str:
    """Creates a log group and returns its ARN as the console shows it."""
    name = f"/{unique('group')}"
    aws("logs").create_log_group(logGroupName=name)
    return f"arn:aws:logs:{aws.region}:{ACCOUNT}:log-group:{name}:*"


def messages(aws: Reader, arn: str, stream: str = "trailforward") -> list[bytes]:
    """The messages of a stream, in order."""
    name = arn.split("log-group:")[1].removesuffix(":*")
    events = aws("logs").get_log_events(logGroupName=name, logStreamName=stream, startFromHead=True)["events"]
    return [event["message"].encode() for event in events]


def test_log_events_are_the_events_bytes_in_chronological_order(local_aws: Reader) -> None:
    """The sink creates a missing stream and writes the exact bytes, sorted by time as the API requires."""
    arn = group(local_aws)
    made = sink(arn)
    assert made.send([at(data, hours) for hours, data in enumerate(ODD)]) == []
    assert messages(local_aws, arn) == ODD[::-1]
    assert made.send([at(b"later")]) == []
    assert sink(arn, stream="another/stream").send([at(b"there")]) == []
    assert messages(local_aws, arn, "another/stream") == [b"there"]


def test_a_missing_log_group_is_permanent(local_aws: Reader) -> None:
    """The sink creates streams only; a missing log group is a permanent error."""
    with pytest.raises(PermanentError, match="ResourceNotFoundException"):
        sink(f"arn:aws:logs:{local_aws.region}:{ACCOUNT}:log-group:absent").send([at(b"x")])


def test_a_stream_that_another_thread_created_is_used(stub: StubAws) -> None:
    """Two environments can create the same stream at the same time."""
    stub.script(PLACE, Refuse(400, "ResourceNotFoundException"))
    stub.script(CREATE, Refuse(400, "ResourceAlreadyExistsException"))
    assert sink().send([at(b"x")]) == []
    assert stub.stored(PLACE)[0].resource == "/security/cloudtrail:trailforward"


def test_a_missing_permission_to_create_the_stream_is_permanent(stub: StubAws) -> None:
    """Without permission to create the stream, the error is AccessDenied."""
    stub.script(PLACE, Refuse(400, "ResourceNotFoundException"))
    stub.script(CREATE, Refuse(400, "AccessDeniedException"))
    with pytest.raises(PermanentError, match="AccessDenied"):
        sink().send([at(b"x")])


def test_a_call_spans_at_most_a_day(stub: StubAws) -> None:
    """Events of several days are sent in several calls, so that one old event does not block its batch."""
    assert sink().send([at(b"a"), at(b"c", 30), at(b"b", 24), at(b"d", 54.1)]) == []
    assert stub.taken(PLACE) == [b"d", b"c", b"b", b"a"]
    assert stub.calls[PLACE] == 3


def test_events_without_a_time_get_the_current_time(stub: StubAws) -> None:
    """Events without a valid time are stored with the current time."""
    sink().send([Entry(b"1", "k"), Entry(b"2", "k", time="2026-05-04 09:15:00"), Entry(b"3", "k", time="x")])
    assert all(int(item.key) >= NOW.timestamp() * 1000 for item in stub.stored(PLACE))


def test_replays_can_use_the_current_time(stub: StubAws) -> None:
    """CloudWatch Logs rejects events older than 14 days; with timestamp = "now" they are stored."""
    sink(timestamp="now").send([at(b"x", 24 * 365)])
    assert int(stub.stored(PLACE)[0].key) >= NOW.timestamp() * 1000
    sink().send([at(b"x", 1)])
    assert int(stub.stored(PLACE)[1].key) == (NOW - timedelta(hours=1)).timestamp() * 1000


def test_rejected_events_are_returned_with_their_index_in_the_batch(stub: StubAws) -> None:
    """Too old, expired, and too new events are rejected permanently, in any order."""
    info = {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2, "tooNewLogEventStartIndex": 4}
    stub.script(PLACE, Take({"rejectedLogEventsInfo": info}))
    rejections = sink().send([at(b"new", 0), at(b"a", 1), at(b"b", 2), at(b"expired", 3), at(b"old", 4)])
    found = {each.index: (each.code, each.transient) for each in rejections}
    assert found == {0: ("too_new", False), 3: ("expired", False), 4: ("expired", False)}
    stub.script(PLACE, Take({"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 1}}))
    (rejection,) = sink().send([at(b"a", 1), at(b"old", 2)])
    assert (rejection.index, rejection.code) == (1, "too_old")


def test_a_transient_failure_affects_only_the_following_calls(stub: StubAws) -> None:
    """Entries that an earlier call stored are not sent again."""
    stub.script(PLACE, Take(), Refuse(400, "ThrottlingException"))
    rejections = sink().send([at(b"new"), at(b"newer"), at(b"mid", 30), at(b"old", 60)])
    assert [(each.index, each.transient) for each in rejections] == [(2, True), (0, True), (1, True)]
    assert stub.taken(PLACE) == [b"old"]


def test_a_transient_failure_of_the_first_call_fails_the_batch(stub: StubAws) -> None:
    """If the first call is throttled, the whole batch is retried later."""
    stub.script(PLACE, Refuse(400, "ThrottlingException"))
    with pytest.raises(TransientError):
        sink().send([at(b"new"), at(b"old", 60)])


def test_an_invalid_event_is_found_by_splitting_its_day(stub: StubAws) -> None:
    """A call that fails because of one event is split; the calls for other days are not."""
    stub.always(PLACE, Refuse(400, "InvalidParameterException", culprit=b"bad"))
    (rejection,) = sink().send([at(b"a"), at(b"bad"), at(b"c"), at(b"old", 60)])
    assert (rejection.index, rejection.transient) == (1, False)
    assert sorted(stub.taken(PLACE)) == [b"a", b"c", b"old"]
    with pytest.raises(PermanentError):  # with a single call the forwarder splits
        sink().send([at(b"a"), at(b"bad")])


def test_an_event_that_is_not_utf8_is_rejected_alone(stub: StubAws) -> None:
    """An event that is not UTF-8 is rejected; the others are stored."""
    (rejection,) = sink().send([at(b"\xff"), at(b"x")])
    assert (rejection.index, rejection.code) == (0, "not_utf8")
    assert sink().send([at(b"\xff")])[0].transient is False


def test_each_event_counts_26_bytes_more() -> None:
    """Sizes are counted as the service counts them, and the limits are the documented ones."""
    assert sink().size(at(b"abc")) == 29
    assert (LIMITS.max_entries, LIMITS.max_batch_bytes) == (10_000, 1 << 20)
    sink().close()


@pytest.mark.parametrize("name", ["", "a b", "a:b", "x" * 513])
def test_invalid_log_group_names_are_rejected(name: str) -> None:
    """An invalid log group name is an error in the configuration."""
    with pytest.raises(ConfigError):
        Config.to(f"arn:aws:logs:us-west-2:111122223333:log-group:{name}")
