"""The one pipeline: source → routes → format → batch → send, retry → outcome."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward import formats, sinks
from trailforward.batching import batches
from trailforward.config import Config
from trailforward.errors import ConfigError, Problem
from trailforward.guards import SelfGuard
from trailforward.intake import Intake, Refusals, waves
from trailforward.lanes import Lane, Parcel
from trailforward.outcome import Fate, Outcome
from trailforward.retry import Backoff
from trailforward.routing import Router, build_routes
from trailforward.settling import Settling
from trailforward.sinks.settings import AwsSinkSettings
from trailforward.sources import detect
from trailforward.sources._s3 import Objects
from trailforward.sources.base import Reading
from trailforward.telemetry import PlainTelemetry, PowertoolsTelemetry
from trailforward.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trailforward.formats.redaction import Redaction
    from trailforward.message import Message
    from trailforward.sinks.base import Sink
    from trailforward.telemetry import Telemetry

#: Without Lambda's clock, how long one batch may take.
PATIENCE_SECONDS = 300.0


#: What is read at once where a payload only points to its events; as much as any payload may hold itself.
_MESSAGES = 10_000
_BYTES = 6_000_000
#: The part of the time before the deadline in which objects are read.
_READING = 0.75


class _Times(NamedTuple):
    """On ``time.monotonic``: when reading ends, when sending ends, and when handing back ends."""

    read: float
    deadline: float
    settled: float


class Forwarder:
    """Forwards what a Lambda function receives, and accounts for every event.

    Sinks are made at once and connect on first use. One forwarder serves all invocations of a process, one
    after the other.

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
        routes = build_routes(config)
        named = {settings.format for settings in config.sinks.values()}
        forms = {
            name: formats.load(name) for name in named.union(*(route.formats.values() for route in routes))
        }
        direct = config.pipeline.aws_client == "direct"
        self._sinks: dict[str, Sink] = {
            name: (made or {}).get(name) or sinks.make(settings, forms[settings.format], direct=direct)
            for name, settings in config.sinks.items()
        }
        self._telemetry = telemetry or PlainTelemetry()
        self._guard = guard or SelfGuard(own_arns=config.pipeline.own_arns, resources=resources(config))
        self._backoff = Backoff.from_settings(config.pipeline.retry)
        self._margin = config.pipeline.deadline_margin_seconds
        self._intake = Intake(
            Router(routes),
            self._guard,
            self._sinks,
            forms,
            self._telemetry.fault,
            redactions=_redactions(config),
            forged=config.pipeline.envelope_mismatch,
        )
        self._workers = Workers()
        self._settling = Settling(config.pipeline, self._backoff, self._workers, self._telemetry)
        self._objects = Objects()
        self._own_account_only = {
            name: settings.arn.account
            for name, settings in config.sinks.items()
            if isinstance(settings, AwsSinkSettings) and settings.own_account_only
        }

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
            metrics=not _switched_on(environ, "POWERTOOLS_METRICS_DISABLED", "POWERTOOLS_DEV"),
        )
        return cls(config, telemetry=telemetry, guard=guard)

    def handle(self, payload: Any, context: Any = None) -> Any:
        """Forwards one Lambda payload and returns the answer that Lambda expects.

        Args:
            payload: what the function received.
            context: Lambda's context; without it there is no deadline but :data:`PATIENCE_SECONDS`.

        Raises:
            PayloadError: where raising is how events are handed back (direct invocation).
            ConfigError: a destination of another account, where its API knows names of the own one only.
        """
        return self.process(payload, context)[0]

    def process(self, payload: Any, context: Any = None) -> tuple[Any, Outcome]:
        """As :meth:`handle`, and returns the outcome beside the answer."""
        if arn := getattr(context, "invoked_function_arn", None):
            self._guard.learn(str(arn))
            self._check_accounts(str(arn))
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        seconds = PATIENCE_SECONDS if remaining is None else remaining() / 1000
        source = detect(payload)
        times = self._times(seconds)
        reading = Reading(self._objects, until=times.read)
        outcome = self._forward(source.messages(payload, reading), times, reading)
        return source.answer(outcome, payload), outcome

    def forward(self, messages: Iterable[Message], *, seconds: float = PATIENCE_SECONDS) -> Outcome:
        """Forwards messages, however they were read.

        Args:
            messages: in order. An iterator is read batch by batch, and never held whole.
            seconds: how long this may take, handing back included.

        Returns:
            The ledger. Where there was more than one batch it has the sums of all, and of the messages only
            those that must go back to their source.
        """
        times = self._times(seconds)
        return self._forward(messages, times, Reading(self._objects, until=times.read))

    def _check_accounts(self, function_arn: str) -> None:
        """Refuses to send to a namesake: only an invocation tells which account is ours."""
        account = function_arn.split(":")[4] if function_arn.count(":") > 4 else ""  # noqa: PLR2004
        foreign = [name for name, other in self._own_account_only.items() if account and other != account]
        if foreign:
            fix = "name a stream of this account, or send to a Kinesis stream, which may be another account's"
            text = f"a stream of another account than the function's, {account}: its API takes names only"
            raise ConfigError([Problem(f"sinks.{name}.to", text, fix) for name in foreign])

    def _times(self, seconds: float) -> _Times:
        # Short timeouts (Lambda's default is 3 s) still leave half of the time for sending.
        margin = min(self._margin, seconds / 2)
        start = time.monotonic()
        end = start + seconds
        # What was read must also be sent: an unread rest comes again by one message, the unsent by many.
        return _Times(start + _READING * (seconds - margin), end - margin, end - margin / 4)

    def _forward(self, messages: Iterable[Message], times: _Times, reading: Reading) -> Outcome:
        """Forwards messages in batches: what is held anyway at once, what is still to be read bit by bit."""
        chunks: Iterable[Sequence[Message]] = (
            [messages]
            if isinstance(messages, Sequence)
            else batches(messages, lambda message: len(message.raw), most=_MESSAGES, most_bytes=_BYTES)
        )
        names = list(self._sinks)
        blocked: set[str] = set()
        total: Outcome | None = None
        for chunk in chunks:
            outcome = self._batch(Outcome(chunk, names, total), blocked, times)
            if _nothing_taken(outcome):
                reading.stop()
            total = outcome if total is None else total.joined(outcome)
        return total or self._batch(Outcome([], names), blocked, times)

    def _batch(self, outcome: Outcome, blocked: set[str], times: _Times) -> Outcome:
        """Forwards one batch, and tells of it. FIFO groups of which something goes back become blocked."""
        messages = outcome.messages
        for wave in waves(messages):
            parcels, refusals = self._intake.sort(outcome, wave, blocked)
            self._send(parcels, refusals, outcome, deadline=times.deadline)
            self._settling.settle(refusals, outcome, deadline=times.settled)
            returned = set(outcome.returned)
            blocked |= {
                group for index in wave if index in returned and (group := messages[index].origin.group)
            }
        _check(outcome)
        self._telemetry.publish(outcome)
        return outcome

    def prepare(self) -> None:
        """Makes what the first event would have to wait for, without talking to any destination."""
        for sink in self._sinks.values():
            if (prepare := getattr(sink, "prepare", None)) is not None:
                prepare()

    def close(self) -> None:
        """Closes every sink."""
        for sink in self._sinks.values():
            sink.close()
        self._settling.close()
        self._objects.close()

    def _send(
        self, parcels: Mapping[str, list[Parcel]], refusals: Refusals, outcome: Outcome, *, deadline: float
    ) -> None:
        """Runs all lanes at once; enters what was delivered, and adds the rest to the refusals."""
        told = self._telemetry.fault
        lanes = [
            Lane(name, self._sinks[name], self._backoff, self._workers, deadline=deadline, on_error=told)
            for name in parcels
        ]
        for lane in lanes:
            lane.start(parcels[lane.name])
        for lane in lanes:
            lane.finish()
            account = outcome.accounts[lane.name]
            account.retries += lane.retries
            for batch, at in lane.delivered:
                account.bytes += sum([len(parcel.data) for parcel in batch])
                _enter(outcome, lane.name, batch)
                outcome.latencies += _latencies(batch, at)
            for index, result in lane.refused.items():
                refusals.setdefault(index, {})[lane.name] = result


def _switched_on(environ: Mapping[str, str], *names: str) -> bool:
    """Whether the first of these variables that is set says yes, as Powertools reads it."""
    value = next((environ[name] for name in names if environ.get(name)), "")
    return value.lower() in {"1", "y", "yes", "t", "true", "on"}


def _redactions(config: Config) -> dict[str, Redaction]:
    """By sink, for those that ask for it."""
    redacting = {name: settings.redact for name, settings in config.sinks.items() if settings.redact}
    if not redacting:
        return {}
    from trailforward.formats.redaction import Redaction

    return {name: Redaction(paths) for name, paths in redacting.items()}


def resources(config: Config) -> list[str]:
    """ARNs of everything the configuration sends to."""
    named = [settings.resource for settings in config.sinks.values()]
    named += [config.pipeline.dead_letter or "", config.pipeline.retry_queue or ""]
    return [name for name in named if name.startswith("arn:")]


def _check(outcome: Outcome) -> None:
    """Makes sure that nothing is forgotten: what has no fate is returned, and the ledger says it broke."""
    for name, account in outcome.accounts.items():
        if account.received == sum(account.fates.values()):
            continue
        for index, message in enumerate(outcome.messages):
            if name in outcome.owed(message) and index not in outcome.verdicts[name]:
                outcome.forgotten(name, index)


def _nothing_taken(outcome: Outcome) -> bool:
    """Whether something must come again, by source or retry queue, and no destination took anything."""
    fates = [account.fates for account in outcome.accounts.values()]
    return any(counts[Fate.RETURNED] for counts in fates) and not any(
        counts[Fate.DELIVERED] for counts in fates
    )


def _enter(outcome: Outcome, name: str, batch: Sequence[Parcel]) -> None:
    """Enters a batch that was delivered."""
    by_attempts: dict[int, list[int]] = {}
    for parcel in batch:
        by_attempts.setdefault(parcel.attempts, []).append(parcel.index)
    for attempts, indexes in by_attempts.items():
        outcome.deliver(name, indexes, attempts)


def _latencies(batch: Sequence[Parcel], at: float) -> list[tuple[str, float]]:
    """Region and milliseconds from an event's own time to its delivery, of those events that tell both."""
    return [
        (parcel.region, max(0.0, (at - then) * 1000))
        for parcel in batch
        if parcel.region and len(parcel.time) <= _TIME and (then := _epoch(parcel.time)) is not None
    ]


#: No moment is longer. What is remembered comes from events, so it must not be as long as they please.
_TIME = 64


@lru_cache(maxsize=4_096)  # CloudTrail's times are whole seconds: the events of a batch share a few
def _epoch(time: str) -> float | None:
    """Seconds since 1970; None where the text does not say which moment it is."""
    try:
        then = datetime.fromisoformat(time)
    except ValueError:
        return None
    return None if then.tzinfo is None else then.timestamp()


def _ask_role(region: str | None) -> tuple[str, str] | None:
    from trailforward.sinks._aws import caller_role

    return caller_role(region)
