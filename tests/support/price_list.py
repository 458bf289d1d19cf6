"""A server on 127.0.0.1 that responds to GetProducts of AWS's Price List API, in the documented form.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html:
``PriceList`` contains each product as a string of JSON. The prices are invented.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from trailforward.demo.loopback import Handler, LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The first unit and the dollars of each tier; free tiers cost ``0``.
Tiers = tuple[tuple[str, str], ...]


def product(service: str, family: str, tiers: Tiers, **attributes: str) -> dict[str, Any]:
    """A product as in ``PriceList``. ``tiers`` are (beginRange, dollars), written in reverse order."""
    sku = "".join(sorted(set("".join(attributes.values()).upper())))[:16]
    unit = attributes.pop("unit", "Requests")
    code = f"{sku}.JRTCKXETXF"
    dimensions = {
        f"{code}.{number}": {
            "unit": unit,
            "beginRange": begin,
            "endRange": "Inf",
            "description": f"${dollars} per {unit}",
            "appliesTo": [],
            "rateCode": f"{code}.{number}",
            "pricePerUnit": {"USD": dollars},
        }
        for number, (begin, dollars) in reversed(list(enumerate(tiers)))
    }
    return {
        "product": {
            "productFamily": family,
            "attributes": {"servicecode": service, **attributes},
            "sku": sku,
        },
        "serviceCode": service,
        "terms": {"OnDemand": {code: {"priceDimensions": dimensions, "sku": sku, "termAttributes": {}}}},
        "version": "20261120000000",
        "publicationDate": "2026-11-20T00:00:00Z",
    }


def catalogue(region: str, code: str = "") -> list[dict[str, Any]]:
    """The products of a Region, and of others next to them. ``code`` begins its usage types: ``EUW1-``."""

    def one(service: str, family: str, usage: str, *dollars: str, **more: str) -> dict[str, Any]:
        tiers = tuple((str(10_000 * number), each) for number, each in enumerate(dollars))
        return product(service, family, tiers, usagetype=code + usage, regionCode=region, **more)

    def transfer(kind: str, usage: str, *dollars: str, **places: str) -> dict[str, Any]:
        tiers = tuple((str(10_240 * number), each) for number, each in enumerate(dollars))
        return product(
            "AWSDataTransfer", "Data Transfer", tiers, usagetype=usage, transferType=kind, unit="GB", **places
        )

    here = {"fromRegionCode": region, "fromLocationType": "AWS Region"}
    there = {"toRegionCode": region, "fromLocationType": "AWS Region", "toLocationType": "AWS Region"}
    zone = {**there, "fromLocationType": "AWS Wavelength Zone"}
    lambdas = ("AWSLambda", "Serverless")
    watch = "AmazonCloudWatch"
    return [
        one("AWSEvents", "EventBridge", "Event-64K-Chunks", "0.0000011", eventType="Custom Event"),
        one("AWSEvents", "EventBridge", "Event-8K-Chunks", "0.0000001", eventType="Custom Event"),
        # Two products of the same price, and one of another that another filter selects.
        one("AWSEvents", "EventBridge", "Invocation-64K-Chunks", "0.00000006", eventType="Cross-Account A"),
        one("AWSEvents", "EventBridge", "Invocation-64K-Chunks", "0.00000006", eventType="Cross-Account B"),
        transfer("InterRegion Outbound", "USE2-X-AWS-Out-Bytes", "0.02", fromRegionCode="us-east-2", **there),
        transfer(
            "InterRegion Outbound", "AFS1-X-AWS-Out-Bytes", "0.147", fromRegionCode="af-south-1", **there
        ),
        transfer("InterRegion Outbound", "WL1-X-AWS-Out-Bytes", "0.2", fromRegionCode="us-east-2", **zone),
        transfer("InterRegion Outbound", "USE2-X-AWS-In-Bytes", "0", fromRegionCode="us-east-2", **there),
        transfer("AWS Outbound", f"{code}DataTransfer-Out-Bytes", "0", "0.0914", "0.085", **here),
        one("AWSQueueService", "API Request", "Requests-RBP", "0", "0.00000044", queueType="Standard"),
        one("AWSQueueService", "API Request", "Requests-FIFO-RBP", "0.0000005", queueType="FIFO"),
        one("AmazonSNS", "API Request", "Requests-Tier1", "0", "0.00000055"),
        one("AmazonSNS", "API Request", "F-Request-Tier1", "0.0000003"),
        one(*lambdas, "Request", "0.00000021", group="AWS-Lambda-Requests"),
        one(*lambdas, "Lambda-GB-Second-ARM", "0.00001351", "0.00001", group="AWS-Lambda-Duration-ARM"),
        one(*lambdas, "Lambda-GB-Second", "0.00001677", group="AWS-Lambda-Duration"),
        one(*lambdas, "Lambda-Provisioned-GB-Second", "0.000004", group="AWS-Lambda-Duration"),
        one(watch, "Data Payload", "DataProcessing-Bytes", "0.57", unit="GB"),
        one(watch, "Data Payload", "VendedLog-Bytes", "0.25", unit="GB"),
        one(watch, "Metric", "CW:MetricMonitorUsage", "0.31", "0.10", unit="Metrics"),
        one(watch, "API Request", "CW:GMD-Metrics", "0.000011", unit="Metrics"),
        one(watch, "Alarm", "CW:AlarmMonitorUsage", "0.11", unit="Alarms", alarmType="Standard"),
        one(
            watch, "Alarm", "CW:HighResAlarmMonitorUsage", "0.30", unit="Alarms", alarmType="High Resolution"
        ),
        product(
            watch,
            "Dashboard",
            (("0", "0"), ("3", "3.10")),
            usagetype="DashboardsUsageHour",
            unit="Dashboards",
        ),
        one(
            "AmazonKinesis",
            "Kinesis Streams",
            "PutRequestPayloadUnits",
            "0.0000000155",
            operation="PutRequest",
        ),
        one(
            *("AmazonKinesisFirehose", "Kinesis Firehose", "BilledBytes", "0.031", "0.027"),
            group="Event-by-Event Processing",
            operation="PutRecord",
            unit="GB",
        ),
        one("AmazonS3", "API Request", "Requests-Tier1", "0.0000054", group="S3-API-Tier1"),
        one("AmazonS3", "API Request", "Tables-Requests-Tier1", "0.000006", group="S3-Tables-API-Tier1"),
        one("AmazonS3", "API Request", "Requests-Tier2", "0.00000043", group="S3-API-Tier2"),
        one("awskms", "API Request", "KMS-Requests", "0", "0.0000032"),
        one("awskms", "API Request", "KMS-Requests-Asymmetric", "0.000015"),
        one(
            *("AWSSecurityHub", "AWS Security Hub - Findings", "OtherProduct:PaidFindingsIngestion"),
            *("0", "0.000031"),
            findingGroup="PaidFindingsIngestion",
        ),
        one("AmazonDynamoDB", "Throughput", "ReadRequestUnits", "0.00000014", group="DDB-ReadUnits"),
        one("AmazonDynamoDB", "Throughput", "WriteRequestUnits", "0.00000071", group="DDB-WriteUnits"),
        one("AmazonDynamoDB", "IOPS", "WriteCapacityUnit-Hrs", "0.00065", group="DDB-WriteUnits"),
        one("AmazonStates", "AWS Step Functions", "StateTransition", "0", "0.000026"),
        one("AmazonStates", "AWS Step Functions", "StepFunctions-Request", "0.0000011"),
        one("AmazonStates", "AWS Step Functions", "StepFunctions-GB-Second", "0.000018", "0.000009"),
    ]


class PriceList(LoopbackServer):
    """The server.

    Args:
        products: of all Regions.
        page: products in a response; AWS gives at most 100.
    """

    def __init__(self, products: Sequence[dict[str, Any]], page: int = 100) -> None:
        self.products, self.page = list(products), page
        #: The error of every call, if any: (HTTP status, code).
        self.error: tuple[int, str] | None = None
        self.calls = 0
        super().__init__(_Call)

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self.port}"


class _Call(Handler):
    def do_POST(self) -> None:  # noqa: N802  # name required by the base class
        """GetProducts."""
        server = cast("PriceList", self.server)
        server.calls += 1
        request = json.loads(self.body())
        assert self.headers["X-Amz-Target"] == "AWSPriceListService.GetProducts"
        assert request["MaxResults"] == 100
        if server.error is not None:
            status, code = server.error
            self._send(status, {"__type": f"com.amazonaws#{code}", "Message": "by script"})
            return
        fitting = [each for each in server.products if _fits(each, request)]
        start = int(request.get("NextToken", "0"))
        end = start + server.page
        more = {"NextToken": str(end)} if end < len(fitting) else {}
        texts = [json.dumps(each) for each in fitting[start:end]]
        self._send(200, {"FormatVersion": "aws_v1", "PriceList": texts, **more})

    def _send(self, status: int, body: dict[str, Any]) -> None:
        self.respond(status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode())


def _fits(entry: dict[str, Any], request: dict[str, Any]) -> bool:
    fields = {"productFamily": entry["product"]["productFamily"], **entry["product"]["attributes"]}
    assert {wanted["Type"] for wanted in request["Filters"]} <= {"TERM_MATCH"}
    return entry["serviceCode"] == request["ServiceCode"] and all(
        fields.get(wanted["Field"]) == wanted["Value"] for wanted in request["Filters"]
    )
