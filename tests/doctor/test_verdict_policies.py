"""Verdicts on permissions: trust policies, key policies, conditions of guards, and filter policies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doctor.worlds import (
    CENTRAL,
    HERE,
    HUB,
    MEMBER,
    QUEUE,
    ROLE,
    allow,
    ask,
    direct,
    hub,
    resource,
    role,
    rule,
    said,
)

OK = (True, "OK", None)
RULE_ARN = f"arn:aws:events:{HERE}:{MEMBER}:rule/tf"
STREAM = f"arn:aws:kinesis:{HERE}:{MEMBER}:stream/tf"
TOPIC = f"arn:aws:sns:{HERE}:{MEMBER}:tf"
AT_QUEUE = f"destination:{QUEUE}"
AT_STREAM = f"destination:{STREAM}"
AT_ROLE = f"role:{ROLE}"


def trust(effect: str = "Allow", **condition: Any) -> dict[str, Any]:
    """A statement of a trust policy for EventBridge."""
    statement = {
        "Effect": effect,
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return {**statement, **({"Condition": condition} if condition else {})}


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([trust()], OK),
        ([trust(StringEquals={"aws:SourceAccount": MEMBER})], OK),
        ([trust(ArnLike={"aws:SourceArn": f"arn:aws:events:*:{MEMBER}:rule/*"})], OK),
        ([trust(ArnEquals={"aws:SourceArn": RULE_ARN + "-old"})], (False, "ROLE_TRUST", AT_ROLE)),
        ([trust(StringEquals={"aws:SourceAccount": HUB})], (False, "ROLE_TRUST", AT_ROLE)),
        ([trust(StringEquals={"sts:ExternalId": "x"})], (False, "ROLE_TRUST", AT_ROLE)),
        (
            [trust(), trust("Deny", StringEquals={"aws:SourceAccount": MEMBER})],
            (False, "ROLE_TRUST", AT_ROLE),
        ),
        ([trust(), trust("Deny", StringNotEquals={"aws:SourceAccount": MEMBER})], OK),
        (
            [trust(), trust("Deny", DateLessThan={"aws:CurrentTime": "2000-01-01T00:00:00Z"})],
            ("unknown", "NOT_UNDERSTOOD", AT_ROLE),
        ),
        ([trust("Deny")], (False, "ROLE_TRUST", AT_ROLE)),
        ([trust() | {"Principal": {"Service": "lambda.amazonaws.com"}}], (False, "ROLE_TRUST", AT_ROLE)),
        ([trust() | {"Principal": {"Service": ["lambda.amazonaws.com", "events.amazonaws.com"]}}], OK),
        ([trust() | {"Principal": "*"}], ("unknown", "NOT_UNDERSTOOD", AT_ROLE)),
        ([trust() | {"Action": "sts:*"}], OK),
        ([trust() | {"Action": "sts:TagSession"}], (False, "ROLE_TRUST", AT_ROLE)),
    ],
)
def test_trust_policies_are_evaluated_statement_by_statement(
    statements: list[dict[str, Any]], expected: tuple[Any, ...]
) -> None:
    """EventBridge can assume a role only if a statement allows it, and none denies it."""
    assert said(ask(hub(roles=[role(trust=statements)]))) == expected


def encrypted(arn: str, statements: list[dict[str, Any]] | None, **more: Any) -> dict[str, Any]:
    """A resource with a customer managed key."""
    key = f"arn:aws:kms:{HERE}:{MEMBER}:key/k"
    policy = {} if statements is None else {"keyPolicy": {"statements": statements}}
    return resource(arn, encryption={"type": "customer-key", "key": key, **policy, **more})


def key_use(*actions: str, **more: Any) -> dict[str, Any]:
    """A statement of a key policy for EventBridge."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": list(actions) or ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",
        **more,
    }


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([key_use()], OK),
        ([key_use("kms:Decrypt"), key_use("kms:GenerateDataKey")], OK),
        ([key_use("kms:*")], OK),
        ([key_use("kms:Decrypt")], (False, "KMS_KEY_POLICY", AT_QUEUE)),
        ([key_use("kms:GenerateDataKey*", "kms:Decrypt")], OK),
        ([key_use(), key_use("kms:GenerateDataKey", Effect="Deny")], (False, "KMS_KEY_POLICY", AT_QUEUE)),
        ([key_use(Principal={"Service": "sns.amazonaws.com"})], (False, "KMS_KEY_POLICY", AT_QUEUE)),
        ([key_use(Principal={"AWS": f"arn:aws:iam::{MEMBER}:root"})], (False, "KMS_KEY_POLICY", AT_QUEUE)),
        (
            [key_use(Condition={"StringEquals": {"aws:SourceAccount": MEMBER}})],
            ("unknown", "KMS_NOT_CHECKED", AT_QUEUE),
        ),
        ([], (False, "KMS_KEY_POLICY", AT_QUEUE)),
        (None, ("unknown", "KMS_NOT_CHECKED", AT_QUEUE)),
    ],
)
def test_key_policies_are_evaluated_statement_by_statement(
    statements: list[dict[str, Any]] | None, expected: tuple[Any, ...]
) -> None:
    """Both actions must be allowed for EventBridge by some statement, and denied by none."""
    assert said(ask(direct(resources=[encrypted(QUEUE, statements)]))) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("Enabled", OK),
        ("Updating", OK),
        ("Disabled", (False, "KMS_KEY_STATE", AT_QUEUE)),
        ("PendingDeletion", (False, "KMS_KEY_STATE", AT_QUEUE)),
        ("PendingImport", (False, "KMS_KEY_STATE", AT_QUEUE)),
        ("Quantum", ("unknown", "NOT_UNDERSTOOD", AT_QUEUE)),
    ],
)
def test_a_key_must_be_usable(state: str, expected: tuple[Any, ...]) -> None:
    """A disabled key, or one that will be deleted, breaks the delivery; a new state is unknown."""
    assert said(ask(direct(resources=[encrypted(QUEUE, [key_use()], keyState=state)]))) == expected


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        (["kinesis:PutRecord", "kms:GenerateDataKey"], OK),
        (["kinesis:PutRecord"], (False, "KMS_ROLE", AT_STREAM)),
        (["kinesis:PutRecord", "kms:Decrypt"], (False, "KMS_ROLE", AT_STREAM)),
    ],
)
def test_the_role_of_an_encrypted_stream_needs_the_key(allowed: list[str], expected: tuple[Any, ...]) -> None:
    """A role that writes to an encrypted stream needs kms:GenerateDataKey, whatever the key policy says."""
    owner = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{MEMBER}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    world = direct(
        STREAM,
        rules=[rule(STREAM, target={"role": ROLE})],
        resources=[encrypted(STREAM, [owner])],
        roles=[role(allow=[{"action": allowed}])],
    )
    assert said(ask(world)) == expected


def test_the_key_of_a_dead_letter_queue_counts_as_a_warning() -> None:
    """A dead-letter queue whose key EventBridge may not use is a warning: the event itself arrives."""
    dead = QUEUE.replace(":in", ":dead")
    world = direct(
        rules=[rule(target={"dlq": dead})],
        resources=[resource(QUEUE), encrypted(dead, [key_use("kms:Decrypt")])],
    )
    verdict = ask(world)
    assert verdict.code == "OK"
    assert "DLQ_KEY" in {warning.code for warning in verdict.warnings}


def test_the_key_of_a_bus_is_a_doubt() -> None:
    """A bus whose key policy does not allow EventBridge makes the hop unknown."""
    bus = {**hub()["buses"][0], "encryption": encrypted(CENTRAL, [])["encryption"]}
    verdict = ask(hub(buses=[bus]))
    assert (verdict.reaches, verdict.code) == ("unknown", "BUS_KEY")


GUARD = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": QUEUE}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (
            {
                "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-abcdefghij"},
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
            OK,
        ),
        ({"Bool": {"aws:PrincipalIsAWSService": "true"}}, (False, "QUEUE_POLICY", AT_QUEUE)),
        ({"StringNotEquals": {"aws:PrincipalServiceName": "events.amazonaws.com"}}, OK),
        (
            {"StringEquals": {"aws:PrincipalServiceName": "events.amazonaws.com"}},
            (False, "QUEUE_POLICY", AT_QUEUE),
        ),
        (
            {"ForAnyValue:StringEquals": {"aws:PrincipalServiceNamesList": "events.amazonaws.com"}},
            (False, "QUEUE_POLICY", AT_QUEUE),
        ),
        ({"Bool": {"aws:SecureTransport": "false"}}, OK),
        ({"Bool": {"aws:ViaAWSService": "true"}}, ("unknown", "NOT_UNDERSTOOD", AT_QUEUE)),
    ],
)
def test_keys_about_the_principal_of_a_service(condition: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """A guard that spares AWS services, by any of their condition keys, does not stop EventBridge."""
    world = direct(resources=[{"arn": QUEUE, "policy": [allow(QUEUE), GUARD | {"Condition": condition}]}])
    assert said(ask(world)) == expected


@pytest.mark.parametrize(
    ("policy", "scope", "expected"),
    [
        (None, "MessageAttributes", OK),
        ({"kind": ["x"]}, "MessageAttributes", (False, "SUBSCRIPTION_FILTER", AT_QUEUE)),
        ({"kind": [{"exists": False}]}, "MessageAttributes", OK),
        ({"source": [{"prefix": "aws."}]}, "MessageBody", OK),
        ({"source": ["my.app"]}, "MessageBody", (False, "SUBSCRIPTION_FILTER", AT_QUEUE)),
        ("not json", "MessageBody", ("unknown", "NOT_UNDERSTOOD", AT_QUEUE)),
        ({"source": ["aws.ec2"]}, "Novelty", ("unknown", "NOT_UNDERSTOOD", AT_QUEUE)),
    ],
)
def test_filter_policies_of_subscriptions(policy: Any, scope: str, expected: tuple[Any, ...]) -> None:
    """A filter on message attributes drops every event; one on the body is matched."""
    subscription = {"endpoint": QUEUE, "filterPolicy": policy, "filterPolicyScope": scope}
    behind = {"arn": QUEUE, "policy": [allow(QUEUE, {"Service": "sns.amazonaws.com"})]}
    world = direct(
        TOPIC, destinations=[QUEUE], resources=[resource(TOPIC, subscriptions=[subscription]), behind]
    )
    assert said(ask(world)) == expected
