"""Assertions about patterns and forwarding. Their messages contain values of events, so do not log them."""

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

#: Number of bytes shown on each side of a difference.
_SHOWN = 40

PatternLike = Pattern | Mapping[str, Any] | str


def assert_matches(pattern: PatternLike, event: EventLike) -> None:
    """Asserts that the pattern matches the event; the message says which fields do not match.

    Args:
        pattern: compiled, a dict, JSON text, or ``@`` and the name of a detection.
        event: an envelope, or a record, to which the envelope is added that EventBridge would add.

    Raises:
        AssertionError: the pattern does not match.
        KeyError: no detection has this name.
        trailforward.errors.PatternError: EventBridge would reject the pattern.
    """
    __tracebackhide__ = True
    seen = _as_envelope(event)
    explanation = _compiled(pattern).explain(seen)
    if not explanation.matched:
        raise AssertionError(f"{_name(seen)} {explanation}")


def assert_no_match(pattern: PatternLike, event: EventLike) -> None:
    """Asserts that the pattern does not match the event; the message shows the conditions that match.

    Args:
        pattern: as for :func:`assert_matches`.
        event: as for :func:`assert_matches`.

    Raises:
        AssertionError: the pattern matches.
        KeyError: no detection has this name.
        trailforward.errors.PatternError: EventBridge would reject the pattern.
    """
    __tracebackhide__ = True
    seen = _as_envelope(event)
    compiled = _compiled(pattern)
    for rule, obstacles in zip(compiled.rules, compiled.explain(seen).branches, strict=False):
        if not obstacles:
            lines = [f"{_name(seen)} matches, but should not:"]
            lines += [f"  {path}: {condition.text}" for path, condition in rule.items()]
            raise AssertionError("\n".join(lines))


def assert_forwarded(
    outcome: Outcome,
    *events: EventLike,
    to: str | Iterable[str] | Mapping[str, MemorySink] = (),
    fate: Fate = Fate.DELIVERED,
    format: str = "raw",  # noqa: A002  # named as in trailforward.toml
) -> None:
    """Asserts that events have this fate at these sinks, that their bytes arrived, and that the sums match.

    ::

        response, outcome = forwarder.process(as_sqs(event))
        assert_forwarded(outcome, event, to={"siem": siem})

    Args:
        outcome: the outcome of ``Forwarder.process`` or ``Forwarder.forward``.
        *events: the events as sent (envelopes or records); all received events by default.
        to: names of sinks; or a dict of name → sink, whose bytes are compared, too. All sinks by default.
        fate: the expected fate.
        format: the format in which the sinks in ``to`` receive events.

    Raises:
        AssertionError: the outcome differs; the message says how.
    """
    __tracebackhide__ = True
    names = [to] if isinstance(to, str) else list(to) or list(outcome.accounts)
    differences = [str(found) for found in outcome.breaks]
    differences += [f"unknown sink {name}" for name in names if name not in outcome.accounts]
    indexes = _indexes(outcome, events, differences)
    for name in names:
        verdicts = outcome.verdicts.get(name, {})
        for index in indexes:
            verdict = verdicts.get(index)
            if verdict is None or verdict.fate is not fate:
                differences.append(
                    f"{name}: {_label(outcome.messages[index])} {_fate(verdict)}, expected {fate}"
                )
    if isinstance(to, Mapping):
        messages = [outcome.messages[index] for index in indexes]
        for name, sink in to.items():
            differences += _bytes(name, sink.data, messages, format, arrived=fate is Fate.DELIVERED)
    if differences:
        raise AssertionError(
            "\n".join(["not forwarded as expected:", *(f"  {difference}" for difference in differences)])
        )


def _compiled(pattern: PatternLike) -> Pattern:
    if isinstance(pattern, Pattern):
        return pattern
    if isinstance(pattern, str) and pattern.startswith("@"):
        known = detections.load_all()
        if pattern[1:] not in known:
            raise KeyError(f"no detection {pattern[1:]!r}; use one of {', '.join(known)}")
        return Pattern(known[pattern[1:]].pattern)
    return Pattern(pattern)


def _as_envelope(event: EventLike) -> Any:
    """The event as patterns see it; numbers keep their text if the event is text."""
    seen = parsed_event(dict(event) if isinstance(event, Mapping) else event)
    try:
        return as_envelope(seen)
    except EventError:
        return seen  # patterns can match any JSON


def _name(event: Any) -> str:
    detail = event.get("detail") if isinstance(event, dict) else None
    name = detail.get("eventName") if isinstance(detail, dict) else None
    return str(name or "the event")


def _label(message: Message) -> str:
    return f"{message.fields.get('eventName', 'an event')} {message.key}"


def _fate(verdict: Any) -> str:
    if verdict is None:
        return "has no fate"
    why = ", ".join(filter(None, (verdict.code, verdict.reason)))
    return f"is {verdict.fate} ({why})" if why else f"is {verdict.fate}"


def _indexes(outcome: Outcome, events: Sequence[EventLike], differences: list[str]) -> list[int]:
    """The positions of the events among the messages; each message is used for one event only.

    Records without an envelope are found by the bytes of the record.
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
            differences.append(f"{_label(sent)} was not received{nearest}")
        else:
            del left[index]
            found.append(index)
    return found


def _bytes(
    name: str, arrived_data: Sequence[bytes], messages: Sequence[Message], format_name: str, *, arrived: bool
) -> list[str]:
    """The differences between the expected bytes and those at a sink."""
    converter = formats.load(format_name)
    present = Counter(arrived_data)
    differences = []
    for message in messages:
        expected = converter.data(message)
        if arrived and not present[expected]:
            differences.append(
                f"{name}: the bytes of {_label(message)} are missing{_nearest(expected, present)}"
            )
        elif not arrived and present[expected]:
            differences.append(f"{name}: the bytes of {_label(message)} are present")
        present[expected] -= arrived
    return differences


def _nearest(expected: bytes, present: Iterable[bytes]) -> str:
    """Where the most similar candidate differs from the expected bytes."""
    best, common = b"", 0
    for candidate in present:
        same = _common(expected, candidate)
        if same > common:
            best, common = candidate, same
    if not common:
        return ""
    start = max(0, common - _SHOWN)
    shown = [part[start : common + _SHOWN].decode(errors="replace") for part in (expected, best)]
    return f"; from byte {common}:\n    sent  …{shown[0]}\n    found …{shown[1]}"


def _common(one: bytes, other: bytes) -> int:
    """The length of the common prefix."""
    return next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
