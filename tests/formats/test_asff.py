"""Alerts as findings of Security Hub fit the API's model and its limits, whatever an event contains."""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import cache
from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from tests.support.alerts import CHANGED, OPENED, alert
from tests.support.events import envelope
from trailforward import EventError, Message, Origin
from trailforward.formats import asff, load
from trailforward.matched import SEVERITIES, Matched
from trailforward.testing import samples

#: Field → most characters, from the API's reference.
LIMITS = {"Id": 512, "GeneratorId": 512, "Title": 256, "Description": 1_024, "ProductArn": 2_048}


@cache
def shape() -> Any:
    """The API's model of a finding."""
    model = get_session().get_service_model("securityhub").operation_model("BatchImportFindings")
    return model.input_shape.members["Findings"].member


def characters(text: str) -> int:
    """The length in UTF-16, which is what Java counts; it is never less than the number of characters."""
    return len(text.encode("utf-16-le")) // 2


def texts(value: Any) -> list[str]:
    """Every text in a JSON value, keys included."""
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts(part)]
    return [text for part in value for text in texts(part)] if isinstance(value, list) else [value]


def finding(raw: bytes | None = None, matched: Any = (CHANGED, OPENED)) -> Any:
    """The finding that an event makes, checked against the model and the limits."""
    data = load("asff").data(alert(raw, matched))
    assert len(data) <= asff.MAX_BYTES < 240_000
    found = json.loads(data)
    report = ParamValidator().validate(found, shape())
    assert not report.has_errors(), report.generate_report()
    # The API refuses texts without a visible character.
    assert all(re.search(r".*\S.*", text) for text in texts(found))
    for name, most in LIMITS.items():
        # The sink puts the ARN of its product before the ID.
        room = len(":product/default/") + 80 if name == "Id" else 0
        assert characters(found[name]) <= most - room
    assert 1 <= len(found["Resources"]) <= 32
    assert all(characters(one["Id"]) <= 512 and characters(one["Region"]) <= 16 for one in found["Resources"])
    assert 1 <= len(found["Types"]) <= 50
    # The pattern in the API's error messages.
    assert all(re.fullmatch("TTPs(/[^/]+){0,2}", one) for one in found["Types"])
    assert len(found["ProductFields"]) <= 50
    for name, text in found["ProductFields"].items():
        assert characters(name) <= 128
        assert characters(text) <= 2_048
    assert found["Severity"]["Label"] in {"INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"}
    assert len(found["Severity"]["Original"]) <= 64
    assert datetime.fromisoformat(found["CreatedAt"]).utcoffset() is not None
    assert characters(found.get("Remediation", {}).get("Recommendation", {}).get("Text", "x")) <= 512
    assert re.fullmatch("[0-9]{12}", found["AwsAccountId"])
    return found


@pytest.mark.parametrize("sample", samples.names())
def test_every_kind_of_event_is_a_valid_finding(sample: str) -> None:
    """Every sample is a finding that the API's model accepts, with and without detections."""
    finding(samples.load(sample))
    finding(samples.load(sample), ())


def test_what_a_finding_says() -> None:
    """Title, generator, and types are of the most severe detection; links lead to event and runbook."""
    found = finding()
    assert found["Title"] == OPENED.title
    assert found["GeneratorId"] == f"trailforward/{OPENED.name}"
    assert found["Description"].startswith("dora: ec2:AuthorizeSecurityGroupIngress on sg-0d5c1e7b9a3f24680")
    assert found["Description"].endswith(OPENED.description)
    assert found["Types"] == ["TTPs/ATT&CK/T1562.007"]
    assert found["Severity"] == {"Label": "HIGH", "Original": "high"}
    # Only these can change when the same finding is imported again.
    assert found["FindingProviderFields"] == {name: found[name] for name in ("Severity", "Types")}
    assert found["Remediation"]["Recommendation"]["Url"] == OPENED.runbook
    assert "EventId=2c63888f-28f0-4481-be6d-dce7a7ace732" in found["SourceUrl"]
    assert [one["Id"] for one in found["Resources"]] == [
        "sg-0d5c1e7b9a3f24680",
        "AWS::::Account:111122223333",
    ]
    assert found["ProductFields"]["trailforward/Principal"] == "arn:aws:iam::111122223333:user/dora"
    assert CHANGED.name in found["ProductFields"]["trailforward/Detection 2"]
    assert load("asff").subject(alert()) == ""


def test_it_is_about_the_account_and_region_of_the_event() -> None:
    """Without the sink, the finding can be imported in the event's own account and Region."""
    found = finding(samples.load("security-group-opened"))
    assert found["AwsAccountId"] == "111122223333"
    assert found["ProductArn"] == "arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default"
    event = json.loads(samples.load("security-group-opened"))
    partitions = {"cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "us-isob-east-1": "aws-iso-b"}
    for region, partition in partitions.items():
        moved = finding(json.dumps({**event, "region": region}).encode())
        assert moved["ProductArn"].startswith(f"arn:{partition}:securityhub:{region}:")


@pytest.mark.parametrize(
    ("severity", "label"), [("", "MEDIUM"), *((severity, severity.upper()) for severity in SEVERITIES)]
)
def test_severities(severity: str, label: str) -> None:
    """Each severity has Security Hub's label; without one it is MEDIUM, because a finding must have one."""
    assert finding(None, [Matched("n", severity)])["Severity"]["Label"] == label


@pytest.mark.parametrize(
    ("arn", "kind"),
    [
        ("arn:aws:s3:::lake", "AwsS3Bucket"),
        ("arn:aws:s3:::lake/key", "AwsS3Object"),
        ("arn:aws:iam::111122223333:role/admin", "AwsIamRole"),
        ("arn:aws:kms:eu-west-1:111122223333:key/1", "AwsKmsKey"),
        ("arn:aws:lambda:eu-west-1:111122223333:function:f", "AwsLambdaFunction"),
        ("arn:aws:glue:eu-west-1:111122223333:job/j", "Other"),
        ("i-0123456789abcdef0", "Other"),
    ],
)
def test_types_of_resources(arn: str, kind: str) -> None:
    """Known ARNs have Security Hub's type, so that its insights count them; all others are Other."""
    found = finding(envelope(resources=[{"ARN": arn}]))["Resources"][0]
    assert (found["Id"], found["Type"]) == (arn, kind)


def test_texts_at_the_limit() -> None:
    """A text at its limit is complete; one character more, and it ends with an ellipsis."""
    for length, expected in ((256, "t" * 256), (257, "t" * 255 + "…")):
        assert finding(None, [Matched("n", title="t" * length)])["Title"] == expected
    room = 1_024 - len(finding(None, [Matched("n", description="d")])["Description"]) + 1
    assert finding(None, [Matched("n", description="d" * room)])["Description"].endswith("d" * room)
    longer = finding(None, [Matched("n", description="d" * (room + 1))])["Description"]
    assert (len(longer), longer[-1]) == (1_024, "…")
    head = len("trailforward/")
    for length, end in ((512 - head, "n"), (513 - head, "…")):
        generator = finding(None, [Matched("n" * length)])["GeneratorId"]
        assert (len(generator), generator[-1]) == (512, end)
    # Beyond U+FFFF, a character counts twice.
    assert finding(None, [Matched("n", title="𝄞" * 128)])["Title"] == "𝄞" * 128
    assert finding(None, [Matched("n", title="𝄞" * 129)])["Title"] == "𝄞" * 127 + "…"


def test_lists_at_the_limit() -> None:
    """A finding has at most 32 resources, one of them the account, and 50 types."""
    for count, kept in ((31, 31), (32, 31)):
        arns = [{"ARN": f"arn:aws:s3:::bucket-{number}"} for number in range(count)]
        resources = finding(envelope(resources=arns))["Resources"]
        assert [one["Id"] for one in resources[:-1]] == [one["ARN"] for one in arns[:kept]]
        assert resources[-1]["Type"] == "AwsAccount"
    tags = tuple(f"attack.t{number}" for number in range(1000, 1051))
    assert len(finding(None, [Matched("n", tags=tags)])["Types"]) == 50


@pytest.mark.parametrize(
    "time", ["2026-05-04T12:00:00+02:00", "2026-05-04T10:00:00Z", "", "soon", "0001-01-01T00:00:00+14:00", 5]
)
def test_times(time: Any) -> None:
    """A finding has the event's time in UTC; without a usable one, it has the time of its creation."""
    created = finding(envelope(eventTime=time))["CreatedAt"]
    assert created.endswith("Z")
    if str(time).startswith("2026"):
        assert created == "2026-05-04T10:00:00Z"


@given(text=st.text(max_size=300), times=st.integers(1, 400), count=st.integers(0, 8))
def test_any_text_stays_within_the_limits(text: str, times: int, count: int) -> None:
    """Arbitrary text in the event and in the detections never makes a finding that Security Hub refuses."""
    long = text * times
    matched = [Matched(long or "n", "high", long, long, "https://e.example.com/" + long, long, (long,) * 12)]
    event = json.loads(envelope())
    event["detail"] |= {
        "eventName": long,
        "eventID": long,
        "userAgent": long,
        "errorMessage": long,
        "requestParameters": {"id": long},
        "resources": [{"ARN": long + str(number)} for number in range(40)],
    }
    event |= {"region": long, "account": long}
    finding(json.dumps(event).encode(), matched * count)


def test_findings_of_other_products() -> None:
    """A finding of GuardDuty becomes a finding about its resource, with its severity."""
    found = finding(samples.load("guardduty-finding"), ())
    assert found["Severity"]["Label"] == "HIGH"
    assert found["Resources"][0]["Id"]
    assert found["Title"].startswith("GuardDuty: ")


def test_bytes_that_are_not_an_event() -> None:
    """Bytes that are not an event raise an error."""
    with pytest.raises(EventError):
        load("asff").data(Message(b"no json", Origin("test")))
