"""API destinations: read live, and judged by the state of their connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.doctor.worlds import HERE, MEMBER, ROLE, ask, direct, hub, resource, role, rule
from trailforward.doctor.discover import discover

if TYPE_CHECKING:
    from trailforward.doctor import World

REGION = "eu-south-2"


def verdict(api: dict[str, Any] | None, **more: Any) -> Any:
    """The verdict on a write call whose rule leads to an API destination in some state."""
    arn = f"arn:aws:events:{HERE}:{MEMBER}:api-destination/siem/1"
    target = {"id": "t", "arn": arn, "role": ROLE}
    world = direct(
        rules=[rule(targets=[target])],
        roles=[role(allow=[{"action": "events:InvokeApiDestination", "resource": arn}])],
        resources=[resource(arn=arn, policy=[], **({"apiDestination": api} if api else {}), **more)],
        destinations=[arn],
    )
    return ask(world)


@pytest.mark.parametrize(
    ("api", "expected"),
    [
        (None, (True, "OK")),
        ({"state": "ACTIVE", "connection": "c", "connectionState": "AUTHORIZED"}, (True, "OK")),
        ({"state": "MISSING"}, (False, "TARGET_MISSING")),
        ({"state": "INACTIVE"}, (False, "API_DESTINATION_INACTIVE")),
        (
            {"state": "INACTIVE", "connection": "c", "connectionState": "DEAUTHORIZED", "reason": "401"},
            (False, "API_DESTINATION_INACTIVE"),
        ),
        (
            {"state": "ACTIVE", "connection": "c", "connectionState": "FAILED_CONNECTIVITY"},
            (False, "API_DESTINATION_INACTIVE"),
        ),
        ({"state": "ACTIVE", "connectionState": "AUTHORIZING"}, ("unknown", "API_DESTINATION_CHANGING")),
        ({"state": "ACTIVE", "connectionState": "A_NEW_STATE"}, ("unknown", "API_DESTINATION_CHANGING")),
    ],
)
def test_an_api_destination_is_as_good_as_its_connection(
    api: dict[str, Any] | None, expected: tuple[Any, str]
) -> None:
    """A connection that is not authorized breaks the path; states on the way are unknown."""
    found = verdict(api)
    assert (found.reaches, found.code) == expected


def test_the_reason_of_a_connection_is_shown() -> None:
    """The finding names the connection, its state, and AWS's reason."""
    api = {"state": "INACTIVE", "connection": "siem", "connectionState": "DEAUTHORIZED", "reason": "401"}
    assert "its connection siem is DEAUTHORIZED (401)" in verdict(api).why


def test_a_connection_that_was_not_read_is_unknown() -> None:
    """Without the permission to read the connection, nothing is claimed."""
    found = verdict({"state": "ACTIVE"}, unread={"connection": "events:DescribeConnection: AccessDenied"})
    assert (found.reaches, found.code) == ("unknown", "NOT_SEEN")


@pytest.mark.usefixtures("local_aws")
def test_an_api_destination_is_read_with_its_connection() -> None:
    """A live run reads the states of an API destination that a rule leads to, and notices that it is gone."""
    events = boto3.client("events", region_name=REGION)
    connection = events.create_connection(
        Name="siem",
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "key", "ApiKeyValue": "value"}},
    )["ConnectionArn"]
    arn = events.create_api_destination(
        Name="siem",
        ConnectionArn=connection,
        InvocationEndpoint="https://siem.example.com/in",
        HttpMethod="POST",
    )["ApiDestinationArn"]
    events.put_rule(Name="to-siem", EventPattern='{"source":[{"prefix":"aws."}]}')
    events.put_targets(Rule="to-siem", Targets=[{"Id": "t", "Arn": arn, "RoleArn": ROLE}])

    def read() -> Any:
        world: World = discover(regions=[REGION], destinations=[arn]).world
        (found,) = (one for one in world.resources if one.arn == arn)
        return found.api_destination

    assert (read().state, read().connection, read().connection_state) == ("ACTIVE", "siem", "AUTHORIZED")
    events.delete_api_destination(Name="siem")
    assert read().state == "MISSING"
    events.remove_targets(Rule="to-siem", Ids=["t"])
    events.delete_rule(Name="to-siem")


@pytest.mark.parametrize(("dlq", "warned"), [("", True), (None, False), ("arn:aws:sqs:x:1:y", False)])
def test_an_encrypted_bus_should_have_a_dead_letter_queue(dlq: str | None, warned: bool) -> None:  # noqa: FBT001
    """A bus with a customer managed key and no dead-letter queue gets a warning; if it is not known, not."""
    world = hub()
    bus = world["buses"][0]
    policy = {"statements": [{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}]}
    key = f"arn:aws:kms:{bus['region']}:{bus['account']}:key/k"
    bus["encryption"] = {"type": "customer-key", "key": key, "keyState": "Enabled", "keyPolicy": policy}
    bus["dlq"] = dlq
    found = ask(world)
    assert found.reaches is True
    assert ("BUS_WITHOUT_DLQ" in {warning.code for warning in found.warnings}) is warned
