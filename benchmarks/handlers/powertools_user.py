"""The handler of a careful Powertools user: parsed events, batches, error handling, logs, and metrics.

Powertools' BatchProcessor processes records one by one, so code that sends batches needs its own loop.
"""

import json
import os

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import ValidationError, parse
from aws_lambda_powertools.utilities.parser.models import EventBridgeModel

logger = Logger(service="forwarder")
metrics = Metrics(namespace="forwarder", service="forwarder")
kinesis = boto3.client("kinesis")

CHUNK = 500


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    if "Records" not in event:
        parsed = parse(event=event, model=EventBridgeModel)
        if put([("", {"Data": json.dumps(event), "PartitionKey": parsed.id})]):
            raise RuntimeError("not delivered")
        return None
    failed, entries = [], []
    for record in event["Records"]:
        try:
            parsed = parse(event=record["body"], model=EventBridgeModel)
        except ValidationError:
            logger.exception("not an event", message_id=record["messageId"])
            failed.append(record["messageId"])
        else:
            entries.append((record["messageId"], {"Data": record["body"], "PartitionKey": parsed.id}))
    for start in range(0, len(entries), CHUNK):
        failed += put(entries[start : start + CHUNK])
    metrics.add_metric(name="received", unit=MetricUnit.Count, value=len(event["Records"]))
    metrics.add_metric(name="returned", unit=MetricUnit.Count, value=len(failed))
    return {"batchItemFailures": [{"itemIdentifier": ident} for ident in failed]}


def put(entries):
    """Sends one chunk, and returns the IDs of the refused entries."""
    response = kinesis.put_records(StreamName=os.environ["STREAM"], Records=[entry for _, entry in entries])
    if not response["FailedRecordCount"]:
        return []
    refused = [
        (ident, result["ErrorCode"])
        for (ident, _), result in zip(entries, response["Records"], strict=True)
        if "ErrorCode" in result
    ]
    logger.warning("refused", codes=sorted({code for _, code in refused}), count=len(refused))
    return [ident for ident, _ in refused]
