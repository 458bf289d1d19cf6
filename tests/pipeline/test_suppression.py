"""``once``, ``threshold``, and ``unless``: which alerts go out, and that none is lost."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline.test_detecting import SINKS, codes, event, route
from tests.support.aws import use_botocore
from tests.support.depth import examples
from tests.support.stub_aws import Refuse, Silence
from trailforward import Config, Fate, Forwarder, Message, Origin
from trailforward.errors import ConfigError, PermanentError, TransientError
from trailforward.pipeline import windows
from trailforward.state import table_state
from trailforward.state.memory import MemoryState
from trailforward.testing import FlakySink
from trailforward.testing.sinks import lost_response, refuse

if TYPE_CHECKING:
    from tests.support.aws import Reader
    from tests.support.stub_aws import StubAws
    from trailforward.outcome import Outcome
    from trailforward.state import State
    from trailforward.testing.sinks import Step

ONCE = 'severity = "high"\nonce = { per = ["detail.userIdentity.arn"], within = "1h" }'
TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/suppression"


class Clock:
    """A clock that a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_800_000_000.0
        monkeypatch.setattr("trailforward.pipeline.keys.time.time", lambda: self.now)


class Run:
    """A forwarder with a state that outlives it."""

    def __init__(self, keys: str, *script: Step, state: State | None = None, head: str = "") -> None:
        text = head + SINKS + "[retry]\nmax_attempts = 1\n" + route("all", "", '["archive"]')
        config = Config.from_toml(text + route("alert", keys, events=["A"]))
        self.oncall = FlakySink(script)
        self.state = MemoryState() if state is None else state
        made = {"archive": FlakySink(), "oncall": self.oncall}
        self.forwarder = Forwarder(config, made=dict(made), state=self.state)

    def forward(self, *messages: Message) -> Outcome:
        """Forwards events, and checks the sums of the ledger."""
        outcome = self.forwarder.forward(messages)
        assert outcome.breaks == []
        return outcome

    def codes(self, *messages: Message) -> list[str]:
        """The code of each event; empty if it was delivered."""
        return codes(self.forward(*messages), "oncall")

    @property
    def sent(self) -> list[str]:
        """The IDs of the events that were sent."""
        return [json.loads(data)["detail"]["eventID"] for data in self.oncall.data]


def by(actor: str, number: int, **record: Any) -> Message:
    """An event of an actor."""
    return event("A", number, userIdentity={"arn": f"arn:aws:iam::111122223333:user/{actor}"}, **record)


def owed(message: Message) -> Message:
    """The same event, as it comes back from the retry queue."""
    return Message(message.raw, Origin("sqs", owed=frozenset({"oncall"})))


def test_a_storm_becomes_one_message_for_each_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 200 events by three actors three go out, the rest is filtered; the next message says how many."""
    clock = Clock(monkeypatch)
    run = Run(ONCE)
    outcome = run.forward(*(by("abc"[number % 3], number) for number in range(200)))
    assert Counter(codes(outcome, "oncall")) == {"": 3, "suppressed": 197}
    assert outcome.routes["alert", "suppressed"] == 197
    assert outcome.totals("archive").delivered == 200
    assert run.codes(by("a", 300), by("d", 301)) == ["suppressed", ""]
    clock.now += 3_600
    assert run.codes(by("a", 302)) == [""]
    note = run.oncall.taken[-1].attributes["trailforward-repeats"]
    assert note == "67 more were held back since 2027-01-15T08:00:00Z."
    clock.now += 3_600
    assert run.codes(by("a", 303)) == [""]
    assert "trailforward-repeats" not in run.oncall.taken[-1].attributes


def test_the_same_event_always_passes() -> None:
    """A retry or duplicate of the event that opened the window goes out, in the same batch and later."""
    run = Run(ONCE)
    assert run.codes(by("a", 1), by("a", 1), by("a", 2)) == ["", "", "suppressed"]
    assert run.codes(by("a", 1), by("a", 2)) == ["", "suppressed"]
    assert (run.state.read(_key(run)).value or {})["held"] == 1, "a repeated event is counted once"


def _key(run: Run) -> str:
    assert isinstance(run.state, MemoryState)
    return next(iter(run.state._kept))


def test_the_next_event_takes_the_place_of_one_that_cannot_be_delivered() -> None:
    """After a permanent failure, the next event of the key goes out, in the same batch or in a later one."""
    bad = refuse(0, transient=False)
    run = Run(ONCE, None, bad, state=None)
    run.codes(by("b", 0))
    assert run.codes(by("a", 1), by("a", 2), by("a", 3)) == ["Invalid", "", "suppressed"]
    run = Run(ONCE, None, bad)
    run.codes(by("b", 0))
    assert run.codes(by("a", 1)) == ["Invalid"]
    assert run.codes(by("a", 2), by("a", 3)) == ["", "suppressed"]


def test_events_come_back_with_the_first_one() -> None:
    """While the destination is down, the events of a key return together, and one of them goes out later."""
    run = Run(ONCE, TransientError("http_503"))
    outcome = run.forward(by("a", 1), by("a", 2))
    assert codes(outcome, "oncall") == ["http_503", "first_not_delivered"]
    assert outcome.returned == [0, 1]
    assert run.codes(by("a", 2), by("a", 1)) == ["", "suppressed"]


def test_redelivered_events_bypass_once() -> None:
    """An event that a sink is still owed goes out, whatever was sent in the meantime."""
    run = Run(ONCE)
    assert run.codes(by("a", 1)) == [""]
    assert run.codes(owed(by("a", 2)), by("a", 3)) == ["", "suppressed"]


def test_a_window_closes_if_its_event_fails_after_it_was_redelivered() -> None:
    """If the event that opened a window becomes a dead letter later, the next one goes out."""
    run = Run(ONCE)
    assert run.codes(by("a", 1)) == [""]
    head = 'dead_letter = "file:/dev/null"\n'
    again = Run(ONCE, refuse(0, transient=False), state=run.state, head=head)
    outcome = again.forward(owed(by("a", 1)))
    assert outcome.totals("oncall").dead_lettered == 1
    assert again.codes(by("a", 2)) == [""]


def test_a_crash_between_sending_and_confirming_suppresses_until_the_lease_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While an event may be on its way in another function, others wait, but it passes itself."""
    clock = Clock(monkeypatch)
    run = Run(ONCE)
    monkeypatch.setattr("trailforward.pipeline.suppression._settle", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run.forward(by("a", 1))
    monkeypatch.undo()
    clock = Clock(monkeypatch)
    assert run.codes(by("a", 2)) == ["suppressed"]
    assert run.codes(by("a", 1)) == [""], "the same event passes at once"
    clock.now += 400
    assert run.codes(by("a", 3)) == ["suppressed"], "confirmed now"


def test_an_event_without_the_value_is_not_held_back() -> None:
    """Events that lack a value of the key are not the same as others that lack it; long values are hashed."""
    run = Run(ONCE)
    assert run.codes(event("A", 1), event("A", 2)) == ["", ""]
    assert run.codes(by("x" * 100_000, 3), by("x" * 100_000, 4), by("x" * 99_999, 5)) == [
        "",
        "suppressed",
        "",
    ]
    assert len(_key(run)) < 200


def test_a_threshold_counts_by_the_time_of_the_events() -> None:
    """The fifth event within the time goes out, repeated ones do not count, and counting starts again."""
    run = Run('threshold = { count = 3, within = "10m" }')
    times = ["12:00:00", "12:30:00", "12:31:00", "12:31:00", "12:25:00", "12:26:00"]
    events = [by("a", number, eventTime=f"2026-09-14T{time}Z") for number, time in enumerate(times)]
    below = "below_threshold"
    assert run.codes(*events[:3], events[2], events[4]) == [below] * 4 + [""]
    assert run.oncall.taken[0].attributes["trailforward-repeats"] == "3 events within 600 seconds."
    assert run.codes(events[4]) == [""], "the same event always passes"
    assert run.codes(events[5], events[1]) == [below, below]


def test_a_failed_threshold_alert_is_made_up_for() -> None:
    """If the event that fired cannot be delivered, the next one goes out instead."""
    keys = 'threshold = { count = 2, within = "10m" }'
    run = Run(keys, None, refuse(0, transient=False))
    assert run.codes(by("a", 1), by("a", 2), by("a", 3)) == ["below_threshold", "", "below_threshold"]
    assert run.codes(by("a", 4), by("a", 5)) == ["Invalid", ""]


def test_threshold_and_once_together() -> None:
    """The threshold decides first; once limits how often the events that are left go out."""
    run = Run('threshold = { count = 2, within = "10m" }\nonce = { within = "1h" }')
    below = "below_threshold"
    assert run.codes(*(by("a", n) for n in range(6))) == [below, "", below, "suppressed", below, "suppressed"]


def test_unless_keeps_events_from_a_route() -> None:
    """A route does not match what a pattern of ``unless`` matches."""
    run = Run('unless = [{ detail = { userIdentity = { arn = [{ suffix = "/ci" }] } } }]')
    assert run.codes(by("ci", 1), by("a", 2)) == ["no_route", ""]


def test_other_routes_are_not_held_back() -> None:
    """A sink that a route without once names gets every event, and the route of the first one is noted."""
    text = SINKS + route("all", "", '["archive", "oncall"]') + route("alert", ONCE, events=["A"])
    sinks = {"archive": FlakySink(), "oncall": FlakySink()}
    forwarder = Forwarder(Config.from_toml(text), made=dict(sinks))
    outcome = forwarder.forward([by("a", 1), by("a", 2)])
    assert codes(outcome, "oncall") == ["", ""]
    assert ["trailforward-detection" in entry.attributes for entry in sinks["oncall"].taken] == [True, False]


def test_route_metrics_and_the_self_guard_count_each_event_once() -> None:
    """An event that is looked up first counts once, and its plan says which sinks got it."""
    text = (
        "route_metrics = true\n"
        + SINKS
        + route("all", "", '["archive"]')
        + route("alert", ONCE, events=["A"])
    )
    sinks = {"archive": FlakySink(), "oncall": FlakySink()}
    forwarder = Forwarder(Config.from_toml(text), made=dict(sinks))
    outcome = forwarder.forward([by("a", 1), by("a", 2), event("B", 3)])
    assert outcome.breaks == []
    found = {name: count for (name_of, name), count in outcome.routes.items() if name_of == "alert"}
    assert found == {"matched": 2, "alerted": 1, "suppressed": 1}


def test_routes_with_different_keys_are_decided_together() -> None:
    """Each route holds back by its own key, whatever else an event is part of."""
    text = SINKS + route("actor", ONCE, events=["A"])
    text += route("name", 'once = { per = ["detail.eventName"], within = "1h" }', '["archive"]', ["A"])
    sinks = {"archive": FlakySink(), "oncall": FlakySink()}
    forwarder = Forwarder(Config.from_toml(text), made=dict(sinks))
    outcome = forwarder.forward([by("abc"[number % 3], number) for number in range(30)])
    assert outcome.breaks == []
    assert [outcome.totals(name).delivered for name in ("archive", "oncall")] == [1, 3]


def test_the_memory_is_bounded() -> None:
    """The state in memory forgets the oldest key, and its next event goes out."""
    run = Run(ONCE, state=MemoryState(2))
    found = [run.codes(by(actor, number)) for number, actor in enumerate("abccacb")]
    assert found == [[""], [""], [""], ["suppressed"], [""], ["suppressed"], [""]]
    assert len(run.state) == 2  # type: ignore[arg-type]


def test_a_wrong_clock_does_not_hold_back_for_long() -> None:
    """A window that begins far in the future does not count."""
    rule = windows.Rule("r", (), once=60)
    known = windows.advance(rule, None, [windows.Hit(0, "a", 0.0)], now=9e9, lease=1).value
    step = windows.advance(rule, known, [windows.Hit(1, "b", 0.0)], now=1e9, lease=1)
    assert step.decided == {1: "lead"}


@pytest.mark.parametrize("client", ["direct", "botocore"])
def test_a_table_remembers(local_aws: Reader, client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two functions that share a table send one message, with either client."""
    if client == "botocore":
        use_botocore(monkeypatch)
    arn = local_aws.table()
    first, second = (Run(ONCE, state=table_state(arn, direct=client == "direct")) for _ in range(2))
    assert first.codes(by("a", 1), by("a", 2)) == ["", "suppressed"]
    assert second.codes(by("a", 3), by("b", 4), by("a", 1)) == ["suppressed", "", ""]
    (item,) = [one for one in local_aws.items(arn) if json.loads(one["value"]["S"])["held"] == 2]
    assert set(item) == {"id", "version", "value", "expires"}
    first.forwarder.close()
    second.forwarder.close()


@pytest.mark.parametrize(
    "fault",
    [
        Refuse(400, "ProvisionedThroughputExceededException"),
        Refuse(400, "AccessDeniedException"),
        Refuse(400, "ResourceNotFoundException"),
        Refuse(500, "InternalServerError"),
        Silence(stored=False, seconds=3),
    ],
    ids=["throttled", "denied", "absent", "error", "silent"],
)
def test_without_the_table_alerts_go_out(stub: StubAws, fault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the table is throttled, denied, absent, or silent, every alert goes out, and a metric says so."""
    monkeypatch.setattr("trailforward.state.dynamodb.TIMEOUT", 0.3)
    stub.script("dynamodb:eu-west-1", *[fault] * 20)
    run = Run(ONCE, state=table_state(TABLE, direct=True))
    outcome = run.forward(*(by("ab"[number % 2], number) for number in range(6)))
    assert codes(outcome, "oncall") == [""] * 6
    assert outcome.routes["alert", "state_unavailable"] == 6
    run.forwarder.close()


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ('once = { within = "8d" }', "once.within"),
        ('once = { within = "soon" }', "once.within"),
        ('once = { per = ["a..b"], within = "1h" }', "once.per"),
        ('threshold = { count = 1, within = "1h" }', "threshold.count"),
        ('drop = true\nonce = { within = "1h" }', "routes.r"),
        ('once = { within = "1h" }\nthreshold = { count = 2, within = "1h", per = ["a"] }', "routes.r"),
        ("unless = [{ detail = 1 }]", "unless"),
    ],
)
def test_wrong_settings_are_named(keys: str, place: str) -> None:
    """A problem names the key and the fix."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(SINKS + route("all", "", '["archive", "oncall"]') + route("r", keys))
    (problem,) = caught.value.problems
    assert place in problem.key
    assert problem.fix


def test_permanent_errors_of_a_state_are_not_lost_alerts() -> None:
    """A state with a bug does not cost alerts."""

    class Broken(MemoryState):
        def read(self, key: str) -> Any:
            raise PermanentError("broken") if key else ValueError

    assert Run(ONCE, state=Broken()).codes(by("a", 1), by("a", 2)) == ["", ""]


class Batch(NamedTuple):
    """What happens in one invocation.

    Attributes:
        events: actor and number of the new events.
        script: what the sink does in each call.
        redrive: whether the dead letters so far come back as well.
    """

    events: list[tuple[str, int]]
    script: list[Any]
    redrive: bool


@st.composite
def histories(draw: st.DrawFn) -> list[Batch]:
    """Batches of events, with what the sink does in each call."""
    step = st.sampled_from(
        [None, None, None, refuse(0, transient=False), refuse(0), TransientError("http_503"), lost_response()]
    )
    one = st.tuples(st.sampled_from("ab"), st.integers(0, 7))
    batch = st.builds(Batch, st.lists(one, min_size=1, max_size=6), st.lists(step, max_size=3), st.booleans())
    return draw(st.lists(batch, max_size=6))


@settings(max_examples=examples(300), deadline=None)
@given(
    histories(),
    st.sampled_from(
        [ONCE, ONCE + '\nthreshold = { count = 2, within = "1h", per = ["detail.userIdentity.arn"] }']
    ),
    st.booleans(),
    st.booleans(),
)
def test_no_alert_is_lost(
    history: list[Batch],
    keys: str,
    flaky: bool,  # noqa: FBT001  # Hypothesis passes it by position
    lettered: bool,  # noqa: FBT001
) -> None:
    """Whatever the order of events, failures, and redrives: an event is held back only for another.

    Of each key with a suppressed event, one was delivered, is at its source, or is a dead letter, and in the
    end one is delivered. A redriven event is never held back. The ledger adds up.
    """
    state = MemoryState()
    safe: set[str] = set()
    held: set[str] = set()
    delivered: set[str] = set()
    waiting: list[tuple[str, int, bool]] = []
    dead: list[tuple[str, int, bool]] = []
    head = 'dead_letter = "file:/dev/null"\n' if lettered else ""
    end = Batch([], [], redrive=True)
    for number, (batch, script, redrive) in enumerate([*history, end, end]):
        run = Run(keys, *script, state=Unreliable(state, number) if flaky else state, head=head)
        events = [*waiting, *((*one, False) for one in batch)]
        if redrive:
            events, dead = [*events, *dead], []
        messages = ((back, by(actor, 10 * (actor == "a") + one)) for actor, one, back in events)
        outcome = run.forward(*(owed(message) if back else message for back, message in messages))
        waiting = [events[index] for index in outcome.returned]
        for index, verdict in outcome.verdicts["oncall"].items():
            actor, one, back = events[index]
            if verdict.fate is not Fate.FILTERED:
                safe.add(actor)
            elif verdict.code == "suppressed":
                held.add(actor)
            if verdict.fate is Fate.DELIVERED:
                delivered.add(actor)
            elif verdict.fate is Fate.DEAD_LETTERED:
                dead.append((actor, one, True))
            assert not (back and verdict.fate is Fate.FILTERED)
        assert held <= safe
    assert held <= delivered


def test_a_batch_of_refused_events_ends() -> None:
    """After 50 rounds in which the event of a key is refused, the others go out together, and are counted."""
    run = Run(ONCE, None, *[refuse(0, transient=False)] * 49, head='dead_letter = "file:/dev/null"\n')
    assert run.codes(by("b", 99)) == [""]
    outcome = run.forward(*(by("a", number) for number in range(60)))
    assert Counter(codes(outcome, "oncall")) == {"Invalid": 49, "": 11}
    assert outcome.routes["alert", "state_unavailable"] == 11


class Unreliable(MemoryState):
    """A state of which every third call fails, before or after the write."""

    def __init__(self, other: MemoryState, seed: int) -> None:
        super().__init__()
        self._other, self._calls = other, seed

    def read(self, key: str) -> Any:
        """Reads, or fails."""
        self._calls += 1
        if self._calls % 3 == 0:
            raise TransientError("throttled")
        return self._other.read(key)

    def write(self, key: str, value: dict[str, Any], version: str, expires: int) -> str | None:
        """Writes, or fails, or both."""
        self._calls += 1
        if self._calls % 3 == 0:
            if self._calls % 2:
                self._other.write(key, value, version, expires)
            raise TransientError("timeout")
        return self._other.write(key, value, version, expires)
