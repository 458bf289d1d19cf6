"""Plans for tests, in the format of ``terraform show -json``.

A plan is made of resources as one writes them in HCL: arguments are values, or references (:func:`ref`).
The values of attributes that the AWS provider computes are unknown, as in a plan of a first deployment.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

#: Attributes that the provider computes, and arguments that are null or empty if they are not set.
COMPUTED: dict[str, tuple[str, ...]] = {
    "aws_cloudformation_stack": ("id", "outputs"),
    "aws_cloudformation_stack_set": ("id", "arn", "stack_set_id"),
    "aws_cloudformation_stack_set_instance": ("id", "account_id", "stack_id"),
    "aws_cloudtrail": ("arn", "home_region", "id"),
    "aws_cloudwatch_event_bus": ("arn", "id"),
    "aws_cloudwatch_event_bus_policy": ("id",),
    "aws_cloudwatch_event_permission": ("id",),
    "aws_cloudwatch_event_rule": ("arn", "id", "name", "name_prefix"),
    "aws_cloudwatch_event_target": ("id", "target_id"),
    "aws_iam_policy": ("arn", "id", "name", "name_prefix", "policy_id"),
    "aws_iam_role": ("arn", "id", "inline_policy", "managed_policy_arns", "name", "name_prefix", "unique_id"),
    "aws_iam_role_policy": ("id", "name", "name_prefix"),
    "aws_iam_role_policy_attachment": ("id",),
    "aws_iam_policy_document": ("id", "json", "minified_json"),
    "aws_kinesis_firehose_delivery_stream": ("arn", "id", "destination_id", "version_id"),
    "aws_kinesis_stream": ("arn", "id"),
    "aws_kms_alias": ("arn", "id", "name_prefix", "target_key_arn"),
    "aws_kms_key": ("arn", "id", "key_id", "policy"),
    "aws_lambda_alias": ("arn", "id", "invoke_arn"),
    "aws_lambda_function": ("arn", "id", "invoke_arn", "qualified_arn", "version"),
    "aws_lambda_permission": ("id", "statement_id_prefix"),
    "aws_sfn_state_machine": ("arn", "id", "name_prefix"),
    "aws_sns_topic": ("arn", "id", "name", "name_prefix", "owner", "policy"),
    "aws_sns_topic_policy": ("id", "owner"),
    "aws_sns_topic_subscription": ("arn", "id", "filter_policy_scope", "owner_id"),
    "aws_sqs_queue": ("arn", "id", "name", "name_prefix", "policy", "url"),
    "aws_sqs_queue_policy": ("id",),
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "aws_cloudtrail": {
        "advanced_event_selector": [],
        "enable_logging": True,
        "event_selector": [],
        "include_global_service_events": True,
        "insight_selector": [],
        "is_multi_region_trail": False,
        "is_organization_trail": False,
        "s3_bucket_name": None,
    },
    "aws_cloudwatch_event_bus": {"kms_key_identifier": None},
    "aws_cloudwatch_event_bus_policy": {"event_bus_name": "default"},
    "aws_cloudwatch_event_permission": {
        "action": "events:PutEvents",
        "condition": [],
        "event_bus_name": "default",
    },
    "aws_cloudwatch_event_rule": {
        "event_bus_name": "default",
        "event_pattern": None,
        "is_enabled": None,
        "role_arn": None,
        "schedule_expression": None,
        "state": "ENABLED",
    },
    "aws_cloudwatch_event_target": {
        "dead_letter_config": [],
        "event_bus_name": "default",
        "input": None,
        "input_path": None,
        "input_transformer": [],
        "role_arn": None,
        "sqs_target": [],
    },
    "aws_iam_policy": {"path": "/"},
    "aws_iam_role": {"path": "/", "permissions_boundary": None},
    "aws_iam_policy_document": {
        "override_policy_documents": None,
        "source_policy_documents": None,
        "statement": [],
    },
    "aws_kinesis_firehose_delivery_stream": {"server_side_encryption": []},
    "aws_kinesis_stream": {"encryption_type": "NONE", "kms_key_id": None},
    "aws_kms_key": {"is_enabled": True},
    "aws_lambda_permission": {
        "principal_org_id": None,
        "qualifier": None,
        "source_account": None,
        "source_arn": None,
    },
    "aws_sns_topic": {"fifo_topic": False, "content_based_deduplication": False, "kms_master_key_id": None},
    "aws_sns_topic_subscription": {"filter_policy": None},
    "aws_sqs_queue": {
        "content_based_deduplication": False,
        "fifo_queue": False,
        "kms_master_key_id": None,
        "redrive_policy": None,
    },
}


class Ref(NamedTuple):
    """The references of an expression whose value is not known before apply."""

    names: tuple[str, ...]


def ref(*names: str) -> Ref:
    """An expression that refers to these, such as ``aws_sqs_queue.q.arn``."""
    return Ref(names)


def resource(address: str, *, key: Any = None, provider: str = "", **arguments: Any) -> dict[str, Any]:
    """A resource or data source of a module.

    Args:
        address: ``aws_sqs_queue.q`` or ``data.aws_iam_policy_document.d``.
        key: the key of this instance of ``count`` or ``for_each``.
        provider: the alias of its provider.
        **arguments: its arguments.
    """
    return {"address": address, "key": key, "provider": provider, "arguments": arguments}


def module(
    name: str,
    resources: list[dict[str, Any]],
    *,
    key: Any = None,
    arguments: dict[str, Any] | None = None,
    outputs: dict[str, Any] | None = None,
    modules: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """A call of a module, with what is inside."""
    return {
        "name": name, "resources": resources, "key": key, "arguments": arguments or {},
        "outputs": outputs or {}, "modules": modules or [],
    }  # fmt: skip


def plan(
    resources: list[dict[str, Any]],
    *,
    providers: dict[str, Any] | None = None,
    variables: dict[str, Any] | None = None,
    modules: list[dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A plan that creates resources.

    Args:
        resources: of the root module.
        providers: alias (empty for the default) to the arguments of the provider.
        variables: the values of the root module's variables.
        modules: calls of modules.
        **more: other members of the plan.
    """
    root = module("", resources, modules=modules)
    changes: list[dict[str, Any]] = []
    values, configuration = _module(root, "", changes)
    provider_config = {
        f"aws.{alias}" if alias else "aws": {
            "name": "aws",
            "full_name": "registry.terraform.io/hashicorp/aws",
            **({"alias": alias} if alias else {}),
            "expressions": {name: _expression(value) for name, value in arguments.items()},
        }
        for alias, arguments in (providers or {"": {"region": "eu-west-1"}}).items()
    }
    return {
        "format_version": "1.2",
        "terraform_version": "1.13.4",
        "variables": {name: {"value": value} for name, value in (variables or {}).items()},
        "planned_values": {"root_module": values},
        "resource_changes": changes,
        "configuration": {
            "provider_config": provider_config,
            "root_module": {**configuration, "variables": {name: {} for name in variables or ()}},
        },
        "applyable": True,
        "complete": True,
        "errored": False,
        **more,
    }


def written(found: dict[str, Any]) -> bytes:
    """A plan as the command writes it."""
    return json.dumps(found, separators=(",", ":")).encode() + b"\n"


def _module(
    called: dict[str, Any], prefix: str, changes: list[dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values and the configuration of a module; adds the changes of its resources."""
    listed: list[dict[str, Any]] = []
    declared: dict[str, Any] = {}
    for one in called["resources"]:
        item, change = _instance(one, prefix)
        if item["mode"] == "managed":
            listed.append(item)
        changes.append(change)
        address = one["address"]
        kind, name = address.removeprefix("data.").split(".")
        declared[address] = {
            "address": address,
            "mode": item["mode"],
            "type": kind,
            "name": name,
            "provider_config_key": f"aws.{one['provider']}" if one["provider"] else "aws",
            "expressions": {key: _expression(value) for key, value in one["arguments"].items()},
            "schema_version": 0,
        }
    children, calls = [], {}
    for inner in called["modules"]:
        step = f"module.{inner['name']}" + (
            f"[{json.dumps(inner['key'])}]" if inner["key"] is not None else ""
        )
        values, configuration = _module(inner, f"{prefix}{step}.", changes)
        children.append({**values, "address": f"{prefix}{step}"})
        calls[inner["name"]] = {
            "source": f"./{inner['name']}",
            "expressions": {key: _expression(value) for key, value in inner["arguments"].items()},
            "module": {
                **configuration,
                "outputs": {key: {"expression": _expression(one)} for key, one in inner["outputs"].items()},
                "variables": {key: {} for key in inner["arguments"]},
            },
        }
    values = {"resources": listed, **({"child_modules": children} if children else {})}
    return values, {"resources": list(declared.values()), **({"module_calls": calls} if calls else {})}


def _instance(one: dict[str, Any], prefix: str) -> tuple[dict[str, Any], dict[str, Any]]:
    data = one["address"].startswith("data.")
    kind, name = one["address"].removeprefix("data.").split(".")
    key = one["key"]
    index = {} if key is None else {"index": key}
    address = prefix + one["address"] + ("" if key is None else f"[{json.dumps(key)}]")
    after: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    for argument, value in {**DEFAULTS.get(kind, {}), **one["arguments"]}.items():
        known, open_part = _split(value)
        if open_part is not True:
            after[argument] = known
        if open_part:
            unknown[argument] = open_part
    unknown |= {attribute: True for attribute in COMPUTED[kind] if attribute not in {**after, **unknown}}
    head = {
        "address": address, "mode": "data" if data else "managed", "type": kind, "name": name, **index,
        "provider_name": "registry.terraform.io/hashicorp/aws",
    }  # fmt: skip
    change = {
        "actions": ["read" if data else "create"], "before": None, "after": after, "after_unknown": unknown,
        "before_sensitive": False, "after_sensitive": {},
    }  # fmt: skip
    return {**head, "schema_version": 0, "values": after, "sensitive_values": {}}, {**head, "change": change}


def _split(value: Any) -> tuple[Any, Any]:
    """What is known of a value before apply, and marks for what is not."""
    if isinstance(value, Ref):
        return None, True
    if isinstance(value, dict):
        parts = {key: _split(item) for key, item in value.items()}
        known = {key: item for key, (item, open_part) in parts.items() if open_part is not True}
        return known, {key: open_part for key, (_, open_part) in parts.items() if open_part}
    if isinstance(value, list):
        parts_of_list = [_split(item) for item in value]
        marks = [open_part or False for _, open_part in parts_of_list]
        return [item for item, _ in parts_of_list], marks if any(marks) else False
    return value, False


def _expression(value: Any) -> Any:
    """A value as in ``configuration``."""
    if isinstance(value, Ref):
        return {"references": [text for name in value.names for text in _chain(name)]}
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):  # nested blocks
        return [{key: _expression(inner) for key, inner in item.items()} for item in value]
    if isinstance(value, list) and any(isinstance(item, Ref) for item in value):
        references = [_expression(item)["references"] for item in value if isinstance(item, Ref)]
        return {"references": [text for some in references for text in some]}
    return {"constant_value": value}


def _chain(name: str) -> list[str]:
    """A reference and the shorter forms that Terraform adds: ``aws_sqs_queue.q.arn``, ``aws_sqs_queue.q``."""
    found = [name]
    least = 3 if name.startswith("data.") else 2
    parts = name.split(".")
    if name.startswith(("var.", "each.", "count.", "local.")):
        return found
    found += [".".join(parts[:end]) for end in range(len(parts) - 1, least - 1, -1)]
    if found[-1].endswith("]"):
        found.append(found[-1].partition("[")[0])
    return list(dict.fromkeys(found))
