"""Assertions that explain themselves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from trailforward import Config, Fate, Forwarder, Message, Origin, Pattern, PatternError
from trailforward.outcome import Outcome, Verdict
from trailforward.testing import (
    FlakySink,
    MemorySink,
    as_cloudwatch_logs,
    as_sqs,
    assert_forwarded,
    assert_matches,
    assert_no_match,
    cloudtrail_event,
    console_sign_in,
    refuse,
    root,
    strategies,
)

RULE: dict[str, Any] = {"source": ["aws.cloudtrail"], "detail": {"eventName": ["StopLogging"]}}
EVENT = cloudtrail_event("StopLogging", seed=1)
TOML = """
[retry]
max_attempts = 1
[sinks.siem]
to = "stdout:"
[sinks.copy]
to = "file:copy.ndjson"
format = "record"
[[routes]]
name = "changes"
sinks = ["siem", "copy"]
pattern = { detail = { readOnly = [false] } }
"""


def process(sinks: dict[str, MemorySink], *events: Any) -> Outcome:
    """The outcome of events that come from a queue."""
    return Forwarder(Config.from_toml(TOML), made=sinks).process(as_sqs(*events))[1]


@pytest.mark.parametrize("pattern", [RULE, json.dumps(RULE), Pattern(RULE)], ids=["dict", "text", "Pattern"])
@pytest.mark.parametrize(
    "event",
    [EVENT, dict(EVENT), EVENT.raw, EVENT.raw.decode(), EVENT.record, Message(EVENT.raw, Origin("x"))],
    ids=["event", "dict", "bytes", "text", "record", "message"],
)
def test_patterns_and_events_may_be_anything(pattern: Any, event: Any) -> None:
    """Patterns as dict, text or compiled; events as dict, text, bytes, message or bare record."""
    assert_matches(pattern, event)
    with pytest.raises(AssertionError):
        assert_no_match(pattern, event)


def test_a_ready_made_route_is_named_after_an_at_sign() -> None:
    """``@NAME`` is the pattern of a ready-made route."""
    assert_matches("@root-sign-in", console_sign_in(root()))
    assert_no_match("@root-sign-in", console_sign_in("rosa"))
    with pytest.raises(KeyError, match=r"no ready-made route 'root'; there are: .*root-sign-in"):
        assert_matches("@root", EVENT)


def test_a_mismatch_is_explained() -> None:
    """The failure names each field that stands in the way, with what is there and what was wanted."""
    with pytest.raises(AssertionError) as raised:
        assert_matches(RULE, cloudtrail_event("StartLogging"))
    assert str(raised.value) == (
        "StartLogging does not match\n  detail.eventName: 'StartLogging' is not in [\"StopLogging\"]"
    )


def test_an_unwanted_match_is_explained() -> None:
    """The failure shows the combination of the pattern that holds."""
    rule = {"$or": [{"source": ["aws.s3"]}, {"source": ["aws.cloudtrail"]}]}
    with pytest.raises(AssertionError) as raised:
        assert_no_match(rule, EVENT)
    assert str(raised.value) == 'StopLogging matches, and should not:\n  source: ["aws.cloudtrail"]'


def test_any_json_can_be_tried() -> None:
    """What is no event at all just does not match, and the failure says so."""
    assert_no_match(RULE, "[]")
    assert_matches({"a": [1]}, {"a": 1})
    with pytest.raises(AssertionError, match="the event does not match"):
        assert_matches(RULE, b"7")
    with pytest.raises(AssertionError, match="the event does not match"):
        assert_matches(RULE, {"detail": 1})


def test_text_is_compared_as_it_is_written() -> None:
    """Numbers in text keep the digits that a dict has lost, as in production."""
    assert_matches({"detail": {"n": [{"numeric": ["=", 1]}]}}, b'{"detail":{"n":1.0}}')


def test_a_wrong_pattern_is_no_mismatch() -> None:
    """What EventBridge would refuse is refused."""
    for assertion in (assert_matches, assert_no_match):
        with pytest.raises(PatternError):
            assertion({"source": "aws.s3"}, EVENT)


@settings(deadline=None)
@given(strategies.events())
def test_both_assertions_never_hold_at_once(event: Any) -> None:
    """Of the two assertions, exactly one fails, for any event."""
    failed = 0
    for assertion in (assert_matches, assert_no_match):
        try:
            assertion({"detail": {"readOnly": [False]}}, event)
        except AssertionError:
            failed += 1
    assert failed == 1


def test_forwarded_events() -> None:
    """Fates and bytes of the events named, or of all, at the sinks named, or at all."""
    siem, copy = MemorySink(), MemorySink()
    read = cloudtrail_event("ListBuckets")
    outcome = process({"siem": siem, "copy": copy}, EVENT, read)
    assert_forwarded(outcome, EVENT)
    assert_forwarded(outcome, EVENT, to="siem")
    assert_forwarded(outcome, EVENT, to=["siem", "copy"])
    assert_forwarded(outcome, EVENT, to={"siem": siem})
    assert_forwarded(outcome, EVENT, to={"copy": copy}, format="record")
    assert_forwarded(outcome, read, to={"siem": siem}, fate=Fate.FILTERED)
    with pytest.raises(AssertionError, match=r"siem: ListBuckets \S+ is filtered \(no_route.*, expected"):
        assert_forwarded(outcome)


def test_each_message_stands_for_one_event() -> None:
    """An event that was sent once is not there twice."""
    siem, copy = MemorySink(), MemorySink()
    outcome = process({"siem": siem, "copy": copy}, EVENT)
    with pytest.raises(AssertionError, match=r"StopLogging \S+ never came in"):
        assert_forwarded(outcome, EVENT, EVENT)
    twice = process({"siem": siem, "copy": copy}, EVENT, EVENT)
    assert_forwarded(twice, EVENT, EVENT, to={"siem": siem})
    siem.taken.clear()
    siem.send(copy.taken[:1])
    with pytest.raises(AssertionError, match=r"the bytes of StopLogging \S+ are not there"):
        assert_forwarded(twice, EVENT, to={"siem": siem})


def test_records_that_came_without_an_envelope_are_known() -> None:
    """Events from a log group are named as they were sent, though trailforward made their envelopes."""
    siem, copy = MemorySink(), MemorySink()
    forwarder = Forwarder(Config.from_toml(TOML), made={"siem": siem, "copy": copy})
    outcome = forwarder.process(as_cloudwatch_logs(EVENT))[1]
    assert_forwarded(outcome, EVENT, to={"siem": siem})
    assert_forwarded(outcome, EVENT.record, to={"copy": copy}, format="record")
    with pytest.raises(AssertionError, match=r"an event \S+ never came in"):
        assert_forwarded(outcome, b"[]")


def test_a_difference_is_shown() -> None:
    """Bytes that are not there are compared with the likeliest, at the place where they part."""
    siem, copy = MemorySink(), MemorySink()
    outcome = process({"siem": siem, "copy": copy}, EVENT)
    with pytest.raises(AssertionError) as raised:
        assert_forwarded(outcome, EVENT.with_changes({"detail.userAgent": "other"}))
    text = str(raised.value)
    assert text.startswith("not forwarded as expected:\n  StopLogging ")
    assert '"userAgent":"other"' in text
    with pytest.raises(AssertionError, match=r"the bytes of StopLogging \S+ are not there$"):
        assert_forwarded(outcome, EVENT, to={"siem": MemorySink()})


def test_refused_events_must_not_be_there() -> None:
    """An event that went back is not among the bytes, and its verdict tells why."""
    siem, copy = FlakySink([refuse()]), MemorySink()
    outcome = process({"siem": siem, "copy": copy}, EVENT)
    assert_forwarded(outcome, EVENT, to={"siem": siem}, fate=Fate.RETURNED)
    with pytest.raises(AssertionError, match=r"siem: .* is returned \(Throttled, refused by script\)"):
        assert_forwarded(outcome, EVENT)
    copy.taken[0].data = EVENT.raw
    with pytest.raises(AssertionError, match=r"copy: the bytes of StopLogging \S+ are there"):
        assert_forwarded(outcome, EVENT, to={"copy": copy}, fate=Fate.RETURNED)


def test_a_wrong_ledger_is_a_failure() -> None:
    """Sinks that are not there, messages without a fate and a ledger that does not add up are told."""
    outcome = Outcome([Message(EVENT.raw, Origin("test"))], ["siem"])
    with pytest.raises(AssertionError) as raised:
        assert_forwarded(outcome, EVENT, to=["siem", "other"])
    text = str(raised.value)
    assert "there is no sink other" in text
    assert "is without a fate, expected delivered" in text
    assert "siem: received 1 is not the sum of its fates" in text
    outcome.record("siem", 0, Verdict(Fate.FILTERED))
    with pytest.raises(AssertionError, match="is filtered, expected delivered"):
        assert_forwarded(outcome, EVENT)
