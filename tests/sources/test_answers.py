"""What each caller is answered when some of what it brought must come again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.events import FIFO, envelope, sqs, sqs_record
from tests.support.payloads import (
    firehose,
    kinesis_record,
    log_data,
    logs,
    record,
    s3_record,
    sns_record,
    trail_file,
)
from trailforward import Config, Forwarder, PayloadError
from trailforward.jsontext import decode
from trailforward.testing import FlakySink, refuse

RAISES = PayloadError
EVENTS = [envelope(number) for number in range(3)]
TEXTS = [event.decode() for event in EVENTS]
OBJECT = json.dumps({"Records": [s3_record("b")]})


def fetch(pointer: Any) -> Any:
    """Every object is a trail file of three records."""
    return iter([trail_file(record(0), record(1), record(2))])


fetch.close = lambda: None  # type: ignore[attr-defined]

#: Payload, and the answer when its second message is refused for now.
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
    """Forwards to one sink that refuses by script."""
    text = f'{head}\nretry = {{ max_attempts = 1 }}\n[sinks.a]\nto = "stdout:"\n'
    made = Forwarder(Config.from_toml(text), made={"a": FlakySink(script)})
    made._objects = fetch  # type: ignore[assignment]
    return made


def told(answer: Any) -> Any:
    """An answer in short."""
    if answer is None:
        return None
    failures = answer.get("batchItemFailures")
    if failures is None:
        return [each["result"] for each in answer["records"]]
    return [each["itemIdentifier"] for each in failures]


@pytest.mark.parametrize("case", CASES)
def test_when_one_message_is_refused_for_now(case: str) -> None:
    """The caller is told exactly what it must bring again, in the way it understands."""
    payload, expected = CASES[case]
    # Of a FIFO group one message goes at a time.
    script = [None, refuse(0)] if "fifo" in case else [refuse(1)]
    if expected is RAISES:
        with pytest.raises(PayloadError, match="a: Throttled"):
            forwarder(*script).handle(payload)
    else:
        assert told(forwarder(*script).handle(payload)) == expected


@pytest.mark.parametrize("case", CASES)
def test_when_all_is_well(case: str) -> None:
    """Where nothing must come again, the caller is told so."""
    payload, expected = CASES[case]
    answer = told(forwarder().handle(payload))
    assert not answer or set(answer) == {"Ok"}
    assert (answer is None) == (expected is RAISES)


@pytest.mark.parametrize("case", [name for name in CASES if "fifo" not in name])
def test_with_a_retry_queue_nothing_is_repeated(case: str, local_aws: Any) -> None:
    """Where handing back would repeat what was delivered, the retry queue takes what was refused."""
    payload, _ = CASES[case]
    queue = local_aws.queue()
    head = f'retry_queue = "{queue}"'
    answer, outcome = forwarder(refuse(1), head=head).process(payload)
    # One message of a queue comes back alone, and needs no other.
    alone = case == "sqs"
    assert len(local_aws.messages(queue)) == (0 if alone else 1)
    assert told(answer) == (
        ["m1"] if alone else None if answer is None else told(forwarder().handle(payload))
    )
    assert outcome.breaks == []
