"""The fault matrix: whatever goes wrong at a sink, each event is delivered or accounted for, unchanged.

``python -m tests.faults.matrix`` prints it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.faults.faults import ROWS, Row
from tests.faults.world import COUNT, DEAD_LETTER, EVENTS, RETRY_QUEUE, SINKS, World, place
from tests.support.aws import use_botocore
from tests.support.stub_aws import Refuse, Reset, StubAws
from trailforward import Fate
from trailforward.aws import client as aws_client

if TYPE_CHECKING:
    from trailforward.outcome import Outcome

#: AWS is called directly, as far as it can be; for these, all is tried by botocore, too.
BY_BOTOCORE = ("kinesis", "sns", "sqs")

CASES = [
    pytest.param(sink, row, way, id=f"{sink} {way}: {row.name}")
    for row in ROWS
    for sink in SINKS
    for way in ("directly", "by botocore")
    if sink != "http" or row.web is not None
    if way == "directly" or sink in BY_BOTOCORE
]
every_case = pytest.mark.parametrize(("sink", "row", "way"), CASES)


@pytest.fixture(autouse=True)
def _timeouts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, stub: StubAws) -> None:
    if "row" in request.fixturenames:
        monkeypatch.setattr(aws_client, "READ_TIMEOUT", request.getfixturevalue("row").read_timeout)
    if "way" in request.fixturenames and request.getfixturevalue("way") == "by botocore":
        use_botocore(monkeypatch)


def fates(outcome: Outcome, sink: str) -> Counter[str]:
    """How many events met which fate."""
    return Counter(verdict.fate.value for verdict in outcome.verdicts[sink].values())


def expected(bad: str, count: int) -> Counter[str]:
    """So many, and the rest delivered."""
    return +Counter({"delivered": COUNT - count}) + Counter({bad: count})


@every_case
def test_alone_and_without_queues_what_is_not_delivered_goes_back(
    sink: str, row: Row, way: str, stub: StubAws
) -> None:
    """Without a dead-letter queue, all that was not delivered returns to the source, and nothing else."""
    with World(sink, row, stub) as world:
        outcome = world.forward()
        assert fates(outcome, sink) == expected("returned" if row.count else "delivered", row.count)
        assert (max(Counter(world.taken()).values(), default=0) > 1) is row.twice


@every_case
def test_beside_a_healthy_sink_each_event_is_kept_for_the_failing_one_only(
    sink: str, row: Row, way: str, stub: StubAws
) -> None:
    """With both queues nothing returns to the source: the healthy sink gets each event exactly once."""
    with World(sink, row, stub, healthy=True, dead_letter=True, retry_queue=True) as world:
        outcome = world.forward()
        assert outcome.returned == []
        assert fates(outcome, sink) == expected(row.bad, row.count)
        assert sorted(world.taken("healthy")) == sorted(EVENTS)
        # When the sink is well again, the queues of ours bring it everything it missed.
        world.calm()
        for queue in (DEAD_LETTER, RETRY_QUEUE):
            again = world.redeliver(world.letters(queue))
            assert again.totals(sink).delivered == len(again.messages)
        assert set(world.taken()) == set(EVENTS)
        assert sorted(world.taken("healthy")) == sorted(EVENTS)


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("row", [row for row in ROWS if row.name in {"throttled always", "access denied"}])
def test_without_a_retry_queue_all_sinks_get_it_again(sink: str, row: Row, stub: StubAws) -> None:
    """Beside a healthy sink and without a retry queue, passing failures return: delivery is at least once."""
    with World(sink, row, stub, healthy=True, dead_letter=True) as world:
        outcome = world.forward()
        assert fates(outcome, sink) == expected(row.bad, row.count)
        assert outcome.returned == (list(range(COUNT)) if row.bad == "returned" else [])
        assert fates(outcome, "healthy") == Counter(delivered=COUNT)


FORBIDDEN = next(row for row in ROWS if row.name == "access denied")
THROTTLED = next(row for row in ROWS if row.name == "throttled always")
DOWN = {
    "down": Refuse(503),
    "forbidden": Refuse(403, "AccessDenied"),
    "silent about it": Reset(stored=True),
}


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("how", DOWN)
def test_where_the_dead_letter_queue_fails_too_the_events_go_back(sink: str, how: str, stub: StubAws) -> None:
    """An event is dead-lettered only once it is safely there; else it returns to its source."""
    stub.always(place(DEAD_LETTER), DOWN[how])
    with World(sink, FORBIDDEN, stub, dead_letter=True) as world:
        answer, outcome = world.process()
        assert fates(outcome, sink) == Counter(returned=COUNT)
        assert len(answer["batchItemFailures"]) == COUNT
        assert outcome.breaks == []


@pytest.mark.parametrize("sink", SINKS)
def test_where_the_retry_queue_fails_too_the_events_go_back(sink: str, stub: StubAws) -> None:
    """A retry queue that is down costs the healthy sink a repetition, and no sink an event."""
    stub.always(place(RETRY_QUEUE), DOWN["down"])
    with World(sink, THROTTLED, stub, healthy=True, retry_queue=True) as world:
        outcome = world.forward()
        assert not any(
            verdict.in_retry_queue or not verdict.code for verdict in outcome.verdicts[sink].values()
        )
        assert outcome.returned == list(range(COUNT))


def test_a_failed_dead_letter_goes_to_the_retry_queue_where_others_have_the_event(stub: StubAws) -> None:
    """If the dead-letter queue is down, an event that other sinks took still does not go back to them."""
    stub.always(place(DEAD_LETTER), DOWN["down"])
    with World("kinesis", FORBIDDEN, stub, healthy=True, dead_letter=True, retry_queue=True) as world:
        outcome = world.forward()
        assert outcome.returned == []
        assert all(verdict.in_retry_queue for verdict in outcome.verdicts["kinesis"].values())


def test_what_some_batches_took_is_not_sent_again(stub: StubAws) -> None:
    """After a failure in the middle only what was refused or not tried is sent again."""
    row = next(row for row in ROWS if row.name == "call refused for one entry")
    with World("kinesis", row, stub, dead_letter=True) as world:
        outcome = world.forward()
        assert outcome.verdicts["kinesis"][7].fate is Fate.DEAD_LETTERED
        assert outcome.verdicts["kinesis"][7].code == "InvalidArgumentException"
        assert sorted(world.taken()) == sorted(EVENTS[:7] + EVENTS[8:])
