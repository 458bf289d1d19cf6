"""Assertions whose failures explain themselves. They show values of the event: fine in tests, not in logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trailforward import detections, formats
from trailforward.errors import EventError
from trailforward.message import Message, Origin, as_envelope
from trailforward.outcome import Fate
from trailforward.patterns import Pattern
from trailforward.patterns.leaves import parsed_event
from trailforward.testing.payloads import raw, record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trailforward.outcome import Outcome
    from trailforward.testing.payloads import EventLike
    from trailforward.testing.sinks import MemorySink

#: Bytes shown on either side of a difference.
_SHOWN = 40

PatternLike = Pattern | Mapping[str, Any] | str


def assert_matches(pattern: PatternLike, event: EventLike) -> None:
    """The pattern lets the event pass; if not, the failure says which fields stand in the way.

    Args:
        pattern: compiled, a dict, JSON text, or ``@`` and the name of a ready-made route.
        event: an envelope, or a bare record, which is seen in the envelope it would have had.

    Raises:
        AssertionError: it does not match.
        KeyError: there is no such ready-made route.
        trailforward.errors.PatternError: EventBridge would refuse the pattern.
    """
    __tracebackhide__ = True
    seen = _seen(event)
    explanation = _compiled(pattern).explain(seen)
    if not explanation.matched:
        raise AssertionError(f"{_name(seen)} {explanation}")


def assert_no_match(pattern: PatternLike, event: EventLike) -> None:
    """The pattern does not let the event pass; if it does, the failure shows what it matches by.

    Args:
        pattern: as for :func:`assert_matches`.
        event: as for :func:`assert_matches`.

    Raises:
        AssertionError: it matches.
        KeyError: there is no such ready-made route.
        trailforward.errors.PatternError: EventBridge would refuse the pattern.
    """
    __tracebackhide__ = True
    seen = _seen(event)
    compiled = _compiled(pattern)
    for rule, obstacles in zip(compiled.rules, compiled.explain(seen).branches, strict=False):
        if not obstacles:
            lines = [f"{_name(seen)} matches, and should not:"]
            lines += [f"  {path}: {condition.text}" for path, condition in rule.items()]
            raise AssertionError("\n".join(lines))


def assert_forwarded(
    outcome: Outcome,
    *events: EventLike,
    to: str | Iterable[str] | Mapping[str, MemorySink] = (),
    fate: Fate = Fate.DELIVERED,
    format: str = "raw",  # noqa: A002  # named as in trailforward.toml
) -> None:
    """Every event met this fate at these sinks, the bytes are there, and the ledger adds up.

    ::

        answer, outcome = forwarder.process(as_sqs(event))
        assert_forwarded(outcome, event, to={"siem": siem})

    Args:
        outcome: of ``Forwarder.process`` or ``Forwarder.forward``.
        *events: as they were sent, as envelopes or bare records; all that came in, if none is named.
        to: names of sinks; or name → the sink, whose bytes are then compared too. All sinks by default.
        fate: what became of the events.
        format: in which the sinks given get events.

    Raises:
        AssertionError: something else happened; the text says what.
    """
    __tracebackhide__ = True
    names = [to] if isinstance(to, str) else list(to) or list(outcome.accounts)
    faults = list(outcome.breaks)
    faults += [f"there is no sink {name}" for name in names if name not in outcome.accounts]
    indexes = _indexes(outcome, events, faults)
    for name in names:
        verdicts = outcome.verdicts.get(name, {})
        for index in indexes:
            verdict = verdicts.get(index)
            if verdict is None or verdict.fate is not fate:
                faults.append(
                    f"{name}: {_label(outcome.messages[index])} is {_told(verdict)}, expected {fate}"
                )
    if isinstance(to, Mapping):
        messages = [outcome.messages[index] for index in indexes]
        for name, sink in to.items():
            faults += _bytes(name, sink.data, messages, format, arrived=fate is Fate.DELIVERED)
    if faults:
        raise AssertionError("\n".join(["not forwarded as expected:", *(f"  {fault}" for fault in faults)]))


def _compiled(pattern: PatternLike) -> Pattern:
    if isinstance(pattern, Pattern):
        return pattern
    if isinstance(pattern, str) and pattern.startswith("@"):
        known = detections.load_all()
        if pattern[1:] not in known:
            raise KeyError(f"no ready-made route {pattern[1:]!r}; there are: {', '.join(known)}")
        return Pattern(known[pattern[1:]].pattern)
    return Pattern(pattern)


def _seen(event: EventLike) -> Any:
    """The event as patterns see it: numbers as they are written, where there is text."""
    seen = parsed_event(dict(event) if isinstance(event, Mapping) else event)
    try:
        return as_envelope(seen)
    except EventError:
        return seen  # any JSON may be matched


def _name(event: Any) -> str:
    detail = event.get("detail") if isinstance(event, dict) else None
    name = detail.get("eventName") if isinstance(detail, dict) else None
    return str(name or "the event")


def _label(message: Message) -> str:
    return f"{message.fields.get('eventName', 'an event')} {message.key}"


def _told(verdict: Any) -> str:
    if verdict is None:
        return "without a fate"
    why = ", ".join(filter(None, (verdict.code, verdict.reason)))
    return f"{verdict.fate} ({why})" if why else str(verdict.fate)


def _indexes(outcome: Outcome, events: Sequence[EventLike], faults: list[str]) -> list[int]:
    """The places of the events among the messages; each message stands for one event.

    Records that came without an envelope are known by the record's bytes.
    """
    if not events:
        return list(range(len(outcome.messages)))
    left = dict(enumerate(outcome.messages))
    found = []
    for event in events:
        sent = Message(raw(event), Origin("testing"))
        same = [index for index, message in left.items() if message.raw == sent.raw]
        same = same or [index for index, message in left.items() if record(message) == record(sent)]
        index = next(iter(same), None)
        if index is None:
            nearest = _nearest(sent.raw, [message.raw for message in left.values()])
            faults.append(f"{_label(sent)} never came in{nearest}")
        else:
            del left[index]
            found.append(index)
    return found


def _bytes(
    name: str, arrived_data: Sequence[bytes], messages: Sequence[Message], form: str, *, arrived: bool
) -> list[str]:
    """What is wrong with the bytes at a sink."""
    make = formats.load(form)
    there = Counter(arrived_data)
    faults = []
    for message in messages:
        wanted = make.data(message)
        if arrived and not there[wanted]:
            faults.append(f"{name}: the bytes of {_label(message)} are not there{_nearest(wanted, there)}")
        elif not arrived and there[wanted]:
            faults.append(f"{name}: the bytes of {_label(message)} are there")
        there[wanted] -= arrived
    return faults


def _nearest(wanted: bytes, there: Iterable[bytes]) -> str:
    """Where the likeliest candidate departs from what was wanted."""
    best, common = b"", 0
    for candidate in there:
        same = _common(wanted, candidate)
        if same > common:
            best, common = candidate, same
    if not common:
        return ""
    start = max(0, common - _SHOWN)
    shown = [part[start : common + _SHOWN].decode(errors="replace") for part in (wanted, best)]
    return f"; from byte {common}:\n    sent  …{shown[0]}\n    there …{shown[1]}"


def _common(one: bytes, other: bytes) -> int:
    """How many bytes two texts have in common at the beginning."""
    return next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
