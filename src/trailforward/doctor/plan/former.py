"""Former: policies that an existing resource still lists, but that other resources of the plan change.

A queue's ``policy`` and a role's ``inline_policy`` and ``managed_policy_arns`` are what AWS had when the plan
was made. If the configuration does not set them, policies in resources of their own decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trailforward.doctor.plan.document import Instance, Plan


class Former:
    """What resources of their own change or delete.

    Args:
        plan: the plan.
    """

    def __init__(self, plan: Plan) -> None:
        planned = [one for one in plan.instances.values() if one.mode == "managed"]
        self._inline = {
            (_text(one, "role"), _text(one, "name"))
            for one in (*planned, *plan.gone)
            if one.type == "aws_iam_role_policy"
        }
        self._managed = {
            (_text(one, "role"), _text(one, "policy_arn"))
            for one in plan.gone
            if one.type == "aws_iam_role_policy_attachment"
        }
        self._policies = {
            last(_text(one, "queue_url" if one.type == "aws_sqs_queue_policy" else "arn"))
            for one in plan.gone
            if one.type in {"aws_sqs_queue_policy", "aws_sns_topic_policy"}
        }

    def inline(self, role: str, policy: Any) -> bool:
        """Whether an inline policy of a role has a resource of its own, or had one."""
        return isinstance(policy, dict) and (role, str(policy.get("name"))) in self._inline

    def managed(self, role: str, arn: Any) -> bool:
        """Whether the attachment of a managed policy is deleted."""
        return (role, str(arn)) in self._managed

    def policy(self, name: str) -> bool:
        """Whether the policy of a queue or topic is deleted."""
        return name in self._policies


def _text(instance: Instance, name: str) -> str:
    return str(instance.values.get(name))


def last(text: str) -> str:
    """The name at the end of a queue's URL or of an ARN."""
    return text.rpartition("/")[2].rpartition(":")[2]
