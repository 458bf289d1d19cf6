"""The sample events of ``sam/events`` are what they seem."""

from __future__ import annotations

import json

import trailforward
from tests.sam.cfn import SAM


def test_the_samples_are_events() -> None:
    """The event, as it is sent to the queue, and the batch that the function gets hold the same call."""
    alone = json.loads((SAM / "events/stop-logging.json").read_text())
    batch = json.loads((SAM / "events/sqs-batch.json").read_text())
    for payload in (alone, batch):
        (parsed,) = trailforward.parse(payload)
        assert parsed.detail.event_name == "StopLogging"
        assert parsed.source == "aws.cloudtrail"
