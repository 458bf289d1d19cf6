"""CloudWatch Logs."""

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
    """An entry whose event happened so many hours ago."""
    return Entry(data, "key", time=(NOW - timedelta(hours=hours)).isoformat())


def group(aws: Reader) -> str:
    """A new log group's ARN, as the console writes it."""
    name = f"/{unique('group')}"
    aws("logs").create_log_group(logGroupName=name)
    return f"arn:aws:logs:{aws.region}:{ACCOUNT}:log-group:{name}:*"


def messages(aws: Reader, arn: str, stream: str = "trailforward") -> list[bytes]:
    """What a stream holds, in order."""
    name = arn.split("log-group:")[1].removesuffix(":*")
    events = aws("logs").get_log_events(logGroupName=name, logStreamName=stream, startFromHead=True)["events"]
    return [event["message"].encode() for event in events]


def test_log_events_are_the_events_bytes_in_the_order_of_their_times(local_aws: Reader) -> None:
    """The stream is made where it is missing, and holds exactly the bytes, sorted by time as the API asks."""
    arn = group(local_aws)
    made = sink(arn)
    assert made.send([at(data, hours) for hours, data in enumerate(ODD)]) == []
    assert messages(local_aws, arn) == ODD[::-1]
    assert made.send([at(b"later")]) == []
    assert sink(arn, stream="another/stream").send([at(b"there")]) == []
    assert messages(local_aws, arn, "another/stream") == [b"there"]


def test_a_group_that_does_not_exist_is_refused_for_good(local_aws: Reader) -> None:
    """Only streams are made; a missing group is a fault of the configuration."""
    with pytest.raises(PermanentError, match="ResourceNotFoundException"):
        sink(f"arn:aws:logs:{local_aws.region}:{ACCOUNT}:log-group:absent").send([at(b"x")])


def test_a_stream_that_another_thread_made_is_used(stub: StubAws) -> None:
    """Two environments that begin at once do not hinder each other."""
    stub.script(PLACE, Refuse(400, "ResourceNotFoundException"))
    stub.script(CREATE, Refuse(400, "ResourceAlreadyExistsException"))
    assert sink().send([at(b"x")]) == []
    assert stub.stored(PLACE)[0].resource == "/security/cloudtrail:trailforward"


def test_a_stream_that_may_not_be_made_is_refused(stub: StubAws) -> None:
    """A missing permission is told as such."""
    stub.script(PLACE, Refuse(400, "ResourceNotFoundException"))
    stub.script(CREATE, Refuse(400, "AccessDeniedException"))
    with pytest.raises(PermanentError, match="AccessDenied"):
        sink().send([at(b"x")])


def test_a_call_spans_at_most_a_day(stub: StubAws) -> None:
    """Events of several days go in several calls, so that one old event does not block its batch."""
    assert sink().send([at(b"a"), at(b"c", 30), at(b"b", 24), at(b"d", 54.1)]) == []
    assert stub.taken(PLACE) == [b"d", b"c", b"b", b"a"]
    assert stub.calls[PLACE] == 3


def test_events_without_a_time_get_the_present_one(stub: StubAws) -> None:
    """What tells no time, or no readable one, is stored all the same."""
    sink().send([Entry(b"1", "k"), Entry(b"2", "k", time="2026-05-04 09:15:00"), Entry(b"3", "k", time="x")])
    assert all(int(item.key) >= NOW.timestamp() * 1000 for item in stub.stored(PLACE))


def test_replays_can_use_the_present_time(stub: StubAws) -> None:
    """CloudWatch Logs refuses events older than 14 days: with timestamp = "now" they are stored."""
    sink(timestamp="now").send([at(b"x", 24 * 365)])
    assert int(stub.stored(PLACE)[0].key) >= NOW.timestamp() * 1000
    sink().send([at(b"x", 1)])
    assert int(stub.stored(PLACE)[1].key) == (NOW - timedelta(hours=1)).timestamp() * 1000


def test_what_the_answer_rejects_is_told_by_its_place_in_the_batch(stub: StubAws) -> None:
    """Too old, expired and too new events are refused for good, whatever order they came in."""
    info = {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2, "tooNewLogEventStartIndex": 4}
    stub.script(PLACE, Take({"rejectedLogEventsInfo": info}))
    refused = sink().send([at(b"new", 0), at(b"a", 1), at(b"b", 2), at(b"expired", 3), at(b"old", 4)])
    told = {each.index: (each.code, each.transient) for each in refused}
    assert told == {0: ("too_new", False), 3: ("expired", False), 4: ("expired", False)}
    stub.script(PLACE, Take({"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 1}}))
    (refusal,) = sink().send([at(b"a", 1), at(b"old", 2)])
    assert (refusal.index, refusal.code) == (1, "too_old")


def test_a_passing_failure_costs_only_the_calls_that_follow(stub: StubAws) -> None:
    """What an earlier call stored is not sent again."""
    stub.script(PLACE, Take(), Refuse(400, "ThrottlingException"))
    refused = sink().send([at(b"new"), at(b"newer"), at(b"mid", 30), at(b"old", 60)])
    assert [(each.index, each.transient) for each in refused] == [(2, True), (0, True), (1, True)]
    assert stub.taken(PLACE) == [b"old"]


def test_a_failure_of_the_first_call_is_the_whole_batchs(stub: StubAws) -> None:
    """While the service throttles, the sink rests."""
    stub.script(PLACE, Refuse(400, "ThrottlingException"))
    with pytest.raises(TransientError):
        sink().send([at(b"new"), at(b"old", 60)])


def test_an_event_to_blame_is_found_within_its_day(stub: StubAws) -> None:
    """A call that is refused for one event is split, and the other days are not touched."""
    stub.always(PLACE, Refuse(400, "InvalidParameterException", culprit=b"bad"))
    (refusal,) = sink().send([at(b"a"), at(b"bad"), at(b"c"), at(b"old", 60)])
    assert (refusal.index, refusal.transient) == (1, False)
    assert sorted(stub.taken(PLACE)) == [b"a", b"c", b"old"]
    with pytest.raises(PermanentError):  # in one call it is the forwarder that splits
        sink().send([at(b"a"), at(b"bad")])


def test_what_is_no_text_is_refused_alone(stub: StubAws) -> None:
    """A message is text."""
    (refusal,) = sink().send([at(b"\xff"), at(b"x")])
    assert (refusal.index, refusal.code) == (0, "not_utf8")
    assert sink().send([at(b"\xff")])[0].transient is False


def test_each_event_costs_26_bytes_more() -> None:
    """The limits are today's, counted as the service counts."""
    assert sink().size(at(b"abc")) == 29
    assert (LIMITS.max_entries, LIMITS.max_batch_bytes) == (10_000, 1 << 20)
    sink().close()


@pytest.mark.parametrize("name", ["", "a b", "a:b", "x" * 513])
def test_malformed_groups_are_refused(name: str) -> None:
    """A name that no log group can have shows when it is configured."""
    with pytest.raises(ConfigError):
        Config.to(f"arn:aws:logs:us-west-2:111122223333:log-group:{name}")
