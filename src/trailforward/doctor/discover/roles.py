"""Roles: reads IAM roles with their inline and attached policies."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from trailforward.arn import Arn
from trailforward.doctor.discover.reader import AwsCallError
from trailforward.doctor.world.policy_documents import role_from_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.discover.reader import Reader


def read_role(reader: Reader, arn: str) -> dict[str, Any]:
    """Reads a role of the reader's account, with its inline and attached policies.

    Raises:
        AwsCallError: the role does not exist, or access was denied.
    """
    name = Arn.parse(arn).name
    role = reader.call("iam", "GetRole", RoleName=name)["Role"]
    boundary = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    policies = [*_inline(reader, name), *_attached(reader, name)]
    limits = None
    if boundary:
        with suppress(AwsCallError):
            limits = _document(reader, boundary)
    return role_from_documents(
        role["Arn"], role["AssumeRolePolicyDocument"], policies, boundary=boundary, limits=limits
    )


def _inline(reader: Reader, role: str) -> Iterator[Any]:
    for name in reader.items("iam", "ListRolePolicies", "PolicyNames", RoleName=role):
        yield reader.call("iam", "GetRolePolicy", RoleName=role, PolicyName=name)["PolicyDocument"]


def _attached(reader: Reader, role: str) -> Iterator[Any]:
    for item in reader.items("iam", "ListAttachedRolePolicies", "AttachedPolicies", RoleName=role):
        yield _document(reader, item["PolicyArn"])


def _document(reader: Reader, arn: str) -> Any:
    """The document of a managed policy."""
    version = reader.call("iam", "GetPolicy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
    return reader.call("iam", "GetPolicyVersion", PolicyArn=arn, VersionId=version)["PolicyVersion"][
        "Document"
    ]
