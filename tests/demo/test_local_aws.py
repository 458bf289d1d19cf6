from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from trailforward.demo.local_aws import HOME
from trailforward.testing import samples

if TYPE_CHECKING:
    from trailforward.demo.local_aws import LocalAws

BODIES = [samples.load(name) for name in ("numbers-and-escapes", "security-group-opened", "trail-stopped")]


def test_a_stream_gives_back_every_record(aws: LocalAws) -> None:
    """Records written to Kinesis are read back byte for byte, from all shards."""
    client = aws.client("kinesis", "us-west-2")
    records = [{"Data": body, "PartitionKey": str(number)} for number, body in enumerate(BODIES)]
    client.put_records(StreamARN=aws.stream_arn, Records=records)
    assert sorted(aws.arrived_at_stream()) == sorted(BODIES)


def test_a_topic_gives_back_every_message_raw(aws: LocalAws) -> None:
    """Messages published to SNS reach the subscribed queue unchanged, without the SNS envelope."""
    for body in BODIES:
        aws.client("sns", "eu-central-1").publish(TopicArn=aws.topic_arn, Message=body.decode())
    assert sorted(aws.arrived_at_topic()) == sorted(BODIES)
    assert aws.arrived_at_topic() == []


def test_firehose_gives_back_every_line(aws: LocalAws) -> None:
    """Records that Firehose wrote to its bucket are read back line by line, from several objects."""
    client = aws.client("firehose", "us-east-1")
    name = aws.firehose_arn.rpartition("/")[2]
    for part in (BODIES[:2], BODIES[2:]):
        records = [{"Data": body + b"\n"} for body in part]
        client.put_record_batch(DeliveryStreamName=name, Records=records)
    assert sorted(aws.arrived_at_firehose()) == sorted(BODIES)


def test_nothing_has_arrived_at_first(aws: LocalAws) -> None:
    """Destinations are empty until a test sends something."""
    assert aws.arrived_at_stream() == aws.arrived_at_topic() == aws.arrived_at_firehose() == []


def test_the_source_queue_keeps_the_bytes(aws: LocalAws) -> None:
    """The body of a message is the event, and `waiting` counts the message until it is deleted."""
    for body in BODIES:
        aws.put(body)
    assert aws.waiting(aws.source) == 3
    assert sorted(message["Body"].encode() for message in aws.drain(aws.source)) == sorted(BODIES)
    assert aws.waiting(aws.source) == 0


def test_the_source_queue_has_a_dead_letter_queue(aws: LocalAws) -> None:
    """As in the SAM stack, a message that is received too often goes to a dead-letter queue."""
    client = aws.client("sqs")
    response = client.get_queue_attributes(QueueUrl=aws.source, AttributeNames=["RedrivePolicy"])
    target = json.loads(response["Attributes"]["RedrivePolicy"])["deadLetterTargetArn"]
    assert target == aws.queue_arn(aws.dead_letter)
    assert len({aws.source, aws.dead_letter, aws.retry_queue}) == 3


def test_destinations_are_in_other_regions(aws: LocalAws) -> None:
    """Each destination is in a different Region, and none of them in the Region of the queue."""
    regions = [arn.split(":")[3] for arn in (aws.stream_arn, aws.topic_arn, aws.firehose_arn)]
    assert len({*regions, HOME}) == 4


def test_the_server_listens_on_this_machine_only(endpoint: str) -> None:
    """The endpoint is on the loopback interface, and uses the name that S3 addressing requires."""
    assert re.fullmatch(r"http://localhost:\d+", endpoint)
