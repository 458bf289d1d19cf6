"""The alert storm of the demo: 200 denied calls of three users become three messages and a count."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from trailforward import Config, Forwarder, Message, Origin
from trailforward.outcome import Totals
from trailforward.state import table_state

if TYPE_CHECKING:
    from trailforward.demo.local_aws import LocalAws
    from trailforward.demo.receiver import Receiver

EVENTS = 200
ACTORS = ("dora", "emil", "finn")
#: As if the function received two batches.
_BATCHES = 2

_CONFIG = """
state = "{table}"
dead_letter = "{dead_letter}"
[sinks.oncall]
to = "{to}"
[[routes]]
name = "access-denied"
sinks = ["oncall"]
severity = "medium"
title = "Access denied"
pattern = {{ source = ["aws.iam"], detail = {{ errorCode = ["AccessDenied"] }} }}
once = {{ per = ["detail.userIdentity.arn"], within = "1h" }}
"""


class Storm(NamedTuple):
    """The result of the storm.

    Attributes:
        totals: the ledger of the sink.
        suppressed: events that were held back, as the metric counts them.
        held: the same, as the table counts them.
        messages: messages that arrived.
        actors: users that the messages name.
        breaks: what is wrong with the ledger.
    """

    totals: Totals
    suppressed: int
    held: int
    messages: int
    actors: int
    breaks: int

    @property
    def holds(self) -> bool:
        """Whether each user caused one message, and every other event is counted."""
        return (
            self.messages == self.actors == len(ACTORS) == self.totals.delivered
            and self.suppressed == self.held == EVENTS - len(ACTORS) == self.totals.filtered
            and self.totals.balanced
            and not self.breaks
        )


def storm(aws: LocalAws, receiver: Receiver) -> Storm:
    """Forwards the storm to an HTTP API, with the state in a table.

    Args:
        aws: the local AWS.
        receiver: the HTTP API.
    """
    table = aws.table()
    text = _CONFIG.format(table=table, dead_letter=aws.queue_arn(aws.dead_letter), to=receiver.url)
    before = len(receiver.events)
    forwarder = Forwarder(Config.from_toml(text), state=table_state(table, direct=True))
    messages = [Message(_event(number), Origin("demo")) for number in range(EVENTS)]
    size = EVENTS // _BATCHES
    outcomes = [forwarder.forward(messages[start : start + size]) for start in range(0, EVENTS, size)]
    forwarder.close()
    arrived = receiver.events[before:]
    return Storm(
        sum((outcome.totals("oncall") for outcome in outcomes), Totals()),
        sum(outcome.routes["access-denied", "suppressed"] for outcome in outcomes),
        sum(aws.held(table)),
        len(arrived),
        len({json.loads(body)["detail"]["userIdentity"]["arn"] for body in arrived}),
        sum(len(outcome.breaks) for outcome in outcomes),
    )


def _event(number: int) -> bytes:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    user = ACTORS[number % len(ACTORS)]
    record = {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "arn": f"arn:aws:iam::111122223333:user/{user}",
            "userName": user,
        },
        "eventTime": now,
        "eventSource": "iam.amazonaws.com",
        "eventName": "CreateAccessKey",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.7",
        "errorCode": "AccessDenied",
        "eventID": f"00000000-0000-4000-8000-{number:012}",
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
    }
    envelope = {
        "version": "0",
        "id": record["eventID"],
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.iam",
        "account": "111122223333",
        "time": now,
        "region": "us-east-1",
        "resources": [],
        "detail": record,
    }
    return json.dumps(envelope).encode()
