"""Small worlds for tests, as JSON."""

from typing import Any

from trailforward.doctor import Call, Verdict, World, reach

MEMBER = "123456789012"
HUB = "111122223333"
OTHER = f"{3:012}"
HERE = "eu-west-1"
HOME = "us-east-1"
LONG = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
QUEUE = f"arn:aws:sqs:{HERE}:{MEMBER}:in"
HUB_QUEUE = f"arn:aws:sqs:{HOME}:{HUB}:in"
CENTRAL = f"arn:aws:events:{HOME}:{HUB}:event-bus/central"
ROLE = f"arn:aws:iam::{MEMBER}:role/forward"
TRAIL_AT = f"trail:{MEMBER}/{HOME}/main"
RULE_AT = f"rule:{MEMBER}/{HERE}/default/tf"
TARGET_AT = f"target:{MEMBER}/{HERE}/default/tf/t1"

ACTIONS = {
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
    "lambda": "lambda:InvokeFunction",
    "events": "events:PutEvents",
    "kinesis": "kinesis:PutRecord",
    "firehose": "firehose:PutRecord",
}


def action(arn: str) -> str:
    """The action that a sender needs on a resource."""
    return ACTIONS.get(arn.partition("aws:")[2].partition(":")[0], "*")


def allow(arn: str, principal: Any = None, **more: Any) -> dict[str, Any]:
    """A statement that allows EventBridge, or another principal, to send."""
    principal = principal or {"Service": "events.amazonaws.com"}
    return {"Effect": "Allow", "Principal": principal, "Action": action(arn), "Resource": arn, **more}


def resource(arn: str, **more: Any) -> dict[str, Any]:
    """A resource whose policy allows EventBridge to send."""
    return {"arn": arn, "policy": [allow(arn)], **more}


def trail(**more: Any) -> dict[str, Any]:
    """A multi-Region trail of the member that logs management events."""
    return {
        "name": "main",
        "account": MEMBER,
        "home": HOME,
        "multiRegion": True,
        "organization": False,
        "logging": True,
        "globalEvents": True,
        "selectors": None,
        **more,
    }


def rule(arn: str = QUEUE, *, target: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A rule with one target on the member's default bus."""
    return {
        "name": "tf",
        "account": MEMBER,
        "region": HERE,
        "bus": "default",
        "state": "ENABLED",
        "pattern": {"source": [{"prefix": "aws."}]},
        "targets": [{"id": "t1", "arn": arn, **(target or {})}],
        **more,
    }


def role(arn: str = ROLE, **more: Any) -> dict[str, Any]:
    """A role that EventBridge can assume, with all permissions."""
    return {
        "arn": arn,
        "trust": ["events.amazonaws.com"],
        "allow": [{"action": "*", "resource": "*"}],
        **more,
    }


def direct(arn: str = QUEUE, **more: Any) -> dict[str, Any]:
    """A rule that sends to a destination in its own Region."""
    regions = {HERE: "ENABLED_BY_DEFAULT", HOME: "ENABLED_BY_DEFAULT"}
    return {
        "accounts": {MEMBER: regions, HUB: regions},
        "trails": [trail()],
        "rules": [rule(arn)],
        "resources": [resource(arn)],
        "destinations": [arn],
        **more,
    }


def hub(**more: Any) -> dict[str, Any]:
    """A rule that forwards to the hub's bus, where another rule sends to a queue."""
    return {
        **direct(),
        "rules": [
            rule(CENTRAL, target={"role": ROLE}),
            rule(HUB_QUEUE, name="in", account=HUB, region=HOME, bus="central"),
        ],
        "buses": [
            {
                "account": HUB,
                "region": HOME,
                "name": "central",
                "policy": [allow(CENTRAL, {"AWS": MEMBER})],
            }
        ],
        "roles": [role()],
        "resources": [resource(HUB_QUEUE)],
        "destinations": [HUB_QUEUE],
        **more,
    }


def call(**more: Any) -> dict[str, Any]:
    """A write call of the member."""
    return {
        "account": MEMBER,
        "region": HERE,
        "service": "ec2.amazonaws.com",
        "source": "aws.ec2",
        "eventName": "RunInstances",
        "readOnly": False,
        "category": "Management",
        "identity": {"type": "IAMUser", "accountId": MEMBER},
        **more,
    }


def ask(world: dict[str, Any], **more: Any) -> Verdict:
    """The verdict for a call in a world."""
    return reach(World.model_validate(world), Call.model_validate(call(**more)))


def said(verdict: Verdict) -> tuple[Any, str, str | None]:
    """The three fields that a case states."""
    return verdict.reaches, verdict.code, verdict.at
