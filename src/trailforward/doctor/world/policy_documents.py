"""Policy documents: AWS's policy JSON, as text or objects, turned into the snapshot's models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable


def statements(document: Any) -> list[dict[str, Any]]:
    """The statements of a policy document: JSON text (maybe URL-encoded), an object, or nothing."""
    if isinstance(document, str):
        document = json.loads(unquote(document) if document.startswith("%7B") else document or "{}")
    found = (document or {}).get("Statement", [])
    return [found] if isinstance(found, dict) else list(found)


def role_from_documents(
    arn: str, trust: Any, policies: Iterable[Any], *, boundary: str | None = None
) -> dict[str, Any]:
    """A role of the snapshot, as JSON.

    Args:
        arn: the role's ARN.
        trust: the trust policy document.
        policies: the permission policy documents.
        boundary: ARN of a permissions boundary; not evaluated, so verdicts become unknown.
    """
    trusted = [
        service
        for statement in statements(trust)
        if statement.get("Effect") == "Allow"
        for service in _list((statement.get("Principal") or {}).get("Service", []))
    ]
    role: dict[str, Any] = {"arn": arn, "trust": trusted, "allow": [], "deny": []}
    for statement in (item for document in policies for item in statements(document)):
        role["deny" if statement.get("Effect") == "Deny" else "allow"].append(
            _permission(statement, boundary)
        )
    return role


def key_policy_from_document(document: Any) -> dict[str, Any]:
    """The services that a KMS key policy allows, as JSON; other statements count as not understood."""
    principals: list[str] = []
    actions: list[str] = []
    outside: list[dict[str, Any]] = []
    for statement in statements(document):
        principal = statement.get("Principal")
        services = _list(principal.get("Service") or []) if isinstance(principal, dict) else []
        if not services:
            continue
        if statement.get("Effect") != "Allow" or "Condition" in statement or "Action" not in statement:
            outside.append(statement)
            continue
        principals += services
        actions += _list(statement["Action"])
    policy: dict[str, Any] = {"principals": principals, "actions": actions}
    return policy | ({"statements": outside} if outside else {})


def _permission(statement: dict[str, Any], boundary: str | None) -> dict[str, Any]:
    """One statement of a role. Elements outside the model are kept, and count as not understood."""
    permission: dict[str, Any] = {
        "action": statement.get("Action", "*"),
        "resource": statement.get("Resource", "*"),
    }
    if "Condition" in statement:
        permission["condition"] = statement["Condition"]
    permission |= {key: statement[key] for key in ("NotAction", "NotResource") if key in statement}
    return permission | ({"permissionsBoundary": boundary} if boundary else {})


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
