"""Intake decides what happens to each message: an entry for a sink, a fate, or a failure.

It only decides. The forwarder records the fates and sends the entries.
"""

from __future__ import annotations

import re
from collections import defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING

from trailforward.errors import EventError, NothingToForwardError, UnexaminedError, UnreadError
from trailforward.jsontext import decode
from trailforward.message import as_envelope
from trailforward.outcome import Fate, Verdict, owed_sinks
from trailforward.pipeline.self_guard import Author
from trailforward.pipeline.sender import Failure, PendingEntry
from trailforward.pipeline.spoofing import mismatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from trailforward.formats.base import Format
    from trailforward.formats.redaction import Redaction
    from trailforward.message import Message
    from trailforward.outcome import Outcome
    from trailforward.pipeline.canary import Canaries, Sighting
    from trailforward.pipeline.detecting import Plan
    from trailforward.pipeline.routing import Router
    from trailforward.pipeline.self_guard import SelfGuard
    from trailforward.sinks.base import Sink

#: The message attribute that names the field by which the envelope contradicts its record.
ENVELOPE_MISMATCH = "trailforward-envelope-mismatch"

#: Message index → sink → why the message was not delivered there.
Failures = dict[int, dict[str, Failure]]


class Decisions:
    """What intake decided about some messages.

    It is not a dataclass, because compiling one takes a measurable part of a cold start.

    Args:
        entries: a list to fill for each sink.

    Attributes:
        entries: what to send, by sink.
        verdicts: fates that are certain already: sink, message index, verdict.
        failures: messages that cannot be sent, by message index and sink.
        mismatches: the field that differs, for each event whose envelope contradicts its record.
        unusual_self: ``SERVICE:EVENT`` of each call of the function's role that the pipeline never makes.
        canaries: the canaries that arrived.
        plans: message index and plan of each routed message, if routes have metrics.
    """

    __slots__ = ("canaries", "entries", "failures", "mismatches", "plans", "unusual_self", "verdicts")

    def __init__(self, entries: dict[str, list[PendingEntry]]) -> None:
        self.entries = entries
        self.verdicts: list[tuple[str, int, Verdict]] = []
        self.failures: Failures = defaultdict(dict)
        self.mismatches: list[str] = []
        self.unusual_self: list[str] = []
        self.canaries: list[Sighting] = []
        self.plans: list[tuple[int, Plan]] = []


class Intake:
    """Decides what happens to messages.

    Args:
        router: which sinks want an event, and in which format.
        guard: finds out who caused an event.
        sinks: by name.
        forms: every format that a route or sink names, by name.
        on_error: called with the name and the exception when a format or sink has a bug.
        redactions: by sink, for the sinks that redact.
        on_mismatch: what happens to events whose envelope contradicts their record: ``count``, ``tag``, or
            ``dead_letter``.
        builder: the class that builds entries; by default :class:`EntryBuilder`.
        canaries: recognizes the stack's canaries; None if there are none.
    """

    def __init__(  # noqa: PLR0913  # each is a collaborator
        self,
        router: Router,
        guard: SelfGuard,
        sinks: Mapping[str, Sink],
        forms: Mapping[str, Format],
        on_error: Callable[[str, BaseException], None],
        *,
        redactions: Mapping[str, Redaction] | None = None,
        on_mismatch: str = "count",
        builder: type[EntryBuilder] | None = None,
        canaries: Canaries | None = None,
    ) -> None:
        self._canaries = canaries
        self._router = router
        self._guard = guard
        make = builder or EntryBuilder
        self._builders = {
            name: make(name, sink, forms, on_error, (redactions or {}).get(name), on_mismatch)
            for name, sink in sinks.items()
        }
        self._on_error = on_error

    def rounds(
        self, outcome: Outcome, wave: Sequence[int], blocked: set[str], deadline: float
    ) -> Iterator[Decisions]:
        """Decides about the messages of a wave, in rounds: each may depend on the fates of those before.

        Args:
            outcome: the ledger. It has the fates of a round when the next one is asked for.
            wave: indexes of the messages to decide about.
            blocked: FIFO groups of which an earlier message is returned.
            deadline: on ``time.monotonic``, for calls that the decision needs.

        Raises:
            UnexaminedError: a message is not one event, and its source has not looked inside.
        """
        del deadline
        yield self.decide(outcome.messages, wave, blocked)

    def wrap(self, names: Iterable[str], wrapper: Callable[[EntryBuilder], EntryBuilder]) -> None:
        """Replaces the builders of some sinks."""
        for name in names:
            self._builders[name] = wrapper(self._builders[name])

    def decide(self, messages: Sequence[Message], wave: Sequence[int], blocked: set[str]) -> Decisions:
        """Decides about the messages of a wave.

        Args:
            messages: of the invocation.
            wave: indexes of the messages to decide about.
            blocked: FIFO groups of which an earlier message is returned.

        Raises:
            UnexaminedError: a message is not one event, and its source has not looked inside.
        """
        everyone = list(self._builders)
        decisions = Decisions({name: [] for name in everyone})
        for index in wave:
            message = messages[index]
            origin = message.origin
            owed = everyone if origin.owed is None else owed_sinks(message, everyone)
            if origin.group is not None and origin.group in blocked:
                decisions.verdicts += [(name, index, _GROUP_BLOCKED) for name in owed]
                continue
            try:
                self._decide_one(message, index, owed, decisions)
            except NothingToForwardError as error:
                verdict = Verdict(Fate.FILTERED, error.code, str(error))
                decisions.verdicts += [(name, index, verdict) for name in owed]
            except EventError as error:
                # Earlier messages of a FIFO group may have been sent already, so nothing can begin again.
                if isinstance(error, UnexaminedError) and origin.group is None:
                    raise
                failure = Failure(
                    transient=isinstance(error, UnreadError), code=error.code, reason=str(error)
                )
                decisions.failures[index] = dict.fromkeys(owed, failure)
            except Exception as error:  # noqa: BLE001  # one odd event must not cost the batch
                self._on_error("routing", error)
                failure = _permanent(type(error).__name__, "the event could not be routed")
                decisions.failures[index] = dict.fromkeys(owed, failure)
            message.release()
        return decisions

    def close(self) -> None:
        """Closes what the decisions need."""

    def _decide_one(self, message: Message, index: int, owed: Sequence[str], decisions: Decisions) -> None:
        """Adds the decisions about one message.

        Raises:
            EventError: the message is not an event.
        """
        event = message.event
        author = self._guard.author(event)
        if author is Author.PIPELINE:
            decisions.verdicts += [(name, index, _OWN) for name in owed]
            return
        if author is Author.UNUSUAL_SELF:
            decisions.unusual_self.append(_call_of(event))
        elif self._canaries is not None:
            owed = self._canaries.screen(event, index, owed, decisions)
            if not owed:
                return
        self._route(message, index, owed, decisions)

    def _route(self, message: Message, index: int, owed: Sequence[str], decisions: Decisions) -> None:
        """Adds an entry, a verdict, or a failure for each sink."""
        event = message.event
        # The fast view of an event rounds numbers beyond 64 bits.
        routed = as_envelope(decode(message.raw)) if self._router.numeric else event
        wanted = self._router.sinks(routed)
        differs = mismatch(event)
        if differs:
            decisions.mismatches.append(differs)
        arn = message.origin.arn
        for name in owed:
            builder = self._builders[name]
            if name not in wanted:
                decisions.verdicts.append((name, index, _NO_ROUTE))
            elif arn and arn == builder.arn:
                decisions.verdicts.append((name, index, _SAME_QUEUE))
            else:
                made = builder.build(wanted[name], index, message, differs)
                if type(made) is PendingEntry:
                    decisions.entries[name].append(made)
                elif type(made) is Verdict:
                    decisions.verdicts.append((name, index, made))
                else:
                    decisions.failures[index][name] = made  # type: ignore[assignment]  # otherwise a Failure


class EntryBuilder:
    """Builds the entries of one sink.

    Args:
        name: the sink's name.
        sink: the sink.
        forms: formats by name.
        on_error: called with the sink's name and the exception when a format or sink has a bug.
        redaction: removes values before formatting; None to keep everything.
        on_mismatch: see :class:`Intake`.

    Attributes:
        arn: of the sink.
    """

    def __init__(  # each is a collaborator
        self,
        name: str,
        sink: Sink,
        forms: Mapping[str, Format],
        on_error: Callable[[str, BaseException], None],
        redaction: Callable[[Message], Message] | None,
        on_mismatch: str,
    ) -> None:
        self.arn = sink.arn
        self._name = name
        self._size = sink.size
        self._uses_fields = sink.uses_fields
        limits = sink.limits
        self._most = min(limits.max_entry_bytes, limits.max_batch_bytes - limits.batch_overhead)
        self._forms = forms
        self._on_error = on_error
        self._redaction = redaction
        self._on_mismatch = on_mismatch

    def build(
        self, wanted: Any, index: int, message: Message, differs: str
    ) -> PendingEntry | Failure | Verdict:
        """The entry for a message, or why there is none.

        Args:
            wanted: what the router says about the sink: the name of a format.
            index: of the message.
            message: an event.
            differs: the field by which its envelope contradicts its record, or empty.
        """
        if differs and self._on_mismatch == "dead_letter":
            reason = f"the envelope's {differs} contradicts the record: the event may be forged"
            return _permanent("envelope_mismatch", reason)
        tag = differs if self._on_mismatch == "tag" else ""
        form = self._forms[wanted]
        try:
            key, time, region = message.about
            if self._redaction is not None:
                message = self._redaction(message)
            group, subject, fields = "", "", _NOTHING
            if self._uses_fields:
                # SNS and SQS deliver these next to the event.
                fields = {**message.fields, ENVELOPE_MISMATCH: tag} if tag else message.fields
                group, subject = fields.get("account", ""), form.subject(message)
            attributes = {ENVELOPE_MISMATCH: tag} if tag else _NOTHING
            data, kind = form.data(message), form.content_type
            # Positional, in the order of the fields: keywords would cost 3 % of a batch's CPU.
            entry = PendingEntry(data, key, group, subject, fields, attributes, kind, time, index, 0, region)
            size = entry.size = self._size(entry)
        except EventError as error:
            return _permanent(error.code, str(error))
        except Exception as error:  # noqa: BLE001  # one odd event must not cost the batch
            self._on_error(self._name, error)
            return _permanent(type(error).__name__, "the event could not be formatted")
        if size > self._most:
            return self._too_large(size)
        return entry

    def _too_large(self, size: int) -> Failure:
        return _permanent("too_large", f"{size:,} bytes, over the limit of {self._most:,} bytes")


_NOTHING: Mapping[str, str] = MappingProxyType({})

_OWN = Verdict(Fate.FILTERED, "self", "the forwarder itself caused the event")
_NO_ROUTE = Verdict(Fate.FILTERED, "no_route", "no route sends the event to this sink")
_SAME_QUEUE = Verdict(Fate.FILTERED, "self", "the event came from this queue")
_GROUP_BLOCKED = Verdict(
    Fate.RETURNED, "group_blocked", "an earlier message of the same FIFO group is returned"
)

#: What CloudTrail's ``eventSource`` and ``eventName`` look like; anything else is not logged.
_NAME = r"[A-Za-z0-9.-]{1,128}"


def _call_of(event: Mapping[str, Any]) -> str:
    """``SERVICE:EVENT`` of an event; ``?`` if these are not short names."""
    record = event["detail"]
    names = record.get("eventSource"), record.get("eventName")
    known = all(isinstance(name, str) and re.fullmatch(_NAME, name) for name in names)
    return ":".join(names) if known else "?"


def _permanent(code: str, reason: str) -> Failure:
    return Failure(transient=False, code=code, reason=reason)


def waves(messages: Sequence[Message]) -> Iterator[Sequence[int]]:
    """Rounds in which no FIFO group occurs twice, so that a group can stop at its first failure."""
    if all(message.origin.group is None for message in messages):
        yield range(len(messages))
        return
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
