"""Intake: where each message goes. What goes nowhere gets its fate, or its refusal, here."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from trailforward.errors import EventError, NothingToForwardError, UnreadError
from trailforward.forgery import contradiction
from trailforward.lanes import Parcel, Result
from trailforward.outcome import Fate, Verdict
from trailforward.sinks.base import Entry

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
FORGED = "trailforward-forged"

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
        self._sinks = sinks
        self._forms = forms
        self._on_error = on_error
        self._redactions = redactions or {}
        self._forged = forged

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
        parcels: dict[str, list[Parcel]] = defaultdict(list)
        refusals: Refusals = defaultdict(dict)
        for index in wave:
            message = outcome.messages[index]
            owed = outcome.owed(message)
            if message.origin.group in blocked:
                verdict = Verdict(Fate.RETURNED, "group_blocked", "an earlier message of its group goes back")
                _enter(outcome, owed, index, verdict)
                continue
            try:
                event = message.event
                own = self._guard.is_own(event)
                wanted = {} if own else self._router.sinks(event)
            except EventError as error:
                refusals[index] = _refused(error, outcome, owed, index)
                continue
            except Exception as error:  # noqa: BLE001  # one odd event must not cost the batch
                self._on_error("routing", error)
                refusal = _refusal(type(error).__name__, "the event could not be routed")
                refusals[index] = dict.fromkeys(owed, refusal)
                continue
            if own:
                _enter(outcome, owed, index, Verdict(Fate.FILTERED, "self", "the forwarder itself caused it"))
                continue
            if kind := contradiction(event):
                outcome.forged[kind] += 1
            for name in owed:
                if name not in wanted:
                    outcome.record(name, index, Verdict(Fate.FILTERED, "no_route", "no route wants it there"))
                elif message.origin.arn and message.origin.arn == self._sinks[name].arn:
                    verdict = Verdict(Fate.FILTERED, "self", "it came from this very queue")
                    outcome.record(name, index, verdict)
                else:
                    made = self._parcel(name, wanted[name], index, message, kind)
                    if isinstance(made, Parcel):
                        parcels[name].append(made)
                    else:
                        refusals[index][name] = made
            message.release()
        return parcels, refusals

    def _parcel(self, name: str, form_name: str, index: int, message: Message, kind: str) -> Parcel | Result:
        """A message for a sink in a format, or why it cannot be had or sent.

        ``kind`` is what speaks against the event, if anything does.
        """
        if kind and self._forged == "dead_letter":
            return _refusal("forged", f"its {kind} shows that it may be forged")
        tag = kind if self._forged == "tag" else ""
        form, sink = self._forms[form_name], self._sinks[name]
        key = message.key
        try:
            if name in self._redactions:
                message = self._redactions[name](message)
            # What SNS and SQS deliver beside the event.
            fields = {**message.fields, FORGED: tag} if tag else message.fields
            entry = Entry(
                form.data(message),
                key,
                fields.get("account", ""),
                form.subject(message),
                fields,
                content_type=form.content_type,
                attributes={FORGED: tag} if tag else {},
                time=message.time,
            )
            size = sink.size(entry)
        except EventError as error:
            return _refusal(error.code, str(error))
        except Exception as error:  # noqa: BLE001  # one odd event must not cost the batch
            self._on_error(name, error)
            return _refusal(type(error).__name__, "the event could not be formatted")
        limits = sink.limits
        most = min(limits.entry_bytes, limits.batch_bytes - limits.batch_overhead)
        if size > most:
            return _refusal("too_large", f"{size:,} bytes, over the limit of {most:,} bytes")
        return Parcel(index, entry, size)


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


def _refusal(code: str, reason: str, *, transient: bool = False) -> Result:
    return Result(delivered=False, transient=transient, code=code, reason=reason)


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
