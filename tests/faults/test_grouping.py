"""Faults of destinations whose alerts are grouped: no alert is lost, and each has a fate."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.world import DEAD_LETTER, RETRY_QUEUE, place
from tests.support.events import envelope
from tests.support.stub_aws import Partial, Refusal, Refuse, Reset, Response, Silence, containing
from trailforward import Config, Forwarder, Message, Origin, redelivery

if TYPE_CHECKING:
    from tests.support.stub_aws import StubAws

TOPIC = "arn:aws:sns:us-west-2:111122223333:alerts"
COUNT = 6
CONFIG = f"""
dead_letter = "{DEAD_LETTER}"
retry_queue = "{RETRY_QUEUE}"
[sinks.mail]
to = "{TOPIC}"
format = "text"
group = true
[retry]
max_attempts = 2
initial_seconds = 0.001
"""

#: Fault of the first calls, how often, and what then happens to each of six alerts.
FAULTS: dict[str, tuple[Any, int, dict[str, int]]] = {
    "throttled once": (Refuse(400, "Throttling"), 1, {"delivered": 6}),
    "throttled": (Refuse(400, "Throttling"), 99, {"returned": 6}),
    "server error": (Refuse(500, "InternalFailure"), 99, {"returned": 6}),
    "connection reset": (Reset(), 99, {"returned": 6}),
    "response lost once": (Silence(stored=True, seconds=1.5), 1, {"delivered": 6}),
    "not JSON": (Response(b"<html>", stored=False), 99, {"returned": 6}),
    "access denied": (Refuse(403, "AuthorizationError"), 99, {"returned": 6}),
    "one alert is refused": (
        Partial(containing(b"actor-3"), Refusal("InvalidParameter", sender_fault=True)),
        99,
        {"delivered": 5, "dead_lettered": 1},
    ),
    "the digest is refused for now": (
        Partial(containing(b"alerts"), Refusal("InternalFailure")),
        99,
        {"returned": 6},
    ),
}


def _counted(text: str) -> int:
    found = re.match(r"([0-9]+) alerts", text)
    return int(found[1]) if found else 1


@pytest.mark.parametrize("name", FAULTS)
def test_every_alert_of_a_digest_has_a_safe_place(
    name: str, stub: StubAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the topic does, each alert is delivered, goes back, or is in a queue; the sums agree."""
    monkeypatch.setattr("trailforward.aws.client.READ_TIMEOUT", 0.5)
    fault, times, expected = FAULTS[name]
    if times > 1:
        stub.always(place(TOPIC), fault)
    else:
        stub.script(place(TOPIC), fault)
    sent = [envelope(number, userIdentity={"arn": f"actor-{number}"}) for number in range(COUNT)]
    forwarder = Forwarder(Config.from_toml(CONFIG))
    outcome = forwarder.forward([Message(raw, Origin("sqs")) for raw in sent], seconds=10)
    stub.calm()
    forwarder.close()
    assert outcome.breaks == []
    totals = outcome.totals("mail")._asdict()
    assert {fate: totals[fate] for fate in expected} == expected, outcome.verdicts
    assert totals["received"] == sum(expected.values()) == COUNT
    taken = [data.decode() for data in stub.taken(place(TOPIC))]
    reached = sum(map(_counted, taken))
    assert reached >= totals["delivered"]
    dead = Counter(
        redelivery.decode_body(item.data.decode(), item.attributes)
        for item in stub.stored(place(DEAD_LETTER))
    )
    lettered = [
        sent[index] for index, verdict in outcome.verdicts["mail"].items() if verdict.fate == "dead_lettered"
    ]
    assert dead == Counter(lettered), "each dead letter is one event, with its own bytes"
    assert all(json.loads(raw)["detail"] for raw in dead)


def test_a_digest_is_sent_again_after_the_function_was_killed(stub: StubAws) -> None:
    """Nothing of a digest is kept in the function: a batch that comes back is grouped as the first time."""
    raws = [envelope(number, userIdentity={"arn": f"actor-{number}"}) for number in range(COUNT)]
    for _ in range(2):  # the second process does not know the first
        forwarder = Forwarder(Config.from_toml(CONFIG))
        outcome = forwarder.forward([Message(raw, Origin("sqs")) for raw in raws], seconds=10)
        assert outcome.totals("mail").delivered == COUNT
        forwarder.close()
    first, second = stub.taken(place(TOPIC))
    assert first == second
