"""A local AWS in this process: moto's server, with the resources of the demo.

The destinations are in three Regions and the queue is in a fourth, as may be the case in production.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

#: The account of moto.
ACCOUNT = "123456789012"
#: The Region of the queue and the function.
HOME = "eu-west-1"
NAME = "trailforward-demo"
#: Dummies, so that nothing can reach AWS by accident.
CREDENTIALS = {"aws_access_key_id": "demo", "aws_secret_access_key": "demo"}


class LocalServer:
    """moto's server on a free port of 127.0.0.1, inside a ``with`` block."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        # werkzeug would print one line per request.
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)

    @property
    def url(self) -> str:
        """The endpoint. It is a name, because moto takes the first label of ``127.0.0.1`` for a bucket."""
        return f"http://localhost:{self._server.get_host_and_port()[1]}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()


class Clients:
    """boto3 clients of the local AWS: created once each, and closed at the end of the ``with`` block.

    Args:
        endpoint: the URL of the local server.
    """

    def __init__(self, endpoint: str) -> None:
        from boto3.session import Session

        self._endpoint = endpoint
        self._session = Session(**CREDENTIALS)
        self._clients: dict[tuple[str, str], Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            client.close()

    def __call__(self, service: str, region: str = HOME) -> Any:
        """Returns the client of a service in a Region."""
        key = service, region
        if key not in self._clients:
            from botocore.config import Config

            config = Config(s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=15)
            self._clients[key] = self._session.client(
                service, region_name=region, endpoint_url=self._endpoint, config=config
            )
        return self._clients[key]


class LocalAws:
    """The resources of the demo: a source queue, a dead-letter queue, a retry queue, and three destinations.

    Args:
        client: creates clients of the local server.
        name: the name of every resource, so that several sets can share one server.
    """

    def __init__(self, client: Clients, name: str = NAME) -> None:
        self.client = client
        self._name = name
        self.stream_arn = self._stream("us-west-2")
        self.subscriber = self._queue(f"{name}-subscriber", "eu-central-1")
        self.topic_arn = self._topic("eu-central-1")
        self.bucket = f"{name}-archive"
        self.firehose_arn = self._firehose("us-east-1")
        self.dead_letter = self._queue(f"{name}-dead-letter", HOME)
        self.retry_queue = self._queue(f"{name}-retry", HOME)
        redrive = {"deadLetterTargetArn": self.queue_arn(self.dead_letter), "maxReceiveCount": "5"}
        self.source = self._queue(f"{name}-events", HOME, RedrivePolicy=json.dumps(redrive))

    def queue_arn(self, url: str) -> str:
        """Returns the ARN of a queue in the home Region."""
        return f"arn:aws:sqs:{HOME}:{ACCOUNT}:{url.rpartition('/')[2]}"

    def table(self) -> str:
        """Creates the table in which alerts are remembered, and returns its ARN."""
        self.client("dynamodb").create_table(
            TableName=self._name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        return f"arn:aws:dynamodb:{HOME}:{ACCOUNT}:table/{self._name}"

    def held(self, table: str) -> list[int]:
        """Returns how many events each item of the table counts as held back."""
        items = self.client("dynamodb").scan(TableName=table.rpartition("/")[2])["Items"]
        return [json.loads(item["value"]["S"])["held"] for item in items]

    def put(self, body: bytes) -> None:
        """Sends one event to the source queue, like an EventBridge rule with the queue as target."""
        self.client("sqs").send_message(QueueUrl=self.source, MessageBody=body.decode())

    def waiting(self, url: str) -> int:
        """Returns the number of messages in a home queue, including delayed and in-flight ones."""
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
        ]
        response = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return sum(int(value) for value in response["Attributes"].values())

    def arrived_at_stream(self) -> list[bytes]:
        """Returns every record in the Kinesis stream."""
        client = self.client("kinesis", "us-west-2")
        found: list[bytes] = []
        for shard in client.list_shards(StreamName=self._name)["Shards"]:
            iterator = client.get_shard_iterator(
                StreamName=self._name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while True:
                response = client.get_records(ShardIterator=iterator)
                if not response["Records"]:
                    break
                found.extend(record["Data"] for record in response["Records"])
                iterator = response["NextShardIterator"]
        return found

    def arrived_at_topic(self) -> list[bytes]:
        """Returns every message of the SNS topic, from the queue that subscribes to it."""
        return [message["Body"].encode() for message in self.drain(self.subscriber, "eu-central-1")]

    def arrived_at_firehose(self) -> list[bytes]:
        """Returns every record of the Firehose stream: the lines of the objects in its bucket."""
        client = self.client("s3", "us-east-1")
        found: list[bytes] = []
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket):
            for item in page.get("Contents", ()):
                body = client.get_object(Bucket=self.bucket, Key=item["Key"])["Body"].read()
                found.extend(line for line in body.split(b"\n") if line)
        return found

    def drain(self, url: str, region: str = HOME) -> Iterator[Mapping[str, Any]]:
        """Receives and deletes messages until the queue is empty."""
        client = self.client("sqs", region)
        while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                yield message

    def _queue(self, name: str, region: str, **attributes: str) -> str:
        url: str = self.client("sqs", region).create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url

    def _stream(self, region: str) -> str:
        client = self.client("kinesis", region)
        client.create_stream(StreamName=self._name, ShardCount=2)
        description = client.describe_stream_summary(StreamName=self._name)
        arn: str = description["StreamDescriptionSummary"]["StreamARN"]
        return arn

    def _topic(self, region: str) -> str:
        client = self.client("sns", region)
        arn: str = client.create_topic(Name=self._name)["TopicArn"]
        queue = f"arn:aws:sqs:{region}:{ACCOUNT}:{self.subscriber.rpartition('/')[2]}"
        raw = {"RawMessageDelivery": "true"}
        client.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes=raw)
        return arn

    def _firehose(self, region: str) -> str:
        self.client("s3", region).create_bucket(Bucket=self.bucket)
        target = {
            "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/{NAME}",
            "BucketARN": f"arn:aws:s3:::{self.bucket}",
        }
        response = self.client("firehose", region).create_delivery_stream(
            DeliveryStreamName=self._name, ExtendedS3DestinationConfiguration=target
        )
        arn: str = response["DeliveryStreamARN"]
        return arn
