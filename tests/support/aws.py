"""A local AWS for tests: environment variables for clients, and helpers to create and read resources."""

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
    """Points every AWS client in this process at an endpoint, with dummy credentials and nothing else."""
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
    """Makes this process call AWS through botocore, by setting a variable that only botocore supports."""
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "preferred")


def unique(name: str) -> str:
    """A unique name, because all tests share one local AWS."""
    return f"{name}-{next(_numbers)}"


class Reader:
    """Creates destinations, and reads what arrived there.

    Args:
        clients: clients of the local AWS.
        region: Region of all resources.
    """

    def __init__(self, clients: Clients, region: str = "ap-southeast-2") -> None:
        self.clients = clients
        self.region = region

    def __call__(self, service: str) -> Any:
        """A client of a service."""
        return self.clients(service, self.region)

    def stream(self) -> str:
        """Creates a Kinesis stream and returns its ARN."""
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

    def table(self) -> str:
        """Creates a table for the state of suppression and returns its ARN."""
        name = unique("table")
        self("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        return f"arn:aws:dynamodb:{self.region}:{ACCOUNT}:table/{name}"

    def items(self, table: str) -> list[dict[str, Any]]:
        """The items of a table."""
        found: list[dict[str, Any]] = self("dynamodb").scan(TableName=table.rpartition("/")[2])["Items"]
        return found

    def queue(self, *, fifo: bool = False) -> str:
        """Creates a queue and returns its ARN."""
        name = unique("queue") + (".fifo" if fifo else "")
        self("sqs").create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if fifo else {})
        return f"arn:aws:sqs:{self.region}:{ACCOUNT}:{name}"

    def messages(self, arn: str) -> list[dict[str, Any]]:
        """Reads and deletes the messages of a queue."""
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
        """Creates a topic and returns its ARN."""
        name = unique("topic") + (".fifo" if fifo else "")
        attributes = {"FifoTopic": "true"} if fifo else {}
        arn: str = self("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"]
        return arn

    def subscribe(self, topic: str, queue: str, **attributes: str) -> None:
        """Subscribes a queue to a topic."""
        self("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes=attributes)

    def delivery_stream(self) -> tuple[str, str]:
        """Creates a delivery stream and its bucket; returns its ARN and the bucket's name."""
        name = unique("delivery")
        location = {"LocationConstraint": self.region}
        self("s3").create_bucket(Bucket=name, CreateBucketConfiguration=location)
        target = {"RoleARN": f"arn:aws:iam::{ACCOUNT}:role/x", "BucketARN": f"arn:aws:s3:::{name}"}
        arn: str = self("firehose").create_delivery_stream(
            DeliveryStreamName=name, ExtendedS3DestinationConfiguration=target
        )["DeliveryStreamARN"]
        return arn, name

    def objects(self, bucket: str) -> list[bytes]:
        """The contents of the objects in a bucket."""
        client = self("s3")
        return [
            client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            for item in client.list_objects_v2(Bucket=bucket).get("Contents", ())
        ]
