"""Encryption: whether a KMS key policy allows a service to write to an encrypted queue or topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.delivery.policies import like

if TYPE_CHECKING:
    from trailforward.doctor.delivery.ternary import Ternary
    from trailforward.doctor.world.resources import Encryption

#: The actions that a service needs to write to an encrypted queue or topic.
ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")

#: Encryption type to the key's name in texts.
NAMES = {"aws-managed-key": "the AWS managed key", "customer-key": "a customer managed key"}


def key_allows(encryption: Encryption | None, service: str) -> Ternary:
    """Whether the key allows ``service`` to write without a role.

    The policy of an AWS managed key allows no service and cannot be edited.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
    """
    if encryption is None or encryption.type == "sqs-managed":
        return True
    if encryption.type == "aws-managed-key":
        return False
    policy = encryption.key_policy
    if encryption.type != "customer-key" or policy is None or policy.unknown:
        return None
    named = any(like(principal, service) for principal in policy.principals)
    return named and all(
        any(like(item.lower(), action.lower()) for item in policy.actions) for action in ACTIONS
    )
