"""The audit of what real pipelines with random faults wrote, against what their sinks really got."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.depth import examples
from tests.support.events import sqs, sqs_record
from tests.support.trail_bucket import START, TrailBucket, dumps, envelope, record
from trailforward import Config, Forwarder
from trailforward.audit.classes import Classifier
from trailforward.audit.rules import Rules
from trailforward.audit.run import Audit, audit
from trailforward.errors import TransientError
from trailforward.receipts.line import lines
from trailforward.testing import FlakySink, lost_response, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ["CreateUser", "DeleteUser", "Noise", "Quiet"]
SINKS = {"siem": {"CreateUser", "DeleteUser"}, "chat": {"CreateUser"}, "copy": {"CreateUser", "DeleteUser"}}
CONFIG = """
retry = { max_attempts = 1 }
dead_letter = "file:%s/dead"
[sinks.siem]
to = "stdout:"
[sinks.chat]
to = "stdout:"
[sinks.copy]
to = "stdout:"
[[routes]]
name = "noise"
pattern = { detail = { eventName = ["Noise"] } }
drop = true
[[routes]]
name = "create"
sinks = ["chat"]
pattern = { detail = { eventName = ["CreateUser"] } }
[[routes]]
name = "users"
sinks = ["siem", "copy"]
pattern = { detail = { eventName = ["CreateUser", "DeleteUser"] } }
"""


class Trial:
    """Forwards events with faults, and keeps the receipts.

    Args:
        folder: for the receipts.
        chance: of everything.
    """

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder, self.chance = folder, chance
        self.sinks = {name: FlakySink(self._script()) for name in SINKS}
        self.config = Config.from_toml(CONFIG % folder)
        #: Events of calls after which the function was killed: they have no receipt.
        self.killed: set[str] = set()
        self._number = 0

    def forward(self, records: list[dict[str, Any]]) -> None:
        """Forwards events until none comes back, at most three times."""
        for _ in range(3):
            made: Any = self.sinks
            forwarder = Forwarder(self.config, made=made)
            batch = sqs(*(sqs_record(dumps(envelope(one)), f"m-{at}") for at, one in enumerate(records)))
            outcome = forwarder.process(batch)[1]
            forwarder.close()
            if self.chance.random() < 0.1:
                self.killed |= {one["eventID"] for one in records}
                continue  # everything is delivered again
            path = self.folder / "receipts" / f"2026/11/26/{self.chance.randrange(3):02}" / f"{self._number}"
            self._number += 1
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(lines(outcome, sha256=True)))
            records = [records[at] for at in outcome.returned]
            if not records:
                return

    def got(self, sink: str) -> set[str]:
        """IDs of the events that a sink really has."""
        return {json.loads(data)["detail"]["eventID"] for data in self.sinks[sink].data}

    def _script(self) -> Iterator[Any]:
        while True:
            yield self.chance.choice(
                [
                    None,
                    None,
                    refuse(self.chance.randrange(10), transient=False),
                    refuse(self.chance.randrange(10)),
                    TransientError("Timeout", "the script says so"),
                    lost_response(),
                ]
            )


@pytest.mark.parametrize("seed", range(examples(6)))
def test_what_the_audit_says_of_a_pipeline_is_true(tmp_path: Path, seed: int) -> None:
    """An event counts as arrived only if every sink has it, and no sink that lacks it is left out."""
    chance = random.Random(seed)  # noqa: S311  # not for secrets
    records = [record(number, eventName=chance.choice(NAMES)) for number in range(80)]
    lost = set(chance.sample(range(80), 5))
    trial = Trial(tmp_path, chance)
    sent = [one for number, one in enumerate(records) if number not in lost]
    for at in range(0, len(sent), 10):
        trial.forward(sent[at : at + 10])
    trail = TrailBucket(tmp_path / "trail")
    for at in range(0, 80, 20):
        trail.put(at + 30, records[at : at + 20])

    def routed(event: dict[str, Any]) -> frozenset[str]:
        return frozenset(name for name, names in SINKS.items() if event["detail"]["eventName"] in names)

    wanted = Audit(
        str(tmp_path / "trail"),
        str(tmp_path / "receipts"),
        START,
        START + timedelta(days=1),
        receipts=True,
        sinks=tuple(SINKS),
    )
    result = audit(
        wanted,
        lambda changes: Classifier(Rules(None, changes), "2027", routed),
        tmp_path / "state",
        lambda *_: None,
        1,
    )
    listed = {row["eventID"]: row["sinks"] for row in result.unexpected}
    got = {name: trial.got(name) for name in SINKS}
    # A lost response is accepted, and the pipeline cannot know it: such a sink may have it anyway.
    for one in records:
        name = one["eventID"]
        needed = routed(envelope(one))
        if name not in listed:
            assert all(name in got[sink] for sink in needed)
        elif name not in trial.killed:
            assert set(listed[name]) <= needed
            assert needed - set(listed[name]) <= {sink for sink in needed if name in got[sink]}
    assert {records[number]["eventID"] for number in lost if routed(envelope(records[number]))} <= set(listed)
    totals = result.totals
    assert totals["recorded"] == 80
    assert totals["dropped"] + totals["no_route"] == 80 - totals["arrived"] - len(listed)
    assert (result.altered, result.unrecorded, result.problems) == (0, 0, [])
    assert result.compared > 0
