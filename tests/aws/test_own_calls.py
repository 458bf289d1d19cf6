"""Every sink states the AWS calls that it makes; records are compared with them, resource by resource."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from tests.pipeline.test_loops import DESTINATIONS, SECRET
from trailforward import sinks
from trailforward.aws import client as aws_client
from trailforward.aws.own_calls import OwnCall, OwnCalls
from trailforward.config import Config
from trailforward.config.fetch import fetch_calls
from trailforward.errors import PermanentError, SinkError
from trailforward.sinks.base import Entry
from trailforward.sinks.settings import SinkSettings

#: Sink type → the calls of its send.
CALLS = {
    "kinesis": {"PutRecords"},
    "firehose": {"PutRecordBatch"},
    "sns": {"PublishBatch"},
    "sqs": {"SendMessageBatch"},
    "eventbridge": {"DescribeEventBus", "PutEvents"},
    "eventbridge-v2": {"PutRawEvents"},
    "logs": {"PutLogEvents", "CreateLogStream"},
    "s3": {"PutObject"},
    "securityhub": {"BatchImportFindings"},
    "lambda": {"Invoke"},
    "stepfunctions": {"StartExecution"},
    "http": set(),
    "file": set(),
    "stdout": set(),
}


@pytest.mark.parametrize("name", sinks.BUILT_IN)
def test_every_sink_states_its_calls(name: str) -> None:
    """The settings of each sink have a list of their own, with ARNs: a sink without one would feed itself."""
    kind = sinks.load(name).Settings
    assert next(base for base in kind.__mro__ if "own_calls" in vars(base)) is not SinkSettings
    stated = kind(to=DESTINATIONS[name]).own_calls
    OwnCalls(stated)
    assert {event_name for call in stated for event_name in call.names} >= CALLS[name]
    assert all(call.source.endswith(".amazonaws.com") for call in stated)


@pytest.mark.parametrize("name", [name for name, calls in CALLS.items() if calls])
def test_what_a_sink_calls_is_what_it_states(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink sends, and every operation that it calls, on every path, is in its list."""
    called: list[str] = []

    def call(_client: Any, operation: str, **_: Any) -> dict[str, Any]:
        called.append("".join(map(str.capitalize, operation.split("_"))))
        if called[-1] == "PutLogEvents":
            raise PermanentError("ResourceNotFoundException", "by script")
        return {}

    monkeypatch.setattr(aws_client.Client, "call", call)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    kind: Any = sinks.load(name)
    settings = kind.Settings(to=DESTINATIONS[name])
    sink = kind(settings)
    with suppress(SinkError):
        sink.send([Entry(b"{}", "key", time="2026-05-04T09:15:00Z")])
    assert set(called) == CALLS[name]
    stated = {event_name for call in settings.own_calls for event_name in call.names}
    assert set(called) <= stated


@pytest.mark.parametrize(
    "auth",
    [
        '{ type = "bearer", secret = "SECRET" }',
        '{ type = "header", name = "X-Key", secret = "SECRET#token" }',
        '{ type = "basic", username = "u", secret = "SECRET" }',
    ],
)
def test_an_http_sink_reads_its_secret(auth: str) -> None:
    """Each way of showing a secret states the call that reads it, in Secrets Manager and Parameter Store."""
    parameter = "arn:aws:ssm:us-west-2:111122223333:parameter/siem"
    for reference, call in (
        (SECRET, ("secretsmanager.amazonaws.com", ("GetSecretValue",), SECRET)),
        (parameter, ("ssm.amazonaws.com", ("GetParameter",), parameter)),
    ):
        toml = f'[sinks.x]\nto = "https://siem.example.com/"\nauth = {auth.replace("SECRET", reference)}\n'
        assert Config.from_toml(toml).sinks["x"].own_calls == (OwnCall(*call),)


def test_signed_requests_are_stated_to_make_no_call() -> None:
    """CloudTrail does not record the requests of a sink that signs with SigV4."""
    auth = '{ type = "sigv4", region = "eu-west-1", service = "execute-api" }'
    toml = f'[sinks.x]\nto = "https://x.execute-api.eu-west-1.amazonaws.com/"\nauth = {auth}\n'
    assert Config.from_toml(toml).sinks["x"].own_calls == ()


@pytest.mark.parametrize(
    ("where", "call"),
    [
        ("", None),
        ("/etc/trailforward.toml", None),
        ("ssm:/a/b", ("ssm.amazonaws.com", ("GetParameter",), "arn:aws:ssm:eu-west-1::parameter/a/b")),
        ("ssm:name", ("ssm.amazonaws.com", ("GetParameter",), "arn:aws:ssm:eu-west-1::parameter/name")),
        (
            "ssm:arn:aws:ssm:us-east-1:111122223333:parameter/x",
            ("ssm.amazonaws.com", ("GetParameter",), "arn:aws:ssm:us-east-1:111122223333:parameter/x"),
        ),
        (
            " s3://bucket/key?owner=111122223333 ",
            ("s3.amazonaws.com", ("GetObject",), "arn:aws:s3:::bucket/key"),
        ),
    ],
)
def test_fetching_the_configuration(where: str, call: tuple[Any, ...] | None) -> None:
    """What ``TRAILFORWARD_CONFIG`` names is read by one call on exactly that parameter or object."""
    assert fetch_calls(where, "eu-west-1") == ([] if call is None else [OwnCall(*call)])


def test_fetching_the_configuration_without_an_owner_asks_sts() -> None:
    """Without ``?owner=``, STS names the function's account, and that call is the pipeline's own, too."""
    names = [call.names for call in fetch_calls("s3://bucket/key", "eu-west-1")]
    assert names == [("GetObject",), ("GetCallerIdentity",)]


def test_a_call_in_the_own_account_waits_for_the_account() -> None:
    """A resource without an account counts once an invocation has said which account that is."""
    calls = OwnCalls(
        [OwnCall("ssm.amazonaws.com", ("GetParameter",), "arn:aws:ssm:eu-west-1::parameter/a/b")]
    )
    record = {
        "eventSource": "ssm.amazonaws.com",
        "eventName": "GetParameter",
        "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333",
        "requestParameters": {"name": "/a/b"},
    }
    assert record not in calls
    calls.resolve("111122223333")
    assert record in calls
    assert {**record, "recipientAccountId": "123456789012"} not in calls


def test_what_is_not_an_arn_is_refused() -> None:
    """A resource must be an ARN, or a star."""
    with pytest.raises(ValueError, match="six parts"):
        OwnCalls([OwnCall("ssm.amazonaws.com", ("GetParameter",), "a/b")])


def lookup(name: str, resource: str, **record: Any) -> bool:
    """Whether a record is of the one call ``SERVICE:EVENT`` on a resource."""
    service, _, event_name = name.partition(":")
    source = f"{service}.amazonaws.com"
    place = {"awsRegion": "eu-west-1", "recipientAccountId": "111122223333"}
    calls = OwnCalls([OwnCall(source, (event_name,), resource)])
    return {"eventSource": source, "eventName": event_name, **place, **record} in calls


BUS = "arn:aws:events:eu-west-1:111122223333:event-bus/security"
PARAMETERS = "arn:aws:ssm:eu-west-1:111122223333:parameter/app/*"


@pytest.mark.parametrize(
    ("names", "own"),
    [
        (["/app/a", "/app/b"], True),
        (["/app/a", "/prod/b"], False),
        (["/app/a", f"{PARAMETERS[:-1]}b"], True),
        ([], False),
        (["/app/a"] * 101, False),
    ],
)
def test_every_name_of_a_list_counts(names: list[str], *, own: bool) -> None:
    """GetParameters is own if all its parameters are, and there are not too many to look at."""
    assert lookup("ssm:GetParameters", PARAMETERS, requestParameters={"names": names}) is own


@pytest.mark.parametrize(
    ("entries", "own"),
    [
        ([{"eventBusName": BUS}, {"eventBusName": "security"}], True),
        ([{"eventBusName": BUS}, {"eventBusName": "default"}], False),
        ([{"eventBusName": BUS}] * 101, False),
        ([3, {}], False),
    ],
)
def test_every_bus_of_put_events_counts(entries: list[Any], *, own: bool) -> None:
    """PutEvents is own if every entry that names a bus names the pipeline's."""
    assert lookup("events:PutEvents", BUS, requestParameters={"entries": entries}) is own


PRODUCT = "arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default"
OTHER_PRODUCT = "arn:aws:securityhub:eu-west-1::product/prowler/prowler"


@pytest.mark.parametrize(
    ("findings", "own"),
    [
        ([{"ProductArn": PRODUCT}, {"ProductArn": PRODUCT}], True),
        ([{"ProductArn": PRODUCT}, {"ProductArn": OTHER_PRODUCT}], False),
        ([{"ProductArn": PRODUCT}] * 101, False),
        ([3, {}], False),
    ],
)
def test_every_product_of_an_import_counts(findings: list[Any], *, own: bool) -> None:
    """BatchImportFindings is own if every finding is of the pipeline's product."""
    record = {"requestParameters": {"Findings": findings}}
    assert lookup("securityhub:BatchImportFindings", PRODUCT, **record) is own


def test_a_refused_import_that_names_no_product_is_own() -> None:
    """A refused import is own even if its record lacks the request, or each refusal would cause another."""
    assert lookup(
        "securityhub:BatchImportFindings", PRODUCT, errorCode="AccessDenied", requestParameters=None
    )


def test_services_that_are_not_known_name_resources_by_arn() -> None:
    """Of other services ``resources`` counts, in either spelling, and every parameter that is an ARN."""
    table = "arn:aws:elasticache:eu-west-1:111122223333:cluster:state"
    assert lookup("elasticache:Connect", table, resources=[{"arn": table}])
    assert lookup("elasticache:Connect", table, resources=[{"ARN": table}, 3, {"ARN": "x"}])
    assert not lookup("elasticache:Connect", table, resources=[{"ARN": table}, {"ARN": table + "2"}])
    assert lookup("elasticache:Connect", table, requestParameters={"clusterName": table, "n": 1})
    assert not lookup(
        "elasticache:Connect", table, requestParameters={"clusterName": table + "2", "note": table}
    )
    assert not lookup("elasticache:Connect", table, requestParameters={"clusterName": "state"})
