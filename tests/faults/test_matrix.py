"""The fault matrix: whatever fails at a sink, each event is delivered or accounted for, unchanged.

``python -m tests.faults.matrix`` prints it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.faults import OBJECTS, ROWS, Row, applies
from tests.faults.web import WEB
from tests.faults.world import COUNT, DEAD_LETTER, EVENTS, RETRY_QUEUE, SINKS, World, place
from tests.support.aws import use_botocore
from tests.support.depth import DEEP, part
from tests.support.stub_aws import Refuse, Reset, StubAws
from trailforward import Fate
from trailforward.aws import client as aws_client

if TYPE_CHECKING:
    from trailforward.outcome import Outcome

#: The HTTP sink with the settings of a product.
PRESETS = set(WEB) - {"http"}
#: Those whose responses are like those of any receiver: the rows that decide between the fates.
PLAIN = ("google-secops", "cribl")
#: The layout of CloudTrail makes the same calls as the other one.
OTHER_LAYOUT = "s3-cloudtrail"
REFUSED = next(row for row in ROWS if row.name == "call refused for one entry")
FORBIDDEN = next(row for row in ROWS if row.name == "access denied")
THROTTLED = next(row for row in ROWS if row.name == "throttled always")
SOME = [row for row in ROWS if row.always and row.web]
#: Most services are called directly. For these, every fault is also tested through botocore.
BY_BOTOCORE = ("kinesis", "sns", "sqs")

CASES: list[Any] = [
    pytest.param(sink, row, way, id=f"{sink} {way}: {row.name}")
    for row in ROWS
    for sink in SINKS
    for way in ("directly", "by botocore")
    if applies(sink, row)
    if way == "directly" or sink in BY_BOTOCORE
]
#: The HTTP sink waits in the same way for all receivers, so those with a preset run the slow rows in depth.
CASES = [
    case
    for case, (sink, row, _) in ((case, case.values) for case in CASES)
    if DEEP
    or sink not in PRESETS | {OTHER_LAYOUT}
    or (sink == OTHER_LAYOUT and row in (THROTTLED, REFUSED))
    or (
        sink in PRESETS
        and (row.read_timeout, row.seconds) == (10.0, 30.0)
        and (sink not in PLAIN or row in SOME)
    )
]
every_case = pytest.mark.parametrize(("sink", "row", "way"), part(CASES, 2))


@pytest.fixture(autouse=True)
def _timeouts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, stub: StubAws) -> None:
    if "row" in request.fixturenames:
        monkeypatch.setattr(aws_client, "READ_TIMEOUT", request.getfixturevalue("row").read_timeout)
    if "way" in request.fixturenames and request.getfixturevalue("way") == "by botocore":
        use_botocore(monkeypatch)


def fates(outcome: Outcome, sink: str) -> Counter[str]:
    """The number of events by fate."""
    return Counter(verdict.fate.value for verdict in outcome.verdicts[sink].values())


def expected(bad: str, count: int) -> Counter[str]:
    """The expected counts: ``count`` events with a bad fate, the rest delivered."""
    return +Counter({"delivered": COUNT - count}) + Counter({bad: count})


@every_case
def test_without_queues_undelivered_events_return(sink: str, row: Row, way: str, stub: StubAws) -> None:
    """Without failure queues, exactly the undelivered events return to the source."""
    with World(sink, row, stub) as world:
        outcome = world.forward()
        assert fates(outcome, sink) == expected("returned" if row.count else "delivered", row.count)
        # Step Functions starts nothing if an execution with the name of the event exists.
        twice = row.twice and sink != "stepfunctions"
        # OTLP does not say which log record it rejected, so the others arrive again.
        twice = twice or (sink == "otlp" and row.items is not None)
        arrived_twice = max(Counter(world.taken()).values(), default=0) > 1
        # S3 does not overwrite an object, but a retry may put its events together with others.
        assert arrived_twice is twice or (sink in OBJECTS and twice)


@every_case
def test_with_queues_only_the_failing_sink_gets_events_again(
    sink: str, row: Row, way: str, stub: StubAws
) -> None:
    """With both queues nothing returns to the source, and the healthy sink gets each event exactly once."""
    with World(sink, row, stub, healthy=True, dead_letter=True, retry_queue=True) as world:
        outcome = world.forward()
        assert outcome.returned == []
        assert fates(outcome, sink) == expected(row.bad, row.count)
        assert sorted(world.taken("healthy")) == sorted(EVENTS)
        # When the sink works again, the failure queues bring it everything that it missed.
        world.calm()
        for queue in (DEAD_LETTER, RETRY_QUEUE):
            again = world.redeliver(world.queued(queue))
            assert again.totals(sink).delivered == len(again.messages)
        assert set(world.taken()) == set(EVENTS)
        assert sorted(world.taken("healthy")) == sorted(EVENTS)


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("row", [row for row in ROWS if row.name in {"throttled always", "access denied"}])
def test_without_a_retry_queue_all_sinks_get_it_again(sink: str, row: Row, stub: StubAws) -> None:
    """Without a retry queue, transient failures return, and the healthy sink gets the events again."""
    with World(sink, row, stub, healthy=True, dead_letter=True) as world:
        outcome = world.forward()
        assert fates(outcome, sink) == expected(row.bad, row.count)
        assert outcome.returned == (list(range(COUNT)) if row.bad == "returned" else [])
        assert fates(outcome, "healthy") == Counter(delivered=COUNT)


DOWN = {
    "down": Refuse(503),
    "forbidden": Refuse(403, "AccessDenied"),
    "accepts without response": Reset(stored=True),
}


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("how", DOWN)
def test_if_the_dead_letter_queue_fails_too_the_events_return(sink: str, how: str, stub: StubAws) -> None:
    """An event counts as dead-lettered only if the queue accepted it; otherwise it returns to its source."""
    stub.always(place(DEAD_LETTER), DOWN[how])
    with World(sink, FORBIDDEN, stub, dead_letter=True) as world:
        response, outcome = world.process()
        assert fates(outcome, sink) == Counter(returned=COUNT)
        assert len(response["batchItemFailures"]) == COUNT
        assert outcome.breaks == []


@pytest.mark.parametrize("sink", SINKS)
def test_if_the_retry_queue_fails_too_the_events_return(sink: str, stub: StubAws) -> None:
    """If the retry queue fails, the healthy sink gets events twice, but no sink loses one."""
    stub.always(place(RETRY_QUEUE), DOWN["down"])
    with World(sink, THROTTLED, stub, healthy=True, retry_queue=True) as world:
        outcome = world.forward()
        assert not any(
            verdict.in_retry_queue or not verdict.code for verdict in outcome.verdicts[sink].values()
        )
        assert outcome.returned == list(range(COUNT))


def test_an_unwritable_dead_letter_goes_to_the_retry_queue(stub: StubAws) -> None:
    """If the dead-letter queue fails, the retry queue takes the events that other sinks have already."""
    stub.always(place(DEAD_LETTER), DOWN["down"])
    with World("kinesis", FORBIDDEN, stub, healthy=True, dead_letter=True, retry_queue=True) as world:
        outcome = world.forward()
        assert outcome.returned == []
        assert all(verdict.in_retry_queue for verdict in outcome.verdicts["kinesis"].values())


def test_delivered_batches_are_not_sent_again(stub: StubAws) -> None:
    """After one batch failed, the events of the other batches are not sent again."""
    with World("kinesis", REFUSED, stub, dead_letter=True) as world:
        outcome = world.forward()
        assert outcome.verdicts["kinesis"][7].fate is Fate.DEAD_LETTERED
        assert outcome.verdicts["kinesis"][7].code == "InvalidArgumentException"
        assert sorted(world.taken()) == sorted(EVENTS[:7] + EVENTS[8:])
