"""The response to each event source when it must deliver some messages again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.events import FIFO, envelope, sqs, sqs_record
from tests.support.payloads import (
    firehose,
    kinesis_record,
    log_data,
    log_file,
    logs,
    record,
    s3_record,
    sns_record,
)
from trailforward import Config, Fate, Forwarder, Message, Origin, PayloadError, TransientError
from trailforward.jsontext import decode
from trailforward.outcome import Outcome, Verdict
from trailforward.sources._raise import raise_returned
from trailforward.testing import FlakySink, refuse

RAISES = PayloadError
EVENTS = [envelope(number) for number in range(3)]
TEXTS = [event.decode() for event in EVENTS]
OBJECT = json.dumps({"Records": [s3_record("b")]})


def fetch(s3_object: Any) -> Any:
    """Every object is a log file with three records."""
    return iter([log_file(record(0), record(1), record(2))])


fetch.close = lambda: None  # type: ignore[attr-defined]

#: Payload, and the response after a transient failure of the second message.
CASES: dict[str, tuple[Any, Any]] = {
    "sqs": (sqs(*(sqs_record(text, f"m{n}") for n, text in enumerate(TEXTS))), ["m1"]),
    "sqs, fifo": (
        sqs(*(sqs_record(t, f"m{n}", arn=FIFO, group="g") for n, t in enumerate(TEXTS))),
        ["m1", "m2"],
    ),
    "sqs, objects": (
        sqs(sqs_record(TEXTS[0], "m0"), sqs_record(OBJECT, "m1"), sqs_record(TEXTS[1], "m2")),
        ["m1"],
    ),
    "kinesis": ({"Records": [kinesis_record(event, str(n)) for n, event in enumerate(EVENTS)]}, ["1"]),
    "kinesis, logs": (
        {"Records": [kinesis_record(log_data(*TEXTS), "7"), kinesis_record(EVENTS[0], "8")]},
        ["7"],
    ),
    "kinesis, no number": (
        {"Records": [kinesis_record(EVENTS[0], "7"), kinesis_record(EVENTS[1], "")]},
        [""],
    ),
    "firehose": (firehose(*EVENTS), ["Ok", "ProcessingFailed", "Ok"]),
    "firehose, logs": (firehose(log_data(*TEXTS), EVENTS[0]), ["ProcessingFailed", "Ok"]),
    "sns": ({"Records": [sns_record(text) for text in TEXTS]}, RAISES),
    "sns, objects": ({"Records": [sns_record(OBJECT)]}, RAISES),
    "logs": (logs(log_data(*TEXTS)), RAISES),
    "s3": (json.loads(OBJECT), RAISES),
    "records": ({"Records": [decode(record(n)) for n in range(3)]}, RAISES),
}


def forwarder(*script: Any, head: str = "") -> Forwarder:
    """A forwarder with one sink that refuses entries as scripted."""
    text = f'{head}\nretry = {{ max_attempts = 1 }}\n[sinks.a]\nto = "stdout:"\n'
    made = Forwarder(Config.from_toml(text), made={"a": FlakySink(script)})
    made._objects = fetch  # type: ignore[assignment]
    return made


def summary(response: Any) -> Any:
    """The parts of a response that matter here."""
    if response is None:
        return None
    failures = response.get("batchItemFailures")
    if failures is None:
        return [each["result"] for each in response["records"]]
    return [each["itemIdentifier"] for each in failures]


@pytest.mark.parametrize("case", CASES)
def test_one_transient_failure(case: str) -> None:
    """Each source gets exactly the messages to deliver again, in the form that it understands."""
    payload, expected = CASES[case]
    # Messages of a FIFO group are sent one at a time.
    script = [None, refuse(0)] if "fifo" in case else [refuse(1)]
    if expected is RAISES:
        with pytest.raises(PayloadError, match="a: Throttled"):
            forwarder(*script).handle(payload)
    else:
        assert summary(forwarder(*script).handle(payload)) == expected


@pytest.mark.parametrize("case", CASES)
def test_everything_delivered(case: str) -> None:
    """If everything was delivered, the response asks for no message again."""
    payload, expected = CASES[case]
    response = summary(forwarder().handle(payload))
    assert not response or set(response) == {"Ok"}
    assert (response is None) == (expected is RAISES)


@pytest.mark.parametrize("case", [name for name in CASES if "fifo" not in name])
def test_with_a_retry_queue_nothing_is_repeated(case: str, local_aws: Any) -> None:
    """If delivering the batch again would repeat deliveries, the refused message goes to the retry queue."""
    payload, _ = CASES[case]
    queue = local_aws.queue()
    head = f'retry_queue = "{queue}"'
    response, outcome = forwarder(refuse(1), head=head).process(payload)
    # A queue delivers one message again without the others.
    alone = case == "sqs"
    assert len(local_aws.messages(queue)) == (0 if alone else 1)
    assert summary(response) == (
        ["m1"] if alone else None if response is None else summary(forwarder().handle(payload))
    )
    assert outcome.breaks == []


STOPPING = [name for name in CASES if not name.startswith("sqs")]


@pytest.mark.parametrize("case", STOPPING)
@pytest.mark.parametrize("queues", [("retry_queue",), ("dead_letter",), ("retry_queue", "dead_letter")])
def test_sources_that_stop_or_forget_get_nothing_back(
    case: str, queues: tuple[str, ...], local_aws: Any
) -> None:
    """If the destination is down, the events wait in the retry queue, otherwise in the dead-letter queue."""
    made = {name: local_aws.queue() for name in queues}
    head = "\n".join(f'{name} = "{queue}"' for name, queue in made.items())
    response, outcome = forwarder(*[TransientError("http_503")] * 20, head=head).process(CASES[case][0])
    assert summary(response) in ([], None, ["Ok", "Ok"], ["Ok", "Ok", "Ok"])
    counts = {name: len(local_aws.messages(queue)) for name, queue in made.items()}
    assert counts.pop(queues[0]) == outcome.totals("a").received > 0
    assert set(counts.values()) <= {0}
    fate = Fate.RETURNED if queues[0] == "retry_queue" else Fate.DEAD_LETTERED
    assert outcome.meeting(fate) == ["a"]


@pytest.mark.parametrize("case", STOPPING)
def test_if_no_queue_takes_them_the_events_go_back_to_the_source(case: str, local_aws: Any) -> None:
    """Neither queue can be written, so the source delivers the events again, as without queues."""
    absent = "arn:aws:sqs:us-east-1:111122223333:absent"
    head = f'retry_queue = "{absent}-1"\ndead_letter = "{absent}-2"'
    payload, expected = CASES[case]
    made = forwarder(refuse(1), head=head)
    if expected is RAISES:
        with pytest.raises(PayloadError, match="a: Throttled"):
            made.handle(payload)
    else:
        assert summary(made.handle(payload)) == expected


def test_a_log_file_for_a_destination_that_is_down_waits_as_one_message(local_aws: Any) -> None:
    """Reading stops at the first batch that no sink accepts; the rest of the file is one dead letter."""
    queue = local_aws.queue()
    made = forwarder(*[TransientError("http_503")] * 20, head=f'dead_letter = "{queue}"')
    big = log_file(*(record(number, pad="x" * 100_000) for number in range(180)))
    made._objects = lambda _: iter([big])  # type: ignore[assignment]
    response, outcome = made.process(json.loads(OBJECT))
    assert response is None
    bodies = [message["Body"] for message in local_aws.messages(queue)]
    assert sum('"aws:s3"' in body for body in bodies) == 1
    assert outcome.totals("a").dead_lettered == len(bodies) < 100


@pytest.mark.parametrize("count", [1, 500])
def test_the_error_of_an_invocation_stays_short(count: int) -> None:
    """However many reasons there are, the error that Lambda logs has a few kilobytes."""
    script = [refuse(*range(count), code="x" * 400)]
    payload = {"Records": [sns_record(envelope(number).decode()) for number in range(count)]}
    with pytest.raises(PayloadError) as caught:
        forwarder(*script).handle(payload)
    assert len(str(caught.value)) < 12_000


@pytest.mark.parametrize(("reasons", "end"), [(20, ""), (21, "; and 1 more"), (40, "; and 20 more")])
def test_the_error_counts_the_reasons_that_it_leaves_out(reasons: int, end: str) -> None:
    """Twenty reasons are listed; the error says how many more there are."""
    outcome = Outcome([Message(b"{}", Origin("sns", ref=str(number))) for number in range(reasons)], ["a"])
    for number in range(reasons):
        outcome.record("a", number, Verdict(Fate.RETURNED, f"code-{number:02}"))
    with pytest.raises(PayloadError) as caught:
        raise_returned(outcome)
    text = str(caught.value)
    assert text.count("a: code-") == min(reasons, 20)
    assert text.endswith(end or "a: code-19")
