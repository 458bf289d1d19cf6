"""Reads an existing SQS queue or Kinesis stream."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any

from trailforward.arn import Arn
from trailforward.tail.taps import TapError, receive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: GetRecords may be called five times a second for a shard, by all consumers together.
_POLL_SECONDS = 1.0


def open_existing(
    where: str, client: Callable[[str, str], Any], *, consume: bool
) -> Callable[[float], Iterator[dict[str, Any]]]:
    """A function that waits for the next records of a queue or stream, in the form of a Lambda payload.

    Its argument says how long it may wait, in seconds.

    Args:
        where: ARN.
        client: creates a botocore client from a service and a Region.
        consume: whether the messages of a queue may be deleted.

    Raises:
        TapError: the ARN names something else, or a queue without ``consume``.
        ClientError: a call was rejected.
    """
    try:
        arn = Arn.parse(where)
    except ValueError as error:
        raise TapError(f"{where}: {error}") from None
    if arn.service == "kinesis":
        return _Stream(client("kinesis", arn.region), where)
    if arn.service != "sqs":
        raise TapError(f"{where}: not the ARN of an SQS queue or a Kinesis stream")
    if not consume:
        raise TapError(
            f"{where}: reading a queue takes its messages away from its other readers. "
            "Fix: add --consume to delete each message after it was shown"
        )
    sqs = client("sqs", arn.region)
    url = sqs.get_queue_url(QueueName=arn.resource, QueueOwnerAWSAccountId=arn.account)["QueueUrl"]
    return lambda seconds: (
        as_record(message, where) for message in receive(sqs, url, wait=max(1, min(20, int(seconds))))
    )


def as_record(message: dict[str, Any], arn: str) -> dict[str, Any]:
    """A received message of SQS in the form of a Lambda payload's record."""
    return {
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "messageId": message["MessageId"],
        "body": message["Body"],
        "attributes": {},
        "messageAttributes": {},
    }


class _Stream:
    """The new records of all shards."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn
        self._iterators: dict[str, str] = {}
        for page in client.get_paginator("list_shards").paginate(StreamARN=arn):
            for shard in page["Shards"]:
                self._iterators[shard["ShardId"]] = client.get_shard_iterator(
                    StreamARN=arn, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
                )["ShardIterator"]

    def __call__(self, seconds: float) -> Iterator[dict[str, Any]]:
        for shard, iterator in list(self._iterators.items()):
            response = self._client.get_records(ShardIterator=iterator, StreamARN=self._arn)
            following = response.get("NextShardIterator")
            if following:
                self._iterators[shard] = following
            else:  # the shard was split or merged
                self._open_children(shard, response.get("ChildShards", ()))
            for record in response["Records"]:
                yield {
                    "eventSource": "aws:kinesis",
                    "eventSourceARN": self._arn,
                    "eventID": f"{shard}:{record['SequenceNumber']}",
                    "kinesis": {
                        "data": base64.b64encode(record["Data"]).decode(),
                        "sequenceNumber": record["SequenceNumber"],
                        "partitionKey": record["PartitionKey"],
                    },
                }
        time.sleep(max(0.0, min(_POLL_SECONDS, seconds)))

    def _open_children(self, shard: str, children: Any) -> None:
        del self._iterators[shard]
        for child in children:
            self._iterators.setdefault(
                child["ShardId"],
                self._client.get_shard_iterator(
                    StreamARN=self._arn, ShardId=child["ShardId"], ShardIteratorType="TRIM_HORIZON"
                )["ShardIterator"],
            )
