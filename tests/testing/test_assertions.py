"""The assertions pass and fail correctly, with messages that explain the failure."""

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
    """The outcome of events from a queue."""
    return Forwarder(Config.from_toml(TOML), made=sinks).process(as_sqs(*events))[1]


@pytest.mark.parametrize("pattern", [RULE, json.dumps(RULE), Pattern(RULE)], ids=["dict", "text", "Pattern"])
@pytest.mark.parametrize(
    "event",
    [EVENT, dict(EVENT), EVENT.raw, EVENT.raw.decode(), EVENT.record, Message(EVENT.raw, Origin("x"))],
    ids=["event", "dict", "bytes", "text", "record", "message"],
)
def test_patterns_and_events_may_be_anything(pattern: Any, event: Any) -> None:
    """Patterns may be dicts, text, or compiled; events may be dicts, text, bytes, messages, or records."""
    assert_matches(pattern, event)
    with pytest.raises(AssertionError):
        assert_no_match(pattern, event)


def test_a_detection_is_named_after_an_at_sign() -> None:
    """``@NAME`` is the pattern of a detection."""
    assert_matches("@root-sign-in", console_sign_in(root()))
    assert_no_match("@root-sign-in", console_sign_in("rosa"))
    with pytest.raises(KeyError, match=r"no detection 'root'; use one of .*root-sign-in"):
        assert_matches("@root", EVENT)


def test_a_mismatch_is_explained() -> None:
    """The message names each field that does not match, with the found and the expected values."""
    with pytest.raises(AssertionError) as raised:
        assert_matches(RULE, cloudtrail_event("StartLogging"))
    assert str(raised.value) == (
        "StartLogging does not match\n  detail.eventName: 'StartLogging' is not in [\"StopLogging\"]"
    )


def test_an_unwanted_match_is_explained() -> None:
    """The message shows the combination of the pattern that matches."""
    rule = {"$or": [{"source": ["aws.s3"]}, {"source": ["aws.cloudtrail"]}]}
    with pytest.raises(AssertionError) as raised:
        assert_no_match(rule, EVENT)
    assert str(raised.value) == 'StopLogging matches, but should not:\n  source: ["aws.cloudtrail"]'


def test_any_json_can_be_tried() -> None:
    """A value that is not an event does not match, and the message says so."""
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
    """A pattern that EventBridge would reject raises its error."""
    for assertion in (assert_matches, assert_no_match):
        with pytest.raises(PatternError):
            assertion({"source": "aws.s3"}, EVENT)


@settings(deadline=None)
@given(strategies.events())
def test_both_assertions_never_hold_at_once(event: Any) -> None:
    """For any event, exactly one of the two assertions fails."""
    failed = 0
    for assertion in (assert_matches, assert_no_match):
        try:
            assertion({"detail": {"readOnly": [False]}}, event)
        except AssertionError:
            failed += 1
    assert failed == 1


def test_forwarded_events() -> None:
    """Fates and bytes are checked for the given events or for all, at the given sinks or at all."""
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


def test_each_message_counts_for_one_event() -> None:
    """An event that was sent once counts only once."""
    siem, copy = MemorySink(), MemorySink()
    outcome = process({"siem": siem, "copy": copy}, EVENT)
    with pytest.raises(AssertionError, match=r"StopLogging \S+ was not received"):
        assert_forwarded(outcome, EVENT, EVENT)
    twice = process({"siem": siem, "copy": copy}, EVENT, EVENT)
    assert_forwarded(twice, EVENT, EVENT, to={"siem": siem})
    siem.taken.clear()
    siem.send(copy.taken[:1])
    with pytest.raises(AssertionError, match=r"the bytes of StopLogging \S+ are missing"):
        assert_forwarded(twice, EVENT, to={"siem": siem})


def test_records_that_came_without_an_envelope_are_known() -> None:
    """Records from a log group are found by their bytes, although trailforward added their envelopes."""
    siem, copy = MemorySink(), MemorySink()
    forwarder = Forwarder(Config.from_toml(TOML), made={"siem": siem, "copy": copy})
    outcome = forwarder.process(as_cloudwatch_logs(EVENT))[1]
    assert_forwarded(outcome, EVENT, to={"siem": siem})
    assert_forwarded(outcome, EVENT.record, to={"copy": copy}, format="record")
    with pytest.raises(AssertionError, match=r"an event \S+ was not received"):
        assert_forwarded(outcome, b"[]")


def test_a_difference_is_shown() -> None:
    """Missing bytes are compared with the most similar ones, from the first difference."""
    siem, copy = MemorySink(), MemorySink()
    outcome = process({"siem": siem, "copy": copy}, EVENT)
    with pytest.raises(AssertionError) as raised:
        assert_forwarded(outcome, EVENT.with_changes({"detail.userAgent": "other"}))
    text = str(raised.value)
    assert text.startswith("not forwarded as expected:\n  StopLogging ")
    assert '"userAgent":"other"' in text
    with pytest.raises(AssertionError, match=r"the bytes of StopLogging \S+ are missing$"):
        assert_forwarded(outcome, EVENT, to={"siem": MemorySink()})


def test_rejected_events_must_not_be_present() -> None:
    """The bytes of a returned event must not be at the sink, and the message says why it was returned."""
    siem, copy = FlakySink([refuse()]), MemorySink()
    outcome = process({"siem": siem, "copy": copy}, EVENT)
    assert_forwarded(outcome, EVENT, to={"siem": siem}, fate=Fate.RETURNED)
    with pytest.raises(AssertionError, match=r"siem: .* is returned \(Throttled, rejected by the script\)"):
        assert_forwarded(outcome, EVENT)
    copy.taken[0].data = EVENT.raw
    with pytest.raises(AssertionError, match=r"copy: the bytes of StopLogging \S+ are present"):
        assert_forwarded(outcome, EVENT, to={"copy": copy}, fate=Fate.RETURNED)


def test_a_wrong_ledger_is_a_failure() -> None:
    """Unknown sinks, messages without a fate, and a ledger that does not add up are reported."""
    outcome = Outcome([Message(EVENT.raw, Origin("test"))], ["siem"])
    with pytest.raises(AssertionError) as raised:
        assert_forwarded(outcome, EVENT, to=["siem", "other"])
    text = str(raised.value)
    assert "unknown sink other" in text
    assert "has no fate, expected delivered" in text
    assert "siem: received 1 is not the sum of its fates" in text
    outcome.record("siem", 0, Verdict(Fate.FILTERED))
    with pytest.raises(AssertionError, match="is filtered, expected delivered"):
        assert_forwarded(outcome, EVENT)
