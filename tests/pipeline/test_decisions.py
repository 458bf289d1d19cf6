"""What intake decides without asking a sink, and the words that it gives."""

from __future__ import annotations

from tests.support.events import Context, envelope, sqs, sqs_record
from tests.support.payloads import log_data, logs
from trailforward import Config, Fate, Forwarder
from trailforward.outcome import Verdict
from trailforward.testing import MemorySink

QUEUE = "arn:aws:sqs:eu-west-1:111122223333:audit"
CONFIG = Config.from_toml(f'[sinks.queue]\nto = "{QUEUE}"\n[sinks.other]\nto = "stdout:"\n')


def test_data_without_an_event_is_done() -> None:
    """A control message of CloudWatch Logs is filtered with its code, so it never comes back."""
    sinks = {"queue": MemorySink(arn=QUEUE), "other": MemorySink()}
    payload = logs(log_data("x", kind="CONTROL_MESSAGE"))
    _, outcome = Forwarder(CONFIG, made=sinks).process(payload, Context())
    assert outcome.returned == []
    for name, sink in sinks.items():
        (verdict,) = outcome.verdicts[name].values()
        assert verdict.fate is Fate.FILTERED
        assert verdict.code == "control_message"
        assert verdict.reason == "CloudWatch Logs tested the subscription"
        assert sink.calls == []


def test_the_ledger_says_why_an_event_does_not_return_to_its_queue() -> None:
    """An event is not sent into the queue that it came from; the verdict says so."""
    sinks = {"queue": MemorySink(arn=QUEUE), "other": MemorySink()}
    payload = sqs(sqs_record(envelope(1), "m-1", arn=QUEUE))
    _, outcome = Forwarder(CONFIG, made=sinks).process(payload, Context())
    assert outcome.verdicts["queue"] == {0: Verdict(Fate.FILTERED, "self", "the event came from this queue")}
    assert [entry.data for entry in sinks["other"].taken] == [envelope(1)]
    assert sinks["queue"].calls == []
