"""Random events and random sequences of faults: the ledger balances and is correct."""

from __future__ import annotations

import json
from collections import deque
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.depth import examples
from tests.support.events import FIFO, QUEUE, Context, envelope, sqs, sqs_record
from trailforward import Config, Fate, Forwarder, Message, Origin, redelivery
from trailforward.errors import PermanentError, SinkError, TransientError
from trailforward.message import POINTER
from trailforward.outcome import owed_sinks
from trailforward.sinks.base import Entry, Limits, Rejection, Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trailforward.outcome import Outcome

    #: Gets a batch and a function that stores entries; returns rejections or raises.
    Move = Callable[[Sequence[Entry], Callable[[Iterable[Entry]], None]], Sequence[Rejection] | None]

DEAD_LETTER = "arn:aws:sqs:us-east-1:111122223333:dead"
RETRY_QUEUE = "arn:aws:sqs:us-east-2:111122223333:retry"


class ScriptedSink(Sink):
    """Makes one move per call, then accepts everything. It remembers what it really stored."""

    arn = ""

    def __init__(self, moves: Sequence[Move], limits: Limits) -> None:
        self.limits = limits
        self.taken: list[Entry] = []
        self.oversize: list[int] = []
        self._moves = deque(moves)

    def size(self, entry: Entry) -> int:
        """The length of the data."""
        return len(entry.data)

    def send(self, batch: Sequence[Entry]) -> Sequence[Rejection] | None:  # type: ignore[override]  # broken on purpose
        """Makes the next move."""
        total = sum(map(self.size, batch)) + self.limits.batch_overhead
        if len(batch) > self.limits.max_entries or total > self.limits.max_batch_bytes or not batch:
            self.oversize.append(total)
        if self._moves:
            return self._moves.popleft()(batch, self.taken.extend)
        self.taken.extend(batch)
        return []

    def close(self) -> None:
        """Does nothing."""


class NoTelemetry:
    """Publishes nothing."""

    def publish(self, outcome: Outcome) -> None:
        """Does nothing."""

    def error(self, text: str, **fields: object) -> None:
        """Does nothing."""

    def fault(self, sink: str, error: BaseException) -> None:
        """Does nothing."""

    def refusing(self, sink: str, code: str, problem: str, fix: str) -> None:
        """Does nothing."""


def raising(error: BaseException, *, stored: bool) -> Move:
    """The whole call fails, with or without storing the entries."""

    def move(batch: Sequence[Entry], take: Callable[[Iterable[Entry]], None]) -> Sequence[Rejection]:
        if stored:
            take(batch)
        raise error.with_traceback(None)

    return move


def refusing(positions: dict[int, bool]) -> Move:
    """Some entries are refused, as transient or permanent failures; positions may be outside the batch."""

    def move(batch: Sequence[Entry], take: Callable[[Iterable[Entry]], None]) -> Sequence[Rejection]:
        take(entry for index, entry in enumerate(batch) if index not in positions)
        return [Rejection(index, "Refused", "by script", transient) for index, transient in positions.items()]

    return move


def silent(batch: Sequence[Entry], take: Callable[[Iterable[Entry]], None]) -> None:
    """Accepts everything and returns None, which the contract does not allow."""
    take(batch)


errors = st.one_of(
    st.builds(TransientError, st.just("Throttled"), retry_after=st.sampled_from([None, 0.0, 1e6])),
    st.builds(PermanentError, st.sampled_from(["Denied", "Invalid"]), divisible=st.booleans()),
    st.sampled_from([RuntimeError("bug"), KeyError("Id")]),
)
moves = st.lists(
    st.one_of(
        st.builds(raising, errors, stored=st.booleans()),
        st.builds(refusing, st.dictionaries(st.integers(0, 5), st.booleans(), max_size=4)),
        st.builds(refusing, st.dictionaries(st.integers(-3, 9), st.booleans(), min_size=1, max_size=2)),
        st.just(silent),
        st.just(refusing({})),
    ),
    max_size=12,
)
limits = st.builds(
    Limits,
    max_entries=st.integers(1, 6),
    max_entry_bytes=st.sampled_from([500, 1_000, 10_000]),
    max_batch_bytes=st.sampled_from([1_000, 3_000, 50_000]),
    batch_overhead=st.sampled_from([0, 2]),
)
sinks = st.builds(ScriptedSink, moves, limits)
bodies = st.one_of(
    st.builds(lambda size: {"pad": "x" * size}, st.integers(0, 900)),
    st.sampled_from(["not json", '{"detail-type":"x"}', "", "[1]"]),
)
records = st.lists(
    st.tuples(
        bodies,
        st.sampled_from([None, "g1", "g2"]),
        st.sampled_from(["", "", "", "a", "b", "a,b", "gone"]),
    ),
    max_size=14,
)


def record(number: int, body: Any, group: str | None, owed: str) -> dict[str, Any]:
    """An SQS record; the number makes it unique."""
    data = envelope(number, **body) if isinstance(body, dict) else f"{body}{' ' * number}"
    attributes = {redelivery.SINKS: owed} if owed else None
    return sqs_record(data, str(number), arn=FIFO if group else QUEUE, group=group, attributes=attributes)


@settings(max_examples=examples(120), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    received=records,
    a=sinks,
    b=sinks,
    dead=st.none() | sinks,
    retry=st.none() | sinks,
    max_attempts=st.integers(1, 4),
)
def test_any_sequence_of_faults_leaves_every_event_accounted_for(
    received: list[tuple[Any, str | None, str]],
    a: ScriptedSink,
    b: ScriptedSink,
    dead: ScriptedSink | None,
    retry: ScriptedSink | None,
    max_attempts: int,
) -> None:
    """Whatever sinks do, each event has one fate per sink, and the ledger agrees with what sinks stored."""
    forwarder = Forwarder(
        Config.from_toml(
            (f'dead_letter = "{DEAD_LETTER}"\n' if dead else "")
            + (f'retry_queue = "{RETRY_QUEUE}"\n' if retry else "")
            + '[sinks.a]\nto = "stdout:"\n[sinks.b]\nto = "stdout:"\n'
            + f"[retry]\ninitial_seconds = 0\nmax_attempts = {max_attempts}\n"
        ),
        made={"a": a, "b": b},
        telemetry=NoTelemetry(),
    )
    forwarder._failure_handler._dead_letters.sink = dead
    forwarder._failure_handler._retries.sink = retry
    payload = sqs(*(record(number, *parts) for number, parts in enumerate(received)))

    response, outcome = forwarder.process(payload, Context(30))

    assert outcome.breaks == []
    dead_letters, retries = owed(dead), owed(retry)
    returned = set()
    for name, sink in (("a", a), ("b", b)):
        assert sink.oversize == []
        assert outcome.totals(name).balanced
        taken = {entry.data for entry in sink.taken}
        mine = {
            i for i, message in enumerate(outcome.messages) if name in owed_sinks(message, outcome.accounts)
        }
        assert outcome.verdicts[name].keys() == mine
        for index, verdict in outcome.verdicts[name].items():
            raw = outcome.messages[index].raw
            match verdict.fate:
                case Fate.DELIVERED:
                    assert raw in taken
                case Fate.DEAD_LETTERED:
                    digest = sha256(raw).hexdigest().encode()
                    assert {(name, raw), (name, digest)} & dead_letters
                case Fate.RETURNED if verdict.in_retry_queue:
                    assert (name, raw) in retries
                case Fate.RETURNED:
                    returned.add(str(index))
                case Fate.FILTERED:
                    raise AssertionError("no route and no guard asked for this")
    assert {failure["itemIdentifier"] for failure in response["batchItemFailures"]} == returned
    assert len(response["batchItemFailures"]) == len(returned)
    for group in ("g1", "g2"):
        numbers = [number for number, parts in enumerate(received) if parts[1] == group]
        fates = [str(number) in returned for number in numbers]
        assert fates == sorted(fates), "a FIFO group continued after its first failure"


def _raw_or_digest(body: bytes) -> bytes:
    with suppress(ValueError):
        if isinstance(value := json.loads(body), dict) and POINTER in value:
            return str(value[POINTER]["sha256"]).encode()
    return body


def owed(sink: ScriptedSink | None) -> set[tuple[str, bytes]]:
    """(sink, original bytes) of every message in a failure queue; of a pointer, the digest."""
    return {
        (name, _raw_or_digest(redelivery.decode_body(entry.data.decode(), entry.attributes)))
        for entry in (sink.taken if sink else ())
        for name in redelivery.from_attributes(entry.attributes).owed or ()
    }


def test_a_sink_error_of_neither_kind_counts_as_transient() -> None:
    """If a sink raises ``SinkError``, the batch is retried, and the code is in the verdict."""
    limits = Limits(max_entries=1, max_entry_bytes=10_000, max_batch_bytes=10_000)
    config = Config.from_toml('[sinks.a]\nto = "stdout:"\n[retry]\ninitial_seconds = 0\nmax_attempts = 2\n')
    events = [Message(envelope(number), Origin("test")) for number in range(3)]

    sink = ScriptedSink([raising(SinkError("Odd"), stored=False)], limits)
    outcome = Forwarder(config, made={"a": sink}, telemetry=NoTelemetry()).forward(events)
    assert outcome.totals("a").delivered == 3

    sink = ScriptedSink([raising(SinkError("Odd", "words"), stored=False)] * 9, limits)
    outcome = Forwarder(config, made={"a": sink}, telemetry=NoTelemetry()).forward(events)
    verdicts = outcome.verdicts["a"].values()
    assert {(verdict.fate, verdict.code, verdict.reason) for verdict in verdicts} == {
        (Fate.RETURNED, "Odd", "words")
    }
