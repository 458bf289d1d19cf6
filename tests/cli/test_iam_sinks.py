"""``trailforward iam``: the least privilege for each sink."""

from __future__ import annotations

import pytest

from trailforward import Config
from trailforward.cli.iam import policy

REFERENCE = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:siem-AbCdEf"
BUS = "arn:aws:events:us-west-2:123456789012:event-bus/security"
FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function:remediate:live"
MACHINE = "arn:aws:states:us-west-2:111122223333:stateMachine:remediate"
GROUP = "arn:aws:logs:us-west-2:111122223333:log-group:/security/cloudtrail"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            f'to = "{BUS}"',
            {"EventBridge": ("events:PutEvents", BUS), "BusIsThere": ("events:DescribeEventBus", BUS)},
        ),
        (f'to = "{BUS}"\ncheck_bus = false', {"EventBridge": ("events:PutEvents", BUS)}),
        (f'to = "{GROUP}:*"', {"LogGroups": (["logs:CreateLogStream", "logs:PutLogEvents"], f"{GROUP}:*")}),
        (
            'to = "s3://lake/trail?region=cn-north-1"',
            {"S3": ("s3:PutObject", "arn:aws-cn:s3:::lake/trail/*")},
        ),
        ('to = "s3://lake?region=eu-west-1"', {"S3": ("s3:PutObject", "arn:aws:s3:::lake/*")}),
        (f'to = "{FUNCTION}"', {"Lambda": ("lambda:InvokeFunction", FUNCTION)}),
        (f'to = "{MACHINE}"', {"StepFunctions": ("states:StartExecution", MACHINE)}),
        (
            f'to = "https://splunk.example.com"\npreset = "splunk-hec"\nsecret = "{REFERENCE}"',
            {"Secrets": ("secretsmanager:GetSecretValue", REFERENCE)},
        ),
    ],
)
def test_each_sink_gets_the_actions_it_uses_on_its_resource(
    lines: str, expected: dict[str, tuple[str, str]]
) -> None:
    """The only wildcards are for the objects under a prefix and the streams of a log group."""
    document, notes = policy(Config.from_toml(f"[sinks.a]\n{lines}\n"))
    found = {each["Sid"]: (each["Action"], each["Resource"]) for each in document["Statement"]}
    assert found == expected
    assert notes == []
