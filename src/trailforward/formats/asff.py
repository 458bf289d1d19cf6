"""``asff``: an alert as a finding in the AWS Security Finding Format, for Security Hub.

The finding is about the event's account. The ``securityhub`` sink writes its own account and product into it.

Sources: https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format.html and
https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from trailforward.formats import _notification
from trailforward.formats._alert import fit, techniques
from trailforward.formats._display import to_line
from trailforward.formats._resources import resource_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.formats._alert import Alert
    from trailforward.message import Message
    from trailforward.models import CloudTrailRecord, EventBridgeEvent

#: 240 KB, without the product's ARN that the sink writes into the finding.
MAX_BYTES = 239_000
#: Most characters.
MAX_TITLE = 256
MAX_DESCRIPTION = 1_024
MAX_GENERATOR = 512
MAX_RECOMMENDATION = 512
MAX_FIELD = 2_048
#: An ID has at most 512, of which the sink needs room for the product's ARN.
MAX_ID = 400
MAX_RESOURCE_ID = 512
MAX_RESOURCES = 32
MAX_TYPES = 50

#: A finding must have a severity. Without one it is medium, as a warning is in ``pagerduty``.
_NO_SEVERITY = "medium"
_ACCOUNT = re.compile("[0-9]{12}")
_REGION = re.compile("[a-z]{2,}(-[a-z]+)+-[0-9]+")
#: Start of a Region → partition (source: botocore's ``partitions.json``).
_PARTITIONS = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("eu-isoe-", "aws-iso-e"),
    ("eusc-", "aws-eusc"),
    ("", "aws"),
)
#: Start of an ARN's service and resource → Security Hub's type of the resource; others are ``Other``.
_TYPES = (
    ("cloudtrail:trail/", "AwsCloudTrailTrail"),
    ("dynamodb:table/", "AwsDynamoDbTable"),
    ("ec2:instance/", "AwsEc2Instance"),
    ("ec2:security-group/", "AwsEc2SecurityGroup"),
    ("ec2:volume/", "AwsEc2Volume"),
    ("iam:policy/", "AwsIamPolicy"),
    ("iam:role/", "AwsIamRole"),
    ("iam:user/", "AwsIamUser"),
    ("kms:key/", "AwsKmsKey"),
    ("lambda:function:", "AwsLambdaFunction"),
    ("rds:cluster:", "AwsRdsDbCluster"),
    ("rds:db:", "AwsRdsDbInstance"),
    ("secretsmanager:secret:", "AwsSecretsManagerSecret"),
    ("sns:", "AwsSnsTopic"),
    ("sqs:", "AwsSqsQueue"),
)


class Asff:
    """Converts to one finding. The most severe detection is its generator."""

    name: ClassVar = "asff"
    json: ClassVar = True
    content_type: ClassVar = "application/json"

    def data(self, message: Message) -> bytes:
        """The finding in UTF-8, at most 239,000 bytes.

        Raises:
            EventError: the message is not an event.
        """
        event, record = _notification.read(message)
        place = _place(event, record)
        report = _notification.finding_of(event, record)
        names = [report.resource] if report else resource_names(record)
        return fit(message, lambda found: _value(found, place, names), MAX_BYTES)

    def subject(self, message: Message) -> str:  # noqa: ARG002
        """Always empty: the format is for machines."""
        return ""


class _Place(NamedTuple):
    """Where the event happened, as far as it is known."""

    partition: str
    region: str
    account: str


def _place(event: EventBridgeEvent, record: CloudTrailRecord) -> _Place:
    accounts = map(to_line, (event.account, record.recipient_account_id))
    account = next(filter(_ACCOUNT.fullmatch, accounts), "000000000000")
    region = to_line(event.region)
    region = region if _REGION.fullmatch(region) else "us-east-1"
    partition = next(name for start, name in _PARTITIONS if region.startswith(start))
    return _Place(partition, region, account)


def _value(found: Alert, place: _Place, names: list[str]) -> dict[str, Any]:
    first = found.detections[0] if found.detections else None
    severity = {"Label": (found.severity or _NO_SEVERITY).upper(), "Original": found.severity or "none"}
    tags = [tag for one in found.detections for tag in techniques(one.matched.tags)]
    types = [f"TTPs/ATT&CK/{technique}" for technique in dict.fromkeys(tags)][:MAX_TYPES] or ["TTPs"]
    time = _time(found.time)
    why = f". {first.description}" if first and first.description else ""
    value: dict[str, Any] = {
        "SchemaVersion": "2018-10-08",
        # Records of several accounts may have the same event ID.
        "Id": _cut(f"trailforward/{place.account}/{found.key}", MAX_ID),
        "ProductArn": "arn:{0}:securityhub:{1}:{2}:product/{2}/default".format(*place),
        "ProductName": "trailforward",
        "CompanyName": "trailforward",
        "AwsAccountId": place.account,
        "GeneratorId": _cut(
            f"trailforward/{to_line(first.matched.name, MAX_GENERATOR)}" if first else "trailforward",
            MAX_GENERATOR,
        ),
        "CreatedAt": time,
        "UpdatedAt": time,
        "Title": _cut(found.title or found.headline, MAX_TITLE),
        "Description": _cut(f"{found.headline}{why}", MAX_DESCRIPTION),
        # The first import may set Severity and Types itself, but updates only change the provider's fields.
        "FindingProviderFields": {"Severity": severity, "Types": types},
        "Severity": severity,
        "Types": types,
        "Resources": _resources(place, names),
        "ProductFields": dict(_fields(found, place)),
    }
    if found.link:
        value["SourceUrl"] = found.link
    if runbook := next((one for one in found.detections if one.runbook), None):
        text = _cut(f"Runbook: {runbook.title}", MAX_RECOMMENDATION)
        value["Remediation"] = {"Recommendation": {"Text": text, "Url": runbook.runbook}}
    return value


def _resources(place: _Place, names: list[str]) -> list[dict[str, str]]:
    """The resources, most affected first, and the account."""
    about = {"Partition": place.partition, "Region": place.region}
    unique = dict.fromkeys(filter(None, (_cut(name, MAX_RESOURCE_ID) for name in names)))
    found = [{"Type": _type(name), "Id": name, **about} for name in list(unique)[: MAX_RESOURCES - 1]]
    return [*found, {"Type": "AwsAccount", "Id": f"AWS::::Account:{place.account}", **about}]


def _type(name: str) -> str:
    parts = name.split(":", 5)
    if parts[0] != "arn" or len(parts) != 6:  # noqa: PLR2004  # the six parts of an ARN
        return "Other"
    if parts[2] == "s3":
        return "AwsS3Object" if "/" in parts[5] else "AwsS3Bucket"
    what = f"{parts[2]}:{parts[5]}"
    return next((kind for start, kind in _TYPES if what.startswith(start)), "Other")


def _fields(found: Alert, place: _Place) -> Iterator[tuple[str, str]]:
    """At most 50 names and values: what the other parts of a finding do not hold."""
    yield "trailforward/Account", place.account
    yield "trailforward/Region", place.region
    for number, one in enumerate(found.detections, 1):
        about = f" ({one.about})" if one.about else ""
        yield f"trailforward/Detection {number}", _cut(f"{one.heading}{about}", MAX_FIELD)
    if found.more:
        yield "trailforward/Detections left out", str(found.more)
    for name, text in found.details:
        if text and name != "Resource":
            yield f"trailforward/{name}", _cut(text, MAX_FIELD)


def _time(text: str) -> str:
    """The event's time, or else now: a finding must have one, in RFC 3339."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else datetime.now(UTC)
    except (OverflowError, ValueError):
        moment = datetime.now(UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _cut(text: str, most: int) -> str:
    """The text with at most so many characters as AWS counts them: one beyond U+FFFF counts twice."""
    data = text.encode("utf-16-le", "replace")
    if len(data) <= 2 * most:
        return text
    return data[: 2 * (most - 1)].decode("utf-16-le", "ignore") + "…"
