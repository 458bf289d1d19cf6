"""The handler of most articles: a client per invocation, one event per call, one key for all events."""

import json
import os

import boto3


def handler(event, context):
    client = boto3.client("kinesis")
    client.put_record(StreamName=os.environ["STREAM"], Data=json.dumps(event), PartitionKey="cloudtrail")
