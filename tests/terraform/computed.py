"""What AWS decides about a resource, such as its ARN: the values that :mod:`tests.sam.cfn` makes up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sam.cfn import ACCOUNT, REGION

if TYPE_CHECKING:
    from tests.terraform.module import Instance

# CloudFormation makes these names up, and Terraform does not: the comparison ignores only these.
MADE_UP = {
    ("aws_sqs_queue", "dead_letters", "name"): "trailforward-DeadLetters-A1B2C3D4E5F6",
    ("aws_sqs_queue", "rule_dead_letters", "name"): "trailforward-RuleDeadLetters-A1B2C3D4E5F6",
    ("aws_lambda_function", "forwarder", "function_name"): "trailforward-Forwarder",
    ("aws_dynamodb_table", "state", "arn"): (
        f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/trailforward-State-A1B2"
    ),
    ("aws_lambda_alias", "snap_start_alias", "arn"): "trailforward-SnapStartAlias",
    ("aws_iam_role", "function_role", "name"): "trailforward-FunctionRole-A1B2",
    ("aws_kms_key", "key", "arn"): f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555",
    ("aws_lambda_layer_version", "forwarder_layer", "arn"): (
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:ForwarderLayer:1"
    ),
    ("aws_lambda_function", "forwarder", "version"): "1",
}


def computed(instance: Instance, attribute: str) -> Any:  # noqa: C901, PLR0911  # one line each
    """Returns the value of an attribute that is not an argument, or None."""
    made_up = (instance.kind, instance.label, attribute) in MADE_UP
    # Queues with a fixed name keep it.
    if made_up and not (instance.kind == "aws_sqs_queue" and instance.argument("name")):
        return MADE_UP[instance.kind, instance.label, attribute]
    region = instance.argument("region") or REGION
    match instance.kind, attribute:
        case "aws_sqs_queue", "arn":
            return f"arn:aws:sqs:{region}:{ACCOUNT}:{instance.attribute('name')}"
        case "aws_sqs_queue", "url":
            return f"https://sqs.{region}.amazonaws.com/{ACCOUNT}/{instance.attribute('name')}"
        case "aws_cloudwatch_log_group", "arn":
            # Unlike CloudFormation's, the provider's ARN of a log group does not end in ":*".
            return f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{instance.attribute('name')}"
        case "aws_iam_role", "arn":
            return f"arn:aws:iam::{ACCOUNT}:role/{instance.attribute('name')}"
        case "aws_cloudwatch_event_bus", "arn":
            return f"arn:aws:events:{region}:{ACCOUNT}:event-bus/{instance.attribute('name')}"
        case "aws_cloudwatch_event_rule", "arn":
            bus = instance.attribute("event_bus_name")
            path = "" if bus == "default" else f"{bus}/"
            return f"arn:aws:events:{region}:{ACCOUNT}:rule/{path}{instance.attribute('name')}"
        case "aws_cloudwatch_log_delivery_destination", "arn":
            return f"arn:aws:logs:{region}:{ACCOUNT}:delivery-destination:{instance.attribute('name')}"
        case (("aws_cloudwatch_metric_alarm" | "aws_cloudwatch_composite_alarm"), "arn"):
            return f"arn:aws:cloudwatch:{region}:{ACCOUNT}:alarm:{instance.attribute('alarm_name')}"
        case "aws_lambda_function", "arn":
            return f"arn:aws:lambda:{region}:{ACCOUNT}:function:{instance.attribute('function_name')}"
    return None
