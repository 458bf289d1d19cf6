"""Intake: where each message goes. What goes nowhere gets its fate, or its refusal, here."""

from __future__ import annotations

from collections import defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING

from trailforward.errors import EventError, NothingToForwardError, UnreadError
from trailforward.forgery import contradiction
from trailforward.jsontext import decode
from trailforward.lanes import Parcel, Result
from trailforward.message import as_envelope
from trailforward.outcome import Fate, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from trailforward.formats.base import Format
    from trailforward.formats.redaction import Redaction
    from trailforward.guards import SelfGuard
    from trailforward.message import Message
    from trailforward.outcome import Outcome
    from trailforward.routing import Router
    from trailforward.sinks.base import Sink

#: The message attribute that says what speaks against an event.
FORGED = "trailforward-envelope-mismatch"

#: Message index → sink → why it was not delivered there.
Refusals = dict[int, dict[str, Result]]


class Intake:
    """Sorts messages into parcels, sink by sink.

    Args:
        router: which sinks want an event.
        guard: tells our own events.
        sinks: by name.
        forms: every format that a route or sink names.
        on_error: told of a format's or sink's own faults, without payload.
        redactions: by sink, for those that have one.
        forged: what becomes of events that contradict themselves: ``count``, ``tag`` or ``dead_letter``.
    """

    def __init__(  # noqa: PLR0913  # each a part of its own
        self,
        router: Router,
        guard: SelfGuard,
        sinks: Mapping[str, Sink],
        forms: Mapping[str, Format],
        on_error: Callable[[str, BaseException], None],
        *,
        redactions: Mapping[str, Redaction] | None = None,
        forged: str = "count",
    ) -> None:
        self._router = router
        self._guard = guard
        self._desks = {
            name: _Desk(name, sink, forms, on_error, (redactions or {}).get(name), forged)
            for name, sink in sinks.items()
        }
        self._on_error = on_error

    def sort(  # noqa: C901  # one message, one decision after the other
        self, outcome: Outcome, wave: Sequence[int], blocked: set[str]
    ) -> tuple[dict[str, list[Parcel]], Refusals]:
        """Decides about the messages of a wave.

        Args:
            outcome: the ledger; fates that are certain already are entered.
            wave: indexes of messages.
            blocked: FIFO groups of which an earlier message goes back.

        Returns:
            The parcels for each sink, and the refusals.
        """
        parcels: dict[str, list[Parcel]] = {name: [] for name in self._desks}
        refusals: Refusals = defaultdict(dict)
        everyone = list(outcome.accounts)
        for index in wave:
            message = outcome.messages[index]
            origin = message.origin
            owed = everyone if origin.owed is None else outcome.owed(message)
            if origin.group is not None and origin.group in blocked:
                verdict = Verdict(Fate.RETURNED, "group_blocked", "an earlier message of its group goes back")
                _enter(outcome, owed, index, verdict)
                continue
            try:
                wanted, kind = self._judge(message)
            except EventError as error:
                refusals[index] = _refused(error, outcome, owed, index)
                continue
            except Exception as error:  # noqa: BLE001  # one odd event must not cost the batch
                self._on_error("routing", error)
                refusal = _refusal(type(error).__name__, "the event could not be routed")
                refusals[index] = dict.fromkeys(owed, refusal)
                continue
            if wanted is None:
                _enter(outcome, owed, index, _OWN)
                continue
            if kind:
                outcome.forged[kind] += 1
            for name in owed:
                desk = self._desks[name]
                if name not in wanted:
                    outcome.record(name, index, _NO_ROUTE)
                elif origin.arn and origin.arn == desk.arn:
                    outcome.record(name, index, _SAME_QUEUE)
                else:
                    made = desk.parcel(wanted[name], index, message, kind)
                    if type(made) is Parcel:
                        parcels[name].append(made)
                    else:
                        refusals[index][name] = made  # type: ignore[assignment]  # else it is a Result
            message.release()
        return {name: some for name, some in parcels.items() if some}, refusals

    def _judge(self, message: Message) -> tuple[Mapping[str, str] | None, str]:
        """The sinks that want a message, each with its format, None if it is our own; what speaks against it.

        Raises:
            EventError: it is no event.
        """
        event = message.event
        if self._guard.is_own(event):
            return None, ""
        # The quick view of an event bends numbers beyond 64 bits.
        routed = as_envelope(decode(message.raw)) if self._router.numeric else event
        return self._router.sinks(routed), contradiction(event)


class _Desk:
    """Where messages for one sink are handed in.

    Args:
        name: of the sink.
        sink: the sink.
        forms: formats by name.
        on_error: told of a format's or sink's own faults.
        redaction: what is taken out, if anything.
        forged: what becomes of events that contradict themselves.
    """

    def __init__(
        self,
        name: str,
        sink: Sink,
        forms: Mapping[str, Format],
        on_error: Callable[[str, BaseException], None],
        redaction: Redaction | None,
        forged: str,
    ) -> None:
        self.arn = sink.arn
        self._name = name
        self._size = sink.size
        self._plain = getattr(sink, "plain", False)
        self._most = min(sink.limits.entry_bytes, sink.limits.batch_bytes - sink.limits.batch_overhead)
        self._forms = forms
        self._on_error = on_error
        self._redaction = redaction
        self._forged = forged

    def parcel(self, form_name: str, index: int, message: Message, kind: str) -> Parcel | Result:
        """A message in a format, or why it cannot be had or sent.

        Args:
            form_name: the format's.
            index: the message's.
            message: an event.
            kind: what speaks against the event; empty if nothing does.
        """
        if kind and self._forged == "dead_letter":
            return _refusal("envelope_mismatch", f"its {kind} shows that it may be forged")
        tag = kind if self._forged == "tag" else ""
        form = self._forms[form_name]
        try:
            key, time, region = message.about
            if self._redaction is not None:
                message = self._redaction(message)
            group, subject, fields = "", "", _NOTHING
            if not self._plain:
                # What SNS and SQS deliver beside the event.
                fields = {**message.fields, FORGED: tag} if tag else message.fields
                group, subject = fields.get("account", ""), form.subject(message)
            attributes = {FORGED: tag} if tag else _NOTHING
            data = form.data(message)
            parcel = Parcel(
                data, key, group, subject, fields, attributes, form.content_type, time, index, 0, region
            )
            size = parcel.size = self._size(parcel)
        except EventError as error:
            return _refusal(error.code, str(error))
        except Exception as error:  # noqa: BLE001  # one odd event must not cost the batch
            self._on_error(self._name, error)
            return _refusal(type(error).__name__, "the event could not be formatted")
        if size > self._most:
            return _refusal("too_large", f"{size:,} bytes, over the limit of {self._most:,} bytes")
        return parcel


_NOTHING: Mapping[str, str] = MappingProxyType({})

_OWN = Verdict(Fate.FILTERED, "self", "the forwarder itself caused it")
_NO_ROUTE = Verdict(Fate.FILTERED, "no_route", "no route wants it there")
_SAME_QUEUE = Verdict(Fate.FILTERED, "self", "it came from this very queue")


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


def _refusal(code: str, reason: str, *, transient: bool = False) -> Result:
    return Result(transient=transient, code=code, reason=reason)


def _refused(error: EventError, outcome: Outcome, owed: Sequence[str], index: int) -> dict[str, Result]:
    """The refusals of what has no event; none for what is not meant to have one."""
    if isinstance(error, NothingToForwardError):
        _enter(outcome, owed, index, Verdict(Fate.FILTERED, error.code, str(error)))
        return {}
    refusal = _refusal(error.code, str(error), transient=isinstance(error, UnreadError))
    return dict.fromkeys(owed, refusal)


def _enter(outcome: Outcome, names: Sequence[str], index: int, verdict: Verdict) -> None:
    for name in names:
        outcome.record(name, index, verdict)
