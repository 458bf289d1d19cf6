"""A local AWS for tests: where clients find it, and what they may not find."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from trailforward.demo.local_aws import Clients

#: moto's account.
ACCOUNT = "123456789012"

_numbers = itertools.count(1)


def point_at(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sends every AWS client of this process to an endpoint, with dummy credentials and no way out."""
    for name in os.environ:
        if name.startswith("AWS_") or name.lower().endswith(("_proxy", "_ca_bundle")):
            monkeypatch.delenv(name)
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)


def use_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this process call AWS by botocore: by a setting that only botocore obeys, at its default."""
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "preferred")


def unique(name: str) -> str:
    """A name that no other test uses: all tests share one local AWS."""
    return f"{name}-{next(_numbers)}"


class Reader:
    """Makes destinations and reads back what arrived there.

    Args:
        clients: of the local AWS.
        region: of everything made here.
    """

    def __init__(self, clients: Clients, region: str = "ap-southeast-2") -> None:
        self.clients = clients
        self.region = region

    def __call__(self, service: str) -> Any:
        """A client."""
        return self.clients(service, self.region)

    def stream(self) -> str:
        """A new Kinesis stream's ARN."""
        name = unique("stream")
        self("kinesis").create_stream(StreamName=name, ShardCount=2)
        return f"arn:aws:kinesis:{self.region}:{ACCOUNT}:stream/{name}"

    def records(self, arn: str) -> list[dict[str, Any]]:
        """The records of a stream, shard by shard."""
        client, found = self("kinesis"), []
        name = arn.rpartition("/")[2]  # moto cannot read by ARN
        for shard in client.list_shards(StreamName=name)["Shards"]:
            iterator = client.get_shard_iterator(
                StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            found += client.get_records(ShardIterator=iterator)["Records"]
        return found

    def queue(self, *, fifo: bool = False) -> str:
        """A new queue's ARN."""
        name = unique("queue") + (".fifo" if fifo else "")
        self("sqs").create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if fifo else {})
        return f"arn:aws:sqs:{self.region}:{ACCOUNT}:{name}"

    def messages(self, arn: str) -> list[dict[str, Any]]:
        """The messages of a queue, which are gone from it then."""
        client, found = self("sqs"), []
        url = client.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        while received := client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        ).get("Messages"):
            for message in received:
                client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found += received
        return found

    def topic(self, *, fifo: bool = False) -> str:
        """A new topic's ARN."""
        name = unique("topic") + (".fifo" if fifo else "")
        attributes = {"FifoTopic": "true"} if fifo else {}
        arn: str = self("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"]
        return arn

    def subscribe(self, topic: str, queue: str, **attributes: str) -> None:
        """Makes a queue get what a topic gets."""
        self("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes=attributes)

    def delivery_stream(self) -> tuple[str, str]:
        """A new Firehose stream's ARN, and its bucket."""
        name = unique("delivery")
        place = {"LocationConstraint": self.region}
        self("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
        target = {"RoleARN": f"arn:aws:iam::{ACCOUNT}:role/x", "BucketARN": f"arn:aws:s3:::{name}"}
        arn: str = self("firehose").create_delivery_stream(
            DeliveryStreamName=name, ExtendedS3DestinationConfiguration=target
        )["DeliveryStreamARN"]
        return arn, name

    def objects(self, bucket: str) -> list[bytes]:
        """The objects of a bucket."""
        client = self("s3")
        return [
            client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            for item in client.list_objects_v2(Bucket=bucket).get("Contents", ())
        ]
