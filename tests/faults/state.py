"""Faults of the table in which ``once`` remembers events: every alert goes out, and is counted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.faults.world import DESTINATIONS, place
from tests.support.events import envelope
from tests.support.stub_aws import Refuse, Reset, Response, Silence
from trailforward import Config, Forwarder, Message, Origin

if TYPE_CHECKING:
    from tests.support.stub_aws import Fault, StubAws

TABLE = "arn:aws:dynamodb:eu-central-2:111122223333:table/state"
COUNT = 12

_CONFIG = f"""
state = "{TABLE}"
[sinks.sqs]
to = "{DESTINATIONS["sqs"]}"
[[routes]]
name = "alerts"
sinks = ["sqs"]
once = {{ within = "1h", per = ["detail.actor"] }}
"""


class TableFault(NamedTuple):
    """A fault of every call to the table."""

    name: str
    fault: Fault


FAULTS = [
    TableFault("throttled", Refuse(400, "ProvisionedThroughputExceededException")),
    TableFault("request limit", Refuse(400, "RequestLimitExceeded")),
    TableFault("access denied", Refuse(400, "AccessDeniedException")),
    TableFault("table absent", Refuse(400, "ResourceNotFoundException")),
    TableFault("server error", Refuse(500, "InternalServerError")),
    TableFault("connection reset", Reset()),
    TableFault("no response", Silence(stored=False)),
    TableFault("not JSON", Response(b"<html>", stored=False)),
    TableFault("JSON of another kind", Response(b'{"Item": [1]}', stored=False)),
    TableFault(
        "a damaged item", Response(b'{"Item": {"version": {"S": "1"}, "value": {"S": "["}}}', stored=False)
    ),
    TableFault(
        "an item with other types",
        Response(b'{"Item": {"version": {"S": "1"}, "value": {"S": "{\\"seen\\": 3}"}}}', stored=False),
    ),
]


def result(fault: TableFault, stub: StubAws) -> str:
    """Forwards alerts of two actors while the table fails; what became of them, in a few words.

    Raises:
        AssertionError: an alert was lost, or the ledger does not add up.
    """
    stub.reset()
    stub.always("dynamodb:eu-central-2", fault.fault)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trailforward.state.dynamodb.TIMEOUT", 0.3)
        forwarder = Forwarder(Config.from_toml(_CONFIG))
        sent = [envelope(number, actor="ab"[number % 2]) for number in range(COUNT)]
        outcome = forwarder.forward([Message(raw, Origin("test")) for raw in sent])
    stub.calm()
    forwarder.close()
    taken = stub.taken(place(DESTINATIONS["sqs"]))
    assert outcome.breaks == []
    assert set(taken) == set(sent), "an alert was lost"
    counted = outcome.routes["alerts", "state_unavailable"]
    assert counted == COUNT, "an alert went out uncounted"
    twice = sum(count > 1 for count in Counter(taken).values())
    return f"{len(set(taken))} delivered, {counted} counted as unsuppressed, {twice} twice"
