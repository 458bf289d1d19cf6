"""Policy documents: AWS's policy JSON, as text or objects, turned into the snapshot's models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from trailforward.doctor.world.unknown import holds_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable


def read_documents(documents: Iterable[Any]) -> tuple[list[dict[str, Any]], str]:
    """The statements of policy documents, and why some are missing; empty if none are.

    Args:
        documents: JSON text (maybe URL-encoded), objects, or None for a document that does not exist.
    """
    statements: list[dict[str, Any]] = []
    unread = ""
    for document in documents:
        try:
            listed = _object(document).get("Statement", [])
            for statement in [listed] if isinstance(listed, dict) else list(listed):
                if not isinstance(statement, dict):
                    unread = "a statement has an unusual form"
                elif holds_unknown(statement.get("Effect")):
                    unread = "the effect of a statement is not known"
                else:
                    statements.append(statement)
        except (ValueError, TypeError, AttributeError, RecursionError):
            unread = "a policy document is not known, or has an unusual form"
    return statements, unread


def _object(document: Any) -> Any:
    if not isinstance(document, str):
        return document or {}
    return json.loads(unquote(document) if document.startswith("%7B") else document or "{}")


def role_from_documents(
    arn: str, trust: Any, policies: Iterable[Any], *, boundary: str | None = None, limits: Any = None
) -> dict[str, Any]:
    """A role of the snapshot, as JSON.

    Args:
        arn: the role's ARN.
        trust: the trust policy document.
        policies: the permission policy documents.
        boundary: ARN of the permissions boundary.
        limits: its policy document; None if it is not known, so verdicts become unknown.
    """
    trusted, trust_unread = read_documents([trust])
    statements, unread = read_documents(policies)
    gaps = {"trust": trust_unread, "policies": unread}
    role: dict[str, Any] = {"arn": arn, "trust": trusted, "statements": statements}
    if any(gaps.values()):
        role["unread"] = {name: why for name, why in gaps.items() if why}
    return role | (with_boundary(boundary, limits) if boundary else {})


def with_boundary(arn: str, document: Any) -> dict[str, Any]:
    """A permissions boundary, as fields of a role: ``boundary``, and ``limits`` if the document is known."""
    statements, unread = read_documents([document])
    return {"boundary": arn} | ({} if unread or not document else {"limits": statements})


def with_policy(document: Any) -> dict[str, Any]:
    """The policy of a resource or bus, as fields of the snapshot: ``policy``, and ``unread`` if needed."""
    statements, unread = read_documents([document])
    return {"policy": statements, **({"unread": {"policy": unread}} if unread else {})}


def key_policy_from_document(document: Any) -> dict[str, Any] | None:
    """A KMS key's policy, as JSON; None if it cannot be understood."""
    statements, unread = read_documents([document])
    return None if unread else {"statements": statements}
