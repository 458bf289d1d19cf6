"""The blog post's handler with one client for all invocations."""

import json
import os

import boto3

client = boto3.client("kinesis")


def handler(event, context):
    client.put_record(StreamName=os.environ["STREAM"], Data=json.dumps(event), PartitionKey="cloudtrail")
