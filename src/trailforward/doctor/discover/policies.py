"""Roles and policies as AWS writes them, in the form of a World."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from trailforward.arn import Arn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trailforward.doctor.discover.reader import Reader


def statements(document: Any) -> list[dict[str, Any]]:
    """The statements of a policy document: JSON text (perhaps URL-encoded), an object, or nothing."""
    if isinstance(document, str):
        document = json.loads(unquote(document) if document.startswith("%7B") else document or "{}")
    found = (document or {}).get("Statement", [])
    return [found] if isinstance(found, dict) else list(found)


def role_of(arn: str, trust: Any, policies: Iterable[Any], *, boundary: str | None = None) -> dict[str, Any]:
    """A role.

    Args:
        arn: its ARN.
        trust: the document that says who may assume it.
        policies: the documents that say what it may do.
        boundary: a permissions boundary, which limits it in a way the doctor does not follow.
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


def read_role(reader: Reader, arn: str) -> dict[str, Any]:
    """A role of the reader's account, with its inline and attached policies.

    Raises:
        LookError: not there, or not allowed to look.
    """
    name = Arn.parse(arn).name
    role = reader.call("iam", "GetRole", RoleName=name)["Role"]
    boundary = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    policies = [*_inline(reader, name), *_attached(reader, name)]
    return role_of(role["Arn"], role["AssumeRolePolicyDocument"], policies, boundary=boundary)


def _inline(reader: Reader, role: str) -> Iterator[Any]:
    for name in reader.items("iam", "ListRolePolicies", "PolicyNames", RoleName=role):
        yield reader.call("iam", "GetRolePolicy", RoleName=role, PolicyName=name)["PolicyDocument"]


def _attached(reader: Reader, role: str) -> Iterator[Any]:
    for item in reader.items("iam", "ListAttachedRolePolicies", "AttachedPolicies", RoleName=role):
        arn = item["PolicyArn"]
        version = reader.call("iam", "GetPolicy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
        answer = reader.call("iam", "GetPolicyVersion", PolicyArn=arn, VersionId=version)
        yield answer["PolicyVersion"]["Document"]


def _permission(statement: dict[str, Any], boundary: str | None) -> dict[str, Any]:
    """A statement of a role. What the model has no place for stays, and counts as not understood."""
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
