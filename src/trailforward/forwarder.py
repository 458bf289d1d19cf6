"""The one pipeline: source → routes → format → batch → send, retry → outcome."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from trailforward import formats, handback, sinks
from trailforward.config import Config
from trailforward.errors import EventError
from trailforward.guards import SelfGuard
from trailforward.lanes import Lane, Parcel, Result
from trailforward.outcome import Fate, Outcome, Verdict
from trailforward.routing import Router
from trailforward.sinks.base import Entry
from trailforward.sources import detect
from trailforward.telemetry import PlainTelemetry, PowertoolsTelemetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trailforward.formats.base import Format
    from trailforward.message import Message
    from trailforward.sinks.base import Sink
    from trailforward.telemetry import Telemetry

#: Without Lambda's clock, how long one batch may take.
PATIENCE_SECONDS = 300.0


class Forwarder:
    """Forwards what a Lambda function receives, and accounts for every event.

    Sinks are made at once and connect on first use. One forwarder serves all invocations of a process.

    Args:
        config: what to send where.
        telemetry: where outcomes are told; standard logging by default.
        guard: tells our own events; by default from the configuration alone.
        made: sinks to use instead of those the configuration names (for tests), by name.
    """

    def __init__(
        self,
        config: Config,
        *,
        telemetry: Telemetry | None = None,
        guard: SelfGuard | None = None,
        made: Mapping[str, Sink] | None = None,
    ) -> None:
        self._formats: dict[str, Format] = {}
        self._sinks: dict[str, Sink] = {}
        for name, settings in config.sinks.items():
            chosen = formats.load(settings.format)
            self._formats[name] = chosen
            given = made.get(name) if made else None
            self._sinks[name] = given or sinks.load(sinks.type_of(settings.to) or "")(settings, chosen)
        self._router = Router(config.compiled_routes())
        self._backoff = config.backoff
        self._margin = config.pipeline.deadline_margin_seconds
        self._dead_letters = HandBack("dead_letter", config.pipeline.dead_letter)
        self._retry_queue = HandBack("retry_queue", config.pipeline.retry_queue)
        self._telemetry = telemetry or PlainTelemetry()
        self._guard = guard or SelfGuard(own_arns=config.pipeline.own_arns, resources=resources(config))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Forwarder:
        """The forwarder that the environment describes: what the Lambda handler uses.

        Args:
            environ: variables; the process's own by default.

        Raises:
            ConfigError: lists everything that is wrong.
            MissingExtraError: Powertools is not installed.
        """
        environ = os.environ if environ is None else environ
        config = Config.from_env(environ)
        function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
        guard = SelfGuard(
            own_arns=config.pipeline.own_arns,
            resources=resources(config),
            function_name=function_name,
            access_key_id=environ.get("AWS_ACCESS_KEY_ID", "") if function_name else "",
            ask_role=lambda: _ask_role(environ.get("AWS_REGION")),
        )
        telemetry = PowertoolsTelemetry(
            namespace=environ.get("POWERTOOLS_METRICS_NAMESPACE") or "trailforward",
            service=environ.get("POWERTOOLS_SERVICE_NAME") or function_name or "trailforward",
        )
        return cls(config, telemetry=telemetry, guard=guard)

    def handle(self, payload: Any, context: Any = None) -> Any:
        """Forwards one Lambda payload and returns the answer that Lambda expects.

        Args:
            payload: what the function received.
            context: Lambda's context; without it there is no deadline but :data:`PATIENCE_SECONDS`.

        Raises:
            PayloadError: where raising is how events are handed back (direct invocation).
        """
        return self.process(payload, context)[0]

    def process(self, payload: Any, context: Any = None) -> tuple[Any, Outcome]:
        """As :meth:`handle`, and the outcome with the answer."""
        source = detect(payload)
        outcome = self._account(source.messages(payload), context)
        return source.answer(outcome), outcome

    def forward(self, messages: Sequence[Message], *, seconds: float = PATIENCE_SECONDS) -> Outcome:
        """Forwards messages that a program made or read itself.

        Args:
            messages: in order.
            seconds: how long this may take.
        """
        return self._forward(messages, time.monotonic() + seconds)

    def close(self) -> None:
        """Closes every sink."""
        for sink in (*self._sinks.values(), *self._dead_letters.sinks, *self._retry_queue.sinks):
            sink.close()

    def _account(self, messages: Sequence[Message], context: Any) -> Outcome:
        if arn := getattr(context, "invoked_function_arn", None):
            self._guard.learn(str(arn))
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        seconds = PATIENCE_SECONDS if remaining is None else remaining() / 1000
        return self._forward(messages, time.monotonic() + seconds)

    def _forward(self, messages: Sequence[Message], end: float) -> Outcome:
        # Short timeouts (Lambda's default is 3 s) still leave half of the time for sending.
        margin = min(self._margin, (end - time.monotonic()) / 2)
        outcome = Outcome(messages, list(self._sinks))
        results: dict[str, dict[int, Result]] = {name: {} for name in self._sinks}
        blocked: set[str] = set()
        for wave in waves(messages):
            parcels = self._parcels(wave, blocked, outcome, results)
            self._send(parcels, end - margin, outcome, results)
            self._settle(wave, end - margin / 4, outcome, results)
            returned = set(outcome.returned)
            blocked |= {
                group for index in wave if index in returned and (group := messages[index].origin.group)
            }
        self._check(outcome)
        self._telemetry.publish(outcome)
        return outcome

    def _parcels(
        self,
        wave: Sequence[int],
        blocked: set[str],
        outcome: Outcome,
        results: dict[str, dict[int, Result]],
    ) -> dict[str, list[Parcel]]:
        """Decides where each message goes. What goes nowhere gets its fate or its refusal here."""
        parcels: dict[str, list[Parcel]] = defaultdict(list)
        for index in wave:
            message = outcome.messages[index]
            owed = outcome.owed(message)
            if message.origin.group in blocked:
                verdict = Verdict(Fate.RETURNED, "group_blocked", "an earlier message of its group goes back")
                _record(outcome, owed, index, verdict)
                continue
            try:
                event = message.event
            except EventError as error:
                refusal = Result(delivered=False, code=error.code, reason=str(error))
                for name in owed:
                    results[name][index] = refusal
                continue
            if self._guard.is_own(event):
                _record(
                    outcome, owed, index, Verdict(Fate.FILTERED, "self", "the forwarder itself caused it")
                )
                continue
            wanted = self._router.sinks(event)
            for name in owed:
                if name not in wanted:
                    outcome.record(name, index, Verdict(Fate.FILTERED, "no_route", "no route wants it there"))
                elif message.origin.arn and message.origin.arn == self._sinks[name].arn:
                    outcome.record(
                        name, index, Verdict(Fate.FILTERED, "self", "it came from this very queue")
                    )
                else:
                    made = self._parcel(name, index, message)
                    if isinstance(made, Parcel):
                        parcels[name].append(made)
                    else:
                        results[name][index] = made
        return parcels

    def _parcel(self, name: str, index: int, message: Message) -> Parcel | Result:
        """A message in a sink's format, or why it cannot be had or sent."""
        form, sink = self._formats[name], self._sinks[name]
        try:
            data = form.data(message)
            fields = message.fields
            entry = Entry(data, message.key, fields.get("account", ""), form.subject(message), fields)
            size = sink.size(entry)
        except EventError as error:
            return Result(delivered=False, code=error.code, reason=str(error))
        except Exception as error:  # noqa: BLE001  # one odd event must not cost the batch
            self._fault(name, error)
            return Result(
                delivered=False, code=type(error).__name__, reason="the event could not be formatted"
            )
        limits = sink.limits
        most = min(limits.entry_bytes, limits.batch_bytes - limits.batch_overhead)
        if size > most:
            reason = f"{size} bytes, over the limit of {most} bytes"
            return Result(delivered=False, code="too_large", reason=reason)
        return Parcel(index, entry, size)

    def _send(
        self,
        parcels: Mapping[str, list[Parcel]],
        deadline: float,
        outcome: Outcome,
        results: dict[str, dict[int, Result]],
    ) -> None:
        """Runs all lanes at once, and enters what was delivered."""
        lanes = [self._lane(name, self._sinks[name], deadline) for name in parcels]
        for lane in lanes:
            lane.start(parcels[lane.name])
        for lane in lanes:
            results[lane.name].update(lane.finish())
            outcome.accounts[lane.name].retries += lane.retries
            outcome.accounts[lane.name].bytes += lane.bytes
            for parcel in parcels[lane.name]:
                result = results[lane.name][parcel.index]
                if result.delivered:
                    verdict = Verdict(Fate.DELIVERED, attempts=result.attempts)
                    outcome.record(lane.name, parcel.index, verdict)
                    latency = _latency(outcome.messages[parcel.index], result.at)
                    if latency is not None:
                        outcome.latencies.append(latency)

    def _settle(
        self, wave: Sequence[int], deadline: float, outcome: Outcome, results: Mapping[str, dict[int, Result]]
    ) -> None:
        """Finds a place for every refused message: dead letter, retry queue, or back to the source."""
        refused = {
            index: {
                name: result
                for name in self._sinks
                if (result := results[name].get(index)) is not None and not result.delivered
            }
            for index in wave
        }
        buried = self._hand_back(
            self._dead_letters,
            {
                (index, result.code): {
                    name: other
                    for name, other in by_sink.items()
                    if not other.transient and other.code == result.code
                }
                for index, by_sink in refused.items()
                for result in by_sink.values()
                if not result.transient
            },
            deadline,
            outcome,
        )
        for (index, code), names in buried.items():
            for name in names:
                result = refused[index].pop(name)
                verdict = Verdict(Fate.DEAD_LETTERED, code, result.reason, result.attempts)
                outcome.record(name, index, verdict)
        partial = {
            (index, next(iter(by_sink.values())).code): by_sink
            for index, by_sink in refused.items()
            if by_sink
            and outcome.messages[index].origin.group is None
            and any(
                index in outcome.verdicts[name] and outcome.verdicts[name][index].fate is not Fate.FILTERED
                for name in self._sinks
            )
        }
        queued = self._hand_back(self._retry_queue, partial, deadline, outcome)
        for (index, _), names in queued.items():
            for name in names:
                result = refused[index].pop(name)
                reason = f"{result.code}: {result.reason}"
                outcome.record(name, index, Verdict(Fate.RETURNED, "retry_queue", reason, result.attempts))
        for index, by_sink in refused.items():
            for name, result in by_sink.items():
                verdict = Verdict(Fate.RETURNED, result.code, result.reason, result.attempts)
                outcome.record(name, index, verdict)

    def _hand_back(
        self,
        queue: HandBack,
        notes: Mapping[tuple[int, str], Mapping[str, Result]],
        deadline: float,
        outcome: Outcome,
    ) -> dict[tuple[int, str], list[str]]:
        """Writes messages to a queue of ours, and returns those that are safely there, with their sinks."""
        if not notes or queue.sink is None:
            return {}
        keys = list(notes)
        parcels = []
        for position, (index, code) in enumerate(keys):
            by_sink = notes[index, code]
            entry = queue.entry(outcome.messages[index], code, by_sink)
            parcels.append(Parcel(position, entry, queue.sink.size(entry)))
        lane = self._lane(queue.name, queue.sink, deadline)
        lane.start(parcels)
        written = lane.finish()
        lost = [result for result in written.values() if not result.delivered]
        if lost:
            self._telemetry.error(
                "not handed back, returned to the source", to=queue.name, count=len(lost), code=lost[0].code
            )
        return {key: list(notes[key]) for position, key in enumerate(keys) if written[position].delivered}

    def _lane(self, name: str, sink: Sink, deadline: float) -> Lane:
        return Lane(name, sink, self._backoff, deadline=deadline, on_error=self._fault)

    def _fault(self, sink: str, error: BaseException) -> None:
        """Tells of a bug by type and place: its text might hold payload."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
        self._telemetry.error("a sink or format failed", sink=sink, error=type(error).__name__, place=place)

    def _check(self, outcome: Outcome) -> None:
        """Makes sure that nothing is forgotten: what has no fate is returned, and the break is told."""
        for name, account in outcome.accounts.items():
            if account.received == sum(account.fates.values()):
                continue
            for index, message in enumerate(outcome.messages):
                if name in outcome.owed(message) and index not in outcome.verdicts[name]:
                    outcome.forgotten(name, index)


class HandBack:
    """A queue of ours: dead letters or retries. Made on first use, since most invocations need none.

    Args:
        name: for logs.
        destination: ARN of an SQS queue or ``file:PATH``; None where there is no such queue.
    """

    def __init__(self, name: str, destination: str | None) -> None:
        self.name = name
        self.sinks: list[Sink] = []
        self._destination = destination
        self._as_line = False

    @property
    def sink(self) -> Sink | None:
        """Where to write; None where there is no such queue."""
        if not self.sinks and self._destination is not None:
            kind = sinks.type_of(self._destination) or ""
            made = sinks.load(kind)
            self._as_line = kind == "file"
            self.sinks.append(made(made.Settings(to=self._destination)))
        return self.sinks[0] if self.sinks else None

    def entry(self, message: Message, code: str, by_sink: Mapping[str, Result]) -> Entry:
        """A message with a note of who is still owed it, and why."""
        result = next(iter(by_sink.values()))
        attempts = max(other.attempts for other in by_sink.values())
        attributes = handback.write(message, by_sink, code=code, reason=result.reason, attempts=attempts)
        if self._as_line:
            return Entry(handback.line(message.raw, attributes), message.key)
        data, attributes = handback.letter(message.raw, attributes)
        return Entry(data, message.key, attributes=attributes)


def resources(config: Config) -> list[str]:
    """ARNs of everything the configuration sends to."""
    named = [settings.to for settings in config.sinks.values()]
    named += [config.pipeline.dead_letter or "", config.pipeline.retry_queue or ""]
    return [name for name in named if name.startswith("arn:")]


def waves(messages: Sequence[Message]) -> Iterator[list[int]]:
    """Rounds in which no FIFO group occurs twice, so that a group can stop at its first failure."""
    rounds: list[list[int]] = [[]]
    depth: dict[str, int] = defaultdict(int)
    for index, message in enumerate(messages):
        group = message.origin.group
        level = 0
        if group is not None:
            level = depth[group]
            depth[group] += 1
        if level == len(rounds):
            rounds.append([])
        rounds[level].append(index)
    yield from rounds


def _record(outcome: Outcome, names: Sequence[str], index: int, verdict: Verdict) -> None:
    for name in names:
        outcome.record(name, index, verdict)


def _latency(message: Message, at: float) -> tuple[str, float] | None:
    """Region and milliseconds from the event's own time to its delivery, where the event tells both."""
    event = message.event
    moment = message.record.get("eventTime") or event.get("time")
    region = event.get("region")
    if not isinstance(moment, str) or not isinstance(region, str) or not region.isascii() or not region:
        return None
    try:
        then = datetime.fromisoformat(moment)
    except ValueError:
        return None
    if then.tzinfo is None:
        return None
    return region, max(0.0, (at - then.timestamp()) * 1000)


def _ask_role(region: str | None) -> tuple[str, str] | None:
    from trailforward.sinks._aws import caller_role

    return caller_role(region)
