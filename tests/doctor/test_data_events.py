"""The table of data events: where each entry comes from, and what follows from it."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest

from tests.doctor.worlds import HERE, MEMBER, ask, direct, said
from trailforward import sinks
from trailforward.doctor import Call
from trailforward.doctor.world.data_events import category_of, data_events, resource_type

TABLE = tomllib.loads(files("trailforward.doctor.world").joinpath("data_events.toml").read_text("utf-8"))
ENTRIES = [*TABLE["service"], TABLE["unlisted"]]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.get("service", "unlisted"))
def test_every_entry_names_its_source(entry: dict[str, str]) -> None:
    """Each entry names a page of AWS, how sure it is, and what could not be verified, if anything."""
    assert entry["source"].startswith("https://docs.aws.amazon.com/")
    assert entry["evidence"] in {"documented", "uncertain"}
    assert bool(entry.get("missing")) is (entry["evidence"] == "uncertain" or "open" in entry)


def test_every_service_has_one_entry() -> None:
    """No service is listed twice, so an entry is the only place to look."""
    names = [row.service for row in data_events()] + TABLE["unlisted"]["services"]
    assert len(set(names)) == len(names)
    assert all(name.endswith(".amazonaws.com") for name in names)


@pytest.mark.parametrize("row", data_events(), ids=lambda row: row.service)
def test_calls_that_are_documented_are_named(row: object) -> None:
    """A documented entry names its calls; a wildcard alone is only allowed for what is open or management."""
    assert "*" not in row.data  # type: ignore[attr-defined]
    assert row.type.startswith("AWS::") or row.type == ""  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("call", "category"),
    [
        ("s3:PutObject", "Data"),
        ("s3:PutBucketPolicy", "Management"),
        ("s3:GetObjectLockConfiguration", "Management"),
        ("s3:GetObjectLegalHold", None),  # not on the copy of the page
        ("s3:SomethingNew", None),
        ("ebs:PutSnapshotBlock", "Data"),
        ("ebs:StartSnapshot", "Management"),
        ("lambda:Invoke", "Data"),
        ("lambda:InvokeAsync", None),
        ("lambda:CreateFunction20150331", "Management"),
        ("cognito-identity:GetCredentialsForIdentity", "Data"),
        ("cognito-identity:GetId", None),
        ("ssm:PutParameter", "Management"),
        ("ssm:RequestManagedInstanceRoleToken", "Data"),
        ("events:PutEvents", "Data"),
        ("events:PutRule", "Management"),
        ("firehose:PutRecordBatch", "Data"),
        ("logs:PutLogEvents", None),
        ("logs:CreateLogGroup", "Management"),
        ("ecs:Poll", None),
        ("ecs:CreateCluster", "Management"),
        ("xray:PutTraceSegments", None),
        ("ec2:RunInstances", "Management"),
    ],
)
def test_categories(call: str, category: str | None) -> None:
    """Data events, management events, and what could not be verified are told apart by name."""
    service, _, name = call.partition(":")
    assert category_of(f"{service}.amazonaws.com", name) == category


def test_what_could_not_be_verified_is_unknown_only_if_it_matters() -> None:
    """A call whose category is open is unknown with a management trail, and certain where both are alike."""
    asked = Call.model_validate(
        {
            "account": MEMBER, "region": HERE, "service": "logs.amazonaws.com", "eventName": "PutLogEvents",
            "readOnly": False,
        }
    )  # fmt: skip
    assert asked.category == ""
    fields = {"service": asked.service, "source": "aws.logs", "eventName": asked.event_name, "category": ""}
    assert said(ask(direct(), **fields))[:2] == ("unknown", "CATEGORY_UNCERTAIN")
    assert said(ask(direct(rules=[]), **fields))[:2] == (False, "NO_RULE")


def test_every_delivery_of_a_sink_is_in_the_table() -> None:
    """What the sinks call is in the table, so that the doctor knows which selector records it."""
    places = {
        "kinesis": "kinesis:eu-west-1:111122223333:stream/s",
        "firehose": "firehose:eu-west-1:111122223333:deliverystream/s",
        "sns": "sns:eu-west-1:111122223333:t",
        "sqs": "sqs:eu-west-1:111122223333:q",
        "eventbridge": "events:eu-west-1:111122223333:event-bus/b",
    }
    for kind, place in places.items():
        made = sinks.load(kind).Settings(to=f"arn:aws:{place}").own_calls[0]
        assert category_of(made.source, made.names[0]) == "Data"
        assert resource_type(made.source)
