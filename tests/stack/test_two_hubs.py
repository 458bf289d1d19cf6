"""A second hub beside the first, in the same account and Region, which changes its topology."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.stack import local
from tests.stack.destinations import receive, wait
from tests.support.events import envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stack.conftest import Deployed

#: The longest name that the templates allow: 40 characters.
NAME = "trailforward-of-the-team-for-experiments"


class Second:
    """The second hub, with a queue as its only destination."""

    def __init__(self, deployed: Deployed) -> None:
        self.aws = deployed.aws
        self._template = deployed.template
        self._queue = self.aws.client("sqs").create_queue(QueueName="second")["QueueUrl"]
        self.deploy("hub")

    def deploy(self, topology: str) -> None:
        """Creates or updates the stack."""
        self.outputs = local.deploy(
            self.aws,
            self._template,
            stack=NAME,
            Topology=topology,
            SqsQueueArn=f"arn:aws:sqs:{local.REGION}:{local.ACCOUNT}:second",
            # PutEvents refuses a source "aws.…".
            EventPattern='{"detail-type": [{"suffix": " via CloudTrail"}]}',
            Timeout="30",
        )
        local.allow_batches(self.aws, self.outputs["FunctionName"])

    def delete(self) -> None:
        """Deletes the stack."""
        self.aws.client("cloudformation").delete_stack(StackName=NAME)
        wait(lambda: not physical(self.aws, NAME), 30)

    def arrived(self, count: int) -> list[str]:
        """IDs of the events in the destination, after so many have come."""
        found: list[str] = []

        def enough() -> bool:
            found.extend(
                json.loads(message["Body"])["detail"]["eventID"] for message in receive(self.aws, self._queue)
            )
            return len(found) >= count

        wait(enough, 60)
        return sorted(found)


def physical(aws: local.Ministack, stack: str) -> set[str]:
    """The physical IDs of a stack's resources; empty without the stack."""
    from botocore.exceptions import ClientError

    try:
        found = aws.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    except ClientError:
        return set()
    return {resource["PhysicalResourceId"] for resource in found}


def put(aws: local.Ministack, bus: str, numbers: range) -> list[str]:
    """Puts events on a bus; returns their IDs."""
    events = [json.loads(envelope(number, eventName="StopInstances")) for number in numbers]
    entries: list[dict[str, Any]] = [
        {
            "Source": "example.ec2",
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
            "EventBusName": bus,
        }
        for event in events
    ]
    assert aws.client("events").put_events(Entries=entries)["FailedEntryCount"] == 0
    return sorted(event["detail"]["eventID"] for event in events)


@pytest.fixture(scope="module")
def second(deployed: Deployed) -> Second:
    """The second hub."""
    return Second(deployed)


def test_two_hubs_run_side_by_side(deployed: Deployed, second: Second, tell: Callable[[str], None]) -> None:
    """Two hubs in one account and Region share no resource, and each delivers the events of its bus only."""
    mine, other = physical(deployed.aws, local.STACK), physical(deployed.aws, NAME)
    tell(f"{len(mine)} resources of {local.STACK}, {len(other)} of {NAME}, {len(mine & other)} in common")
    assert len(mine) > 20
    assert len(other) > 20
    assert mine & other == set()

    before = Counter(deployed.destinations.arrived()["kinesis"])
    first_ids = put(deployed.aws, deployed.outputs["BusArn"], range(600, 605))
    second_ids = put(deployed.aws, second.outputs["BusArn"], range(610, 615))
    assert second.arrived(len(second_ids)) == second_ids
    wait(lambda: len(deployed.destinations.arrived()["kinesis"]) >= before.total() + len(first_ids), 60)
    events = Counter(deployed.destinations.arrived()["kinesis"]) - before
    assert sorted(json.loads(event)["detail"]["eventID"] for event in events.elements()) == first_ids
    tell(f"5 events on each bus: 5 at the first hub's stream, {len(second_ids)} at the second's queue")


def test_a_hub_becomes_a_collector_and_a_hub_again(second: Second, tell: Callable[[str], None]) -> None:
    """The queues stay, the bus goes and comes back under its name, and events arrive in each topology."""
    hub = dict(second.outputs)
    second.deploy("collector")
    assert "BusArn" not in second.outputs
    for output in ("EventQueueUrl", "RetryQueueUrl", "DeadLettersUrl", "RuleDeadLettersUrl"):
        assert second.outputs[output] == hub[output]
    event = envelope(620)
    second.aws.client("sqs").send_message(QueueUrl=hub["EventQueueUrl"], MessageBody=event.decode())
    assert second.arrived(1) == [json.loads(event)["detail"]["eventID"]]
    tell("collector: an event in the queue arrived")

    second.deploy("hub")
    assert second.outputs["BusArn"] == hub["BusArn"]
    ids = put(second.aws, hub["BusArn"], range(630, 633))
    assert second.arrived(len(ids)) == ids
    tell(f"hub again: {len(ids)} events on the bus arrived")


def test_a_deleted_hub_can_be_deployed_again(second: Second, tell: Callable[[str], None]) -> None:
    """Under the same name, a new stack works as the first did; ministack keeps no queue of the first."""
    second.delete()
    second.deploy("hub")
    ids = put(second.aws, second.outputs["BusArn"], range(640, 643))
    assert second.arrived(len(ids)) == ids
    tell(f"deleted and deployed again: {len(ids)} events on the bus arrived")
