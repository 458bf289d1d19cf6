"""The destinations of the deployed stack, and what arrived there."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tests.stack.local import ACCOUNT, REGION
from trailforward.demo.receiver import Receiver

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from email.message import Message

    from tests.stack.local import Ministack

TOKEN = "a-token-for-tests-only"


def digests(events: list[bytes]) -> list[str]:
    """A value that is equal for two lists with the same bytes in any order."""
    return sorted(sha256(event).hexdigest()[:16] for event in events)


class Siem(Receiver):
    """The demo's HTTP API over TLS. It requires a bearer token, can be down, and can limit requests."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.down = False
        self.limit: int | None = None
        super().__init__()
        self.socket = tls.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        """The URL to post events to."""
        return super().url.replace("http:", "https:", 1)

    def refusal(self, headers: Message) -> tuple[HTTPStatus, dict[str, str]] | None:
        """503 while the API is down; 401 without the token; 413 for more bytes than the limit."""
        if self.down:
            return HTTPStatus.SERVICE_UNAVAILABLE, {}
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return HTTPStatus.UNAUTHORIZED, {}
        if self.limit is not None and int(headers["Content-Length"]) > self.limit:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {}
        return None


class Destinations:
    """One of each kind that the template has a parameter for.

    Args:
        aws: where they are made.
        siem: the HTTP API.
    """

    def __init__(self, aws: Ministack, siem: Siem) -> None:
        self._aws = aws
        self._siem = siem
        self._drained: dict[str, list[bytes]] = {"sns": [], "sqs": []}
        aws.client("kinesis").create_stream(StreamName="events", ShardCount=2)
        sqs = aws.client("sqs")
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": f"arn:aws:sqs:{REGION}:{ACCOUNT}:subscriber",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self._queues = {
            "sns": sqs.create_queue(QueueName="subscriber", Attributes={"Policy": policy})["QueueUrl"],
            "sqs": sqs.create_queue(QueueName="copies")["QueueUrl"],
        }
        sns = aws.client("sns")
        topic = sns.create_topic(Name="oncall")["TopicArn"]
        sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=allowed["Resource"],
            Attributes={"RawMessageDelivery": "true"},
        )
        aws.client("s3").create_bucket(
            Bucket="archive", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        firehose = aws.client("firehose").create_delivery_stream(
            DeliveryStreamName="archive",
            ExtendedS3DestinationConfiguration={
                "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/firehose",
                "BucketARN": "arn:aws:s3:::archive",
            },
        )
        secret = aws.client("secretsmanager").create_secret(Name="siem-token", SecretString=TOKEN)
        self.parameters = {
            "KinesisStreamArn": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/events",
            "FirehoseArn": firehose["DeliveryStreamARN"],
            "SnsTopicArn": topic,
            "SqsQueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:copies",
            "HttpUrl": siem.url,
            "HttpSecretArn": secret["ARN"],
        }

    def arrived(self) -> dict[str, list[bytes]]:
        """Everything that has arrived since the beginning, by sink."""
        return {
            "kinesis": self._kinesis(),
            "firehose": self._firehose(),
            "sns": self._drain("sns"),
            "sqs": self._drain("sqs"),
            "http": self._siem.events,
        }

    @contextmanager
    def siem_down(self) -> Iterator[None]:
        """The HTTP API responds with 503."""
        self._siem.down = True
        try:
            yield
        finally:
            self._siem.down = False

    @contextmanager
    def siem_limit(self, size: int) -> Iterator[None]:
        """The HTTP API responds with 413 to requests of more than ``size`` bytes."""
        self._siem.limit = size
        try:
            yield
        finally:
            self._siem.limit = None

    def wait_for(
        self, expected: dict[str, list[bytes]], *, seconds: float = 60, settle: float = 2
    ) -> dict[str, list[bytes]]:
        """Waits until so many have arrived as expected, and a little longer for what should not come."""
        counts = {name: len(events) for name, events in expected.items()}
        wait(lambda: all(len(self.arrived()[name]) >= count for name, count in counts.items()), seconds)
        time.sleep(settle)
        return self.arrived()

    def _kinesis(self) -> list[bytes]:
        client = self._aws.client("kinesis")
        events: list[bytes] = []
        for shard in client.list_shards(StreamName="events")["Shards"]:
            iterator = client.get_shard_iterator(
                StreamName="events", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            response = client.get_records(ShardIterator=iterator, Limit=10_000)
            events += [record["Data"] for record in response["Records"]]
        return events

    def _firehose(self) -> list[bytes]:
        client = self._aws.client("s3")
        lines: list[bytes] = []
        for found in client.list_objects_v2(Bucket="archive").get("Contents", []):
            data: bytes = client.get_object(Bucket="archive", Key=found["Key"])["Body"].read()
            lines += [line for line in data.split(b"\n") if line]
        return lines

    def _drain(self, name: str) -> list[bytes]:
        kept = self._drained[name]
        kept += [message["Body"].encode() for message in receive(self._aws, self._queues[name])]
        return list(kept)


def receive(aws: Ministack, url: str, *, delete: bool = True) -> list[dict[str, Any]]:
    """All messages that a queue shows now, with their attributes."""
    client = aws.client("sqs")
    found: list[dict[str, Any]] = []
    while messages := client.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
        WaitTimeSeconds=0,
        **({} if delete else {"VisibilityTimeout": 3}),
    ).get("Messages", []):
        if messages[0]["MessageId"] in {message["MessageId"] for message in found}:
            break
        found += messages
        for message in messages if delete else ():
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def wait(done: Callable[[], bool], seconds: float) -> None:
    """Waits until it is so, or for so long."""
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.5)
