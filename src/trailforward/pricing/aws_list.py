"""Where the price list of AWS has each price: service code, filters of GetProducts, and usage type.

Sources: the product filters of infracost (https://github.com/infracost/infracost, internal/resources/aws),
the attributes in https://docs.aws.amazon.com/cur/latest/userguide/product-columns.html, and copies of the
list. The filters were never tried on AWS; a price that they do not find is marked in the output.
Usage types begin with a code of the Region, in us-east-1 often without one, so only their ends are compared.
"""

from __future__ import annotations

from typing import NamedTuple

_MILLION = 1_000_000


class Query(NamedTuple):
    """One price in the price list of AWS.

    Attributes:
        service: the service code.
        filters: attribute → value, for GetProducts.
        usage: the end of the usage type.
        units: how many units of the list are one unit of ours.
        region: the attribute that contains the Region; empty if the product is the same in all Regions.
        spread: whether several products are expected, from the lowest to the highest price.
    """

    service: str
    filters: dict[str, str]
    usage: str
    units: int = 1
    region: str = "regionCode"
    spread: bool = False


def _cloudwatch(usage: str, units: int = 1, **filters: str) -> Query:
    return Query("AmazonCloudWatch", filters, usage, units)


def _function(group: str, usage: str, units: int = 1) -> Query:
    return Query("AWSLambda", {"group": group}, usage, units)


#: Name in ``prices.toml`` → where it is in the list. What is not here has no product of its own there.
QUERIES = {
    "hop": Query("AWSEvents", {"eventType": "Custom Event"}, "Event-64K-Chunks", _MILLION),
    "cross-account": Query("AWSEvents", {}, "Invocation-64K-Chunks", _MILLION),
    # Into the Region of the stack, from every other Region.
    "transfer": Query(
        "AWSDataTransfer",
        {
            "transferType": "InterRegion Outbound",
            "fromLocationType": "AWS Region",
            "toLocationType": "AWS Region",
        },
        "AWS-Out-Bytes",
        region="toRegionCode",
        spread=True,
    ),
    "internet": Query(
        "AWSDataTransfer",
        {"transferType": "AWS Outbound"},
        "DataTransfer-Out-Bytes",
        region="fromRegionCode",
    ),
    # In us-east-1 Requests-RBP, elsewhere Requests-Tier1: the type of the queue selects the product.
    "queue": Query("AWSQueueService", {"queueType": "Standard"}, "", _MILLION),
    "topic": Query("AmazonSNS", {"productFamily": "API Request"}, "Requests-Tier1", _MILLION),
    "invocation": _function("AWS-Lambda-Requests", "Request", _MILLION),
    "arm64": _function("AWS-Lambda-Duration-ARM", "Lambda-GB-Second-ARM"),
    "x86_64": _function("AWS-Lambda-Duration", "Lambda-GB-Second"),
    "logs": _cloudwatch("DataProcessing-Bytes", productFamily="Data Payload"),
    "metric": _cloudwatch("CW:MetricMonitorUsage", productFamily="Metric"),
    "metric-data": _cloudwatch("CW:GMD-Metrics", 1_000, productFamily="API Request"),
    "alarm": _cloudwatch("CW:AlarmMonitorUsage", productFamily="Alarm", alarmType="Standard"),
    "dashboard": Query("AmazonCloudWatch", {"productFamily": "Dashboard"}, "DashboardsUsageHour", region=""),
    "stream": Query("AmazonKinesis", {"operation": "PutRequest"}, "PutRequestPayloadUnits", _MILLION),
    "firehose": Query("AmazonKinesisFirehose", {"operation": "PutRecord"}, "BilledBytes"),
    "put": Query("AmazonS3", {"group": "S3-API-Tier1"}, "Requests-Tier1", _MILLION),
    "get": Query("AmazonS3", {"group": "S3-API-Tier2"}, "Requests-Tier2", _MILLION),
    "decrypt": Query("awskms", {}, "KMS-Requests", _MILLION),
    "finding": Query(
        "AWSSecurityHub",
        {"findingGroup": "PaidFindingsIngestion"},
        "OtherProduct:PaidFindingsIngestion",
        _MILLION,
    ),
    "transition": Query("AmazonStates", {}, "StateTransition", _MILLION),
    "express": Query("AmazonStates", {}, "StepFunctions-Request", _MILLION),
    "express-memory": Query("AmazonStates", {}, "StepFunctions-GB-Second"),
    "table-read": Query("AmazonDynamoDB", {"group": "DDB-ReadUnits"}, "ReadRequestUnits", _MILLION),
    "table-write": Query("AmazonDynamoDB", {"group": "DDB-WriteUnits"}, "WriteRequestUnits", _MILLION),
}
