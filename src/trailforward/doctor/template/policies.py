"""Policies: the statements that resources of a template stand for."""

from __future__ import annotations

from typing import Any

from trailforward.doctor.world.unknown import holds_unknown


def old_bus_statement(properties: dict[str, Any], bus: str) -> dict[str, Any]:
    """The statement of a bus policy in its older form: ``Action``, ``Principal``, and ``Condition``.

    Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html
    """
    principal = str(properties.get("Principal", "*"))
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": principal},
        "Action": properties.get("Action", "events:PutEvents"),
        "Resource": bus,
    }
    condition = properties.get("Condition")
    if isinstance(condition, dict):
        kind, key = (
            str(condition.get("Type", "StringEquals")),
            str(condition.get("Key", "aws:PrincipalOrgID")),
        )
        statement["Condition"] = {kind: {key: condition.get("Value")}}
    return statement


def lambda_statement(properties: dict[str, Any], function: str) -> dict[str, Any]:
    """The statement that a Lambda permission adds to the function's policy."""
    condition: dict[str, Any] = {}
    if "SourceArn" in properties:
        condition["ArnLike"] = {"AWS:SourceArn": properties["SourceArn"]}
    if "SourceAccount" in properties:
        condition["StringEquals"] = {"AWS:SourceAccount": properties["SourceAccount"]}
    if "PrincipalOrgID" in properties:
        condition.setdefault("StringEquals", {})["aws:PrincipalOrgID"] = properties["PrincipalOrgID"]
    principal = str(properties["Principal"])
    return {
        "Effect": "Allow",
        "Principal": "*"
        if principal == "*"
        else {("Service" if "amazonaws" in principal else "AWS"): principal},
        "Action": properties["Action"],
        "Resource": function,
        **({"Condition": condition} if condition else {}),
    }


def unreadable_selectors(found: Any) -> str:
    """Why a trail's event selectors cannot be read; empty if they can. ARNs in them may be unknown."""
    if not found:
        return ""
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        return "they are not known"
    unknown = any(holds_unknown(item.get("IncludeManagementEvents")) for item in found)
    return "whether they include management events is not known" if unknown else ""
