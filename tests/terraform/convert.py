"""Terraform's resources as CloudFormation's: the same properties under the same names, or an error."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.terraform.module import Instance, Module


def snake(name: str) -> str:
    """CloudFormation's name as Terraform's: ``SnsTopicArn`` is ``sns_topic_arn``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def camel(name: str) -> str:
    """Terraform's name as CloudFormation's."""
    return "".join(word.capitalize() for word in name.split("_"))


# Arguments that are not called as in CloudFormation. None: not in CloudFormation, or compared elsewhere.
NAMES: dict[str, dict[str, str | None]] = {
    "aws_sqs_queue": {
        "name": "QueueName",
        "name_prefix": None,
        "message_retention_seconds": "MessageRetentionPeriod",
        "visibility_timeout_seconds": "VisibilityTimeout",
        "kms_master_key_id": "KmsMasterKeyId",
    },
    "aws_sqs_queue_policy": {"policy": "PolicyDocument", "queue_url": "Queues"},
    "aws_cloudwatch_log_group": {
        "name": "LogGroupName",
        "retention_in_days": "RetentionInDays",
        "kms_key_id": "KmsKeyId",
    },
    "aws_cloudwatch_log_delivery_destination": {"delivery_destination_configuration": ""},
    "aws_cloudwatch_event_rule": {},
    "aws_cloudwatch_event_bus": {},
    "aws_cloudwatch_event_bus_policy": {"policy": "PolicyDocument"},
    "aws_cloudwatch_metric_alarm": {
        "metric_query": "Metrics",
        "ok_actions": "OKActions",
        "insufficient_data_actions": None,
    },
    "aws_cloudwatch_composite_alarm": {"ok_actions": "OKActions"},
    "aws_cloudwatch_dashboard": {},
    "aws_iam_role": {"name": "RoleName", "assume_role_policy": "AssumeRolePolicyDocument"},
    "aws_dynamodb_table": {
        "name": None,
        "hash_key": "KeySchema",
        "attribute": "AttributeDefinitions",
        "server_side_encryption": "SSESpecification",
        "ttl": "TimeToLiveSpecification",
    },
    "aws_kms_key": {"policy": "KeyPolicy"},
    "aws_lambda_layer_version": {
        "layer_name": None,
        "filename": None,
        "source_code_hash": None,
        "license_info": "LicenseInfo",
        "skip_destroy": None,
    },
    "aws_lambda_function": {
        "function_name": None,
        "filename": None,
        "source_code_hash": None,
        "publish": None,
        "tracing_config": "Tracing",
    },
    "aws_lambda_alias": {},
    "aws_lambda_event_source_mapping": {},
    "aws_cloudwatch_log_delivery": {},
    "aws_cloudwatch_log_delivery_source": {},
    "aws_cloudformation_stack_set": {"name": "StackSetName", "template_body": None},
}
JSON = {
    *("PolicyDocument", "AssumeRolePolicyDocument", "KeyPolicy"),
    *("RedrivePolicy", "EventPattern", "DashboardBody"),
}
# Blocks that may occur once, and are an object in CloudFormation.
ONCE = {
    *("LogConfig", "SnapStart", "VpcConfig", "LoggingConfig", "Environment", "ScalingConfig"),
    *("ProvisionedPollerConfig", "AutoDeployment", "ManagedExecution", "OperationPreferences"),
    *("RetryPolicy", "DeadLetterConfig", "TimeToLiveSpecification"),
}
# Objects whose keys are data.
DATA = {"Variables", "Dimensions", "Parameters"}


def properties(instance: Instance) -> dict[str, Any]:
    """The properties of one resource, without those of the resources that belong to it."""
    found: dict[str, Any] = {}
    for name, value in instance.arguments().items():
        target = NAMES[instance.kind].get(name, camel(name))
        if target is None or name == "region":
            continue
        if target == "":
            found |= _value("", value[0])
        else:
            found[target] = _value(target, value)
    return found


def _value(name: str, value: Any) -> Any:  # noqa: C901, PLR0911  # one line each
    if name in JSON:
        return json.loads(value)
    if name == "Queues":
        return [value]
    if name == "Tracing":
        return value[0]["mode"]
    if name == "Metrics":
        return [_metric(one) for one in value]
    if name == "Dimensions":
        return _dimensions(value)
    if name == "KeySchema":
        return [{"AttributeName": value, "KeyType": "HASH"}]
    if name == "AttributeDefinitions":
        return [{"AttributeName": one["name"], "AttributeType": one["type"]} for one in value]
    if name == "SSESpecification":
        return {"SSEEnabled": value[0]["enabled"]}
    if name in DATA:
        return value
    if name in ONCE:
        (value,) = value
    if isinstance(value, dict):
        return {camel(key): _value(camel(key), one) for key, one in value.items()}
    return value


def _dimensions(value: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": key, "Value": one} for key, one in value.items()]


def _metric(query: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {camel(key): one for key, one in query.items() if key != "metric"}
    for metric in query.get("metric", []):
        found["MetricStat"] = {
            "Metric": {
                "Namespace": metric.pop("namespace"),
                "MetricName": metric.pop("metric_name"),
                "Dimensions": _dimensions(metric.pop("dimensions")),
            },
            "Period": metric.pop("period"),
            "Stat": metric.pop("stat"),
        }
        assert not metric
    return found


# Resources that are a part of another one in CloudFormation.
PARTS = {
    "aws_cloudwatch_event_target",
    "aws_iam_role_policy",
    "aws_iam_role_policy_attachment",
    "aws_cloudformation_stack_instances",
}


def resources(module: Module, key: str | None = None) -> dict[str, dict[str, Any]]:
    """Label → properties of everything that a module creates, with the parts put in.

    Args:
        module: with variables.
        key: the Region of a module with ``for_each``.
    """
    parts: list[Instance] = []
    found: dict[str, dict[str, Any]] = {}
    for (kind, label), instances in module.resources.items():
        chosen = [one for one in instances if key is None or f"-{key}-" in str(one.argument("name"))
                  or one.argument("region") == key or f"-{key}-" in str(one.argument("role"))]  # fmt: skip
        if kind in PARTS:
            parts += chosen
        elif chosen:
            (instance,) = chosen
            assert label not in found, f"two resources have the label {label}"
            found[label] = properties(instance)
    for part in parts:
        _put(found[part.label], part)
    return found


def _put(owner: dict[str, Any], part: Instance) -> None:
    given = part.arguments()
    given.pop("region", None)
    match part.kind:
        case "aws_cloudwatch_event_target":
            assert given.pop("rule") == owner["Name"]
            assert given.pop("event_bus_name") == owner["EventBusName"]
            target = {"Id": given.pop("target_id")}
            target |= {camel(key): _value(camel(key), value) for key, value in given.items()}
            owner.setdefault("Targets", []).append(target)
        case "aws_iam_role_policy":
            assert given.pop("role")
            document = json.loads(given.pop("policy"))
            owner.setdefault("Policies", []).append(
                {"PolicyName": given.pop("name"), "PolicyDocument": document}
            )
            assert not given
        case "aws_iam_role_policy_attachment":
            owner.setdefault("ManagedPolicyArns", []).append(given["policy_arn"])
        case "aws_cloudformation_stack_instances":
            assert given["stack_set_name"] == owner["StackSetName"]
            assert given["call_as"] == owner["CallAs"]
            (preferences,) = given["operation_preferences"]
            assert {camel(key): value for key, value in preferences.items()} == owner["OperationPreferences"]
            (targets,) = given["deployment_targets"]
            owner["StackInstancesGroup"] = [
                {
                    "DeploymentTargets": {camel(key): value for key, value in targets.items()},
                    "Regions": sorted(given["regions"]),
                }
            ]


def normal(value: Any) -> Any:
    """A value with texts instead of numbers, and with lists of texts sorted: their order does not matter."""
    if isinstance(value, dict):
        return {key: normal(one) for key, one in value.items()}
    if isinstance(value, list | set | frozenset):
        several = [normal(one) for one in value]
        simple = all(isinstance(one, str) for one in several)
        named = all(isinstance(one, dict) and set(one) == {"Name", "Value"} for one in several)
        return (
            sorted(several) if simple else sorted(several, key=lambda one: one["Name"]) if named else several
        )
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
