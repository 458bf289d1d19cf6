"""The pipeline of one function: source → intake → senders → failure handler → ledger → response.

This is the only module that writes the ledger.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward import formats, sinks
from trailforward.aws.objects import Objects
from trailforward.aws.own_calls import key_of, parsed
from trailforward.config import Config
from trailforward.errors import ConfigError, Problem, UnexaminedError
from trailforward.outcome import Fate, Outcome
from trailforward.pipeline.backoff import Backoff
from trailforward.pipeline.batching import message_batches
from trailforward.pipeline.failures import FailureHandler
from trailforward.pipeline.intake import Decisions, Intake, waves
from trailforward.pipeline.routing import Router, build_routes
from trailforward.pipeline.self_guard import build_guard
from trailforward.pipeline.sender import PendingEntry, Sender, SinkState
from trailforward.pipeline.telemetry import PlainTelemetry, PowertoolsTelemetry
from trailforward.pipeline.threads import Threads
from trailforward.sources import detect, examined
from trailforward.sources._own_calls import polled, reading_calls
from trailforward.sources.base import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from trailforward.formats.base import Format
    from trailforward.formats.redaction import Redaction
    from trailforward.message import Message
    from trailforward.pipeline.detecting import Plan
    from trailforward.pipeline.intake import Failures
    from trailforward.pipeline.receipts import Receipts
    from trailforward.pipeline.routing import Route
    from trailforward.pipeline.self_guard import SelfGuard
    from trailforward.pipeline.telemetry import Telemetry
    from trailforward.sinks.base import Sink
    from trailforward.state import State

#: How long one batch may take if there is no Lambda context.
DEFAULT_SECONDS = 300.0

#: The share of the time before the deadline in which objects are read.
_READING_SHARE = 0.75


class _Times(NamedTuple):
    """Deadlines on ``time.monotonic``: for reading objects, sending, and writing to the failure queues."""

    read: float
    send: float
    failures: float


class Forwarder:
    """Forwards what a Lambda function receives, and accounts for every event.

    Sinks are made at once and connect on first use. One forwarder serves all invocations of a process, one
    after the other.

    Args:
        config: what to send where.
        telemetry: publishes the ledger; standard logging by default.
        guard: finds out who caused an event; by default it knows only the configuration.
        made: sinks to use instead of the configured ones, by name (for tests).
        state: remembers events for ``once`` and ``threshold``; by default in the table of ``state``, or else
            in memory.

    Raises:
        ValueError: ``made`` names a sink that the configuration does not have.
    """

    def __init__(
        self,
        config: Config,
        *,
        telemetry: Telemetry | None = None,
        guard: SelfGuard | None = None,
        made: Mapping[str, Sink] | None = None,
        state: State | None = None,
    ) -> None:
        if unknown := sorted((made or {}).keys() - config.sinks.keys()):
            known = ", ".join(config.sinks) or "none"
            raise ValueError(f"made: no sink named {', '.join(unknown)}; the configuration has: {known}")
        routes = build_routes(config)
        named = {settings.format for settings in config.sinks.values()}
        forms = {
            name: formats.load(name) for name in named.union(*(route.formats.values() for route in routes))
        }
        direct = config.pipeline.aws_client == "direct"
        self._sinks: dict[str, Sink] = {
            name: (made or {}).get(name) or sinks.make(settings, direct=direct)
            for name, settings in config.sinks.items()
        }
        grouped = {name: one.format for name, one in config.sinks.items() if one.group}
        if grouped:
            from trailforward.pipeline.grouping import GroupingSink

            for name, form in grouped.items():
                self._sinks[name] = GroupingSink(self._sinks[name], forms[form])
        self._settings = config.sinks
        self._telemetry = telemetry or PlainTelemetry()
        self._guard = guard or build_guard(config)
        self._backoff = Backoff.from_settings(config.pipeline.retry)
        self._margin = config.pipeline.deadline_margin_seconds
        self._threads = Threads()
        self._intake = _intake(
            config, routes, self._guard, self._sinks, forms, self._telemetry, self._threads, state, grouped
        )
        self._failure_handler = FailureHandler(config.pipeline, self._backoff, self._threads, self._telemetry)
        self._objects = Objects(config.pipeline.bucket_owners)
        self._required_accounts = {
            f"sinks.{name}.to": account
            for name, settings in config.sinks.items()
            if (account := settings.required_account)
        }
        self._receipts: Receipts | None = None
        if config.pipeline.receipts is not None:
            from trailforward.pipeline.receipts import Receipts

            self._receipts = Receipts(config.pipeline, self._backoff, self._threads, self._telemetry)
            if account := config.pipeline.receipts.destination.required_account:
                self._required_accounts["receipts"] = account
        self._invoked = {
            name: key_of(arn)
            for name, settings in config.sinks.items()
            if (arn := parsed(settings.resource)) is not None and arn.service == "lambda"
        }

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Forwarder:
        """The forwarder that the environment variables describe; the Lambda handler uses it.

        Args:
            environ: variables; those of the process by default.

        Raises:
            ConfigError: the configuration is wrong; the error lists every problem.
            MissingExtraError: Powertools is not installed.
        """
        environ = os.environ if environ is None else environ
        config = Config.from_env(environ)
        function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
        guard = build_guard(config, environ)
        telemetry = PowertoolsTelemetry(
            namespace=environ.get("POWERTOOLS_METRICS_NAMESPACE") or "trailforward",
            service=environ.get("POWERTOOLS_SERVICE_NAME") or function_name or "trailforward",
            metrics=not _switched_on(environ, "POWERTOOLS_METRICS_DISABLED", "POWERTOOLS_DEV"),
        )
        return cls(config, telemetry=telemetry, guard=guard)

    def handle(self, payload: Any, context: Any = None) -> Any:
        """Forwards one Lambda payload and returns the response that Lambda expects.

        Args:
            payload: what the function received.
            context: Lambda's context; without it the deadline is :data:`DEFAULT_SECONDS` from now.

        Raises:
            PayloadError: events must be delivered again, and raising is the way to ask for it (asynchronous
                and direct invocation).
            ConfigError: a destination is in another account, but its API reaches only the function's; or a
                destination is the function itself.
        """
        return self.process(payload, context)[0]

    def process(self, payload: Any, context: Any = None) -> tuple[Any, Outcome]:
        """Does the same as :meth:`handle`, but returns the response and the ledger."""
        if arn := getattr(context, "invoked_function_arn", None):
            self._guard.learn(str(arn))
            self._check_destinations(str(arn))
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        seconds = DEFAULT_SECONDS if remaining is None else remaining() / 1000
        source = detect(payload)
        if (arn := polled(payload)) is not None:
            self._guard.learn_source(arn, reading_calls(arn))
        times = self._times(seconds)
        reader = ObjectReader(self._objects, until=times.read)
        outcome = self._forward(source.messages(payload, reader), times, reader)
        return source.response(outcome, payload), outcome

    def forward(
        self,
        messages: Iterable[Message],
        *,
        seconds: float = DEFAULT_SECONDS,
        states: dict[str, SinkState] | None = None,
    ) -> Outcome:
        """Forwards messages, however they were read.

        Args:
            messages: in order. An iterator is read batch by batch and never kept whole.
            seconds: how long this may take, including writing to the failure queues.
            states: what each sink did so far. Pass the same dict to calls that belong together, so that a
                sink that refuses everything is called no more.

        Returns:
            The ledger. After several batches it has the sums of all, and keeps only the messages that the
            source must deliver again.
        """
        times = self._times(seconds)
        return self._forward(messages, times, ObjectReader(self._objects, until=times.read), states)

    def _check_destinations(self, function_arn: str) -> None:
        """Rejects the function itself, and sinks in another account whose API reaches only the function's."""
        own = parsed(function_arn) if self._invoked else None
        same = [name for name, key in self._invoked.items() if own is not None and key == key_of(own)]
        if same:
            text = "this is the function that forwards, so each event would return to it"
            raise ConfigError([Problem(f"sinks.{name}.to", text, "use another function") for name in same])
        account = function_arn.split(":")[4] if function_arn.count(":") > 4 else ""  # noqa: PLR2004
        foreign = [key for key, other in self._required_accounts.items() if account and other != account]
        if foreign:
            fix = "use one in this account, or a Kinesis stream, which may be in any account"
            fixes = {"receipts": "use a stream in this account, or a bucket, which may be in any account"}
            text = f"not in the function's account, {account}, and its API reaches no other"
            raise ConfigError([Problem(key, text, fixes.get(key, fix)) for key in foreign])

    def _times(self, seconds: float) -> _Times:
        # With a short timeout (Lambda's default is 3 s), half of the time is still left for sending.
        margin = min(self._margin, seconds / 2)
        start = time.monotonic()
        end = start + seconds
        # Reading ends early: the unread rest of an object returns as one message, unsent records as many.
        return _Times(start + _READING_SHARE * (seconds - margin), end - margin, end - margin / 4)

    def _forward(
        self,
        messages: Iterable[Message],
        times: _Times,
        reader: ObjectReader,
        states: dict[str, SinkState] | None = None,
    ) -> Outcome:
        """Forwards messages: a list as one batch, an iterator in several batches."""
        chunks: Iterable[Sequence[Message]] = (
            [messages] if isinstance(messages, Sequence) else message_batches(messages)
        )
        names = list(self._sinks)
        blocked: set[str] = set()
        if states is None:
            states = {name: SinkState() for name in names}
        else:
            for name in names:
                states.setdefault(name, SinkState())
        total: Outcome | None = None

        def add(chunk: Sequence[Message]) -> None:
            nonlocal total
            outcome = self._forward_batch(Outcome(chunk, names, total), blocked, times, states, reader)
            total = outcome if total is None else total.joined(outcome)

        for chunk in chunks:
            try:
                add(chunk)
            except UnexaminedError:  # raised before anything is sent
                for part in message_batches(examined(chunk, reader)):
                    add(part)
        if total is None:
            total = self._forward_batch(Outcome([], names), blocked, times, states, reader)
        self._report_refusals(states)
        return total

    def _report_refusals(self, states: Mapping[str, SinkState]) -> None:
        """Reports each sink that paused, once, with the fix."""
        for name, state in states.items():
            if state.refusal is not None and not state.reported:
                from trailforward.pipeline.sink_fixes import explained

                state.reported = True
                problem, fix = explained(state.refusal, self._settings[name])
                self._telemetry.refusing(name, state.refusal.code, problem, fix)

    def _forward_batch(
        self,
        outcome: Outcome,
        blocked: set[str],
        times: _Times,
        states: dict[str, SinkState],
        reader: ObjectReader,
    ) -> Outcome:
        """Forwards one batch and publishes its ledger. FIFO groups with a returned message become blocked.

        If no sink accepts anything, it stops the reader: the rest of an object then returns as one message.
        """
        messages = outcome.messages
        plans: list[tuple[int, Plan]] = []
        for wave in waves(messages):
            failed = False
            for decisions in self._intake.rounds(outcome, wave, blocked, times.send):
                plans += decisions.plans
                failed |= self._carry_out(decisions, outcome, times, states, reader)
            if not failed:
                continue
            returned = set(outcome.returned)
            blocked |= {
                group for index in wave if index in returned and (group := messages[index].origin.group)
            }
        outcome.return_forgotten()
        if plans:
            from trailforward.pipeline.detecting import count_routes

            count_routes(outcome, plans)
        if self._receipts is not None:
            outcome.receipts_failed = self._receipts.write(outcome, times.failures)
        self._telemetry.publish(outcome)
        return outcome

    def _carry_out(
        self,
        decisions: Decisions,
        outcome: Outcome,
        times: _Times,
        states: dict[str, SinkState],
        reader: ObjectReader,
    ) -> bool:
        """Sends what was decided, and records the fates. Returns whether something was not delivered."""
        _record_decisions(outcome, decisions)
        failures = decisions.failures
        for sender in self._send(decisions.entries, states, deadline=times.send):
            _record_sent(outcome, sender)
            for index, failure in sender.failed.items():
                failures[index][sender.name] = failure
        if not failures:
            return False
        if _no_sink_accepts(failures, outcome):
            reader.stop()
        for verdict in self._failure_handler.handle(failures, outcome, deadline=times.failures):
            outcome.record(*verdict)
        return True

    def _send(
        self, entries: Mapping[str, Sequence[PendingEntry]], states: dict[str, SinkState], *, deadline: float
    ) -> list[Sender]:
        """Runs the senders of all sinks at once, and returns them when they have finished."""
        on_error = self._telemetry.fault
        senders = [
            Sender(
                name,
                self._sinks[name],
                self._backoff,
                self._threads,
                deadline=deadline,
                on_error=on_error,
                state=states[name],
            )
            for name, some in entries.items()
            if some
        ]
        for sender in senders:
            sender.start(entries[sender.name])
        for sender in senders:
            sender.finish()
        return senders

    def prepare(self) -> None:
        """Creates what the first event would otherwise wait for, without connecting to any destination."""
        for sink in self._sinks.values():
            sink.prepare()
        if self._receipts is not None:
            self._receipts.prepare()

    def close(self) -> None:
        """Closes every sink."""
        for sink in self._sinks.values():
            sink.close()
        self._intake.close()
        self._failure_handler.close()
        if self._receipts is not None:
            self._receipts.close()
        self._objects.close()


def _intake(  # noqa: PLR0913, PLR0917  # each is a collaborator
    config: Config,
    routes: Sequence[Route],
    guard: SelfGuard,
    made: Mapping[str, Sink],
    forms: Mapping[str, Format],
    telemetry: Telemetry,
    threads: Threads,
    state: State | None,
    grouped: Mapping[str, str],
) -> Intake:
    """The intake that the configuration needs: one without detections is faster."""
    kind: Callable[..., Intake] = Intake
    builder: Callable[..., Any] | None = None
    router, canaries = Router(routes), None
    minimums = {name: settings.min_severity for name, settings in config.sinks.items()}
    metered = config.pipeline.route_metrics
    if metered or any(minimums.values()) or any(route.drop or route.matched for route in routes):
        from trailforward.pipeline import detecting

        kind = detecting.MeteredIntake if metered else Intake
        router, builder = detecting.DetectingRouter(routes, minimums), detecting.DetectingBuilder
        if any(route.repeats for route in routes):
            from trailforward.pipeline.suppression import suppressing

            kind, router = suppressing(config, routes, minimums, state, threads, telemetry)
    if grouped:
        from trailforward.pipeline.grouping import builders
        from trailforward.pipeline.intake import EntryBuilder

        builder = builders(builder or EntryBuilder, grouped)
    if config.pipeline.canary_roles:
        from trailforward.pipeline.canary import Canaries

        wanted = [name for name, settings in config.sinks.items() if settings.canaries]
        canaries = Canaries(config.pipeline.canary_roles, wanted)
    return kind(
        router,
        guard,
        made,
        forms,
        telemetry.fault,
        redactions=_redactions(config),
        on_mismatch=config.pipeline.envelope_mismatch,
        builder=builder,
        canaries=canaries,
    )


def _switched_on(environ: Mapping[str, str], *names: str) -> bool:
    """Whether the first of these variables that is set is true, as Powertools reads it."""
    value = next((environ[name] for name in names if environ.get(name)), "")
    return value.lower() in {"1", "y", "yes", "t", "true", "on"}


def _redactions(config: Config) -> dict[str, Redaction]:
    """The redaction of each sink that redacts."""
    redacting = {name: settings.redact for name, settings in config.sinks.items() if settings.redact}
    if not redacting:
        return {}
    from trailforward.formats.redaction import Redaction

    return {name: Redaction(paths) for name, paths in redacting.items()}


def resources(config: Config) -> list[str]:
    """ARNs of all destinations in the configuration, including the failure queues."""
    named = [settings.resource for settings in config.sinks.values()]
    named += [config.pipeline.dead_letter or "", config.pipeline.retry_queue or ""]
    return [name for name in named if name.startswith("arn:")]


def _record_decisions(outcome: Outcome, decisions: Decisions) -> None:
    """Records what intake decided."""
    for verdict in decisions.verdicts:
        outcome.record(*verdict)
    if decisions.mismatches:
        outcome.mismatches.update(decisions.mismatches)
    for call in decisions.unusual_self:
        outcome.count_unusual_self(call)
    outcome.canaries += decisions.canaries


def _record_sent(outcome: Outcome, sender: Sender) -> None:
    """Records what a sender delivered."""
    account = outcome.accounts[sender.name]
    account.retries += sender.retries
    for batch, at in sender.delivered:
        account.bytes += sum([len(entry.data) for entry in batch])
        by_attempts: dict[int, list[int]] = {}
        for entry in batch:
            by_attempts.setdefault(entry.attempts, []).append(entry.index)
        for attempts, indexes in by_attempts.items():
            outcome.deliver(sender.name, indexes, attempts)
        outcome.latencies += _latencies(batch, at)


def _no_sink_accepts(failures: Failures, outcome: Outcome) -> bool:
    """Whether something failed that may succeed later, and no sink accepted anything."""
    if any(account.fates[Fate.DELIVERED] for account in outcome.accounts.values()):
        return False
    return any(failure.transient for by_sink in failures.values() for failure in by_sink.values())


def _latencies(batch: Sequence[PendingEntry], at: float) -> list[tuple[str, float]]:
    """Region and milliseconds from the event's time to its delivery, for events that have both."""
    return [
        (entry.region, max(0.0, (at - then) * 1000))
        for entry in batch
        if entry.region and len(entry.time) <= _TIME_CHARACTERS and (then := _epoch(entry.time)) is not None
    ]


#: No timestamp is longer. The cache below keeps texts from events, so their length must be bounded.
_TIME_CHARACTERS = 64


@lru_cache(maxsize=4_096)  # CloudTrail's times are whole seconds, so the events of a batch share a few
def _epoch(time: str) -> float | None:
    """Seconds since 1970; None if the text is not a timestamp with an offset."""
    try:
        then = datetime.fromisoformat(time)
    except ValueError:
        return None
    return None if then.tzinfo is None else then.timestamp()
