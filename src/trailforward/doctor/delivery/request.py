"""Request: one delivery as IAM evaluates it, and what is known of its condition keys."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from trailforward.doctor.world.links import describe

if TYPE_CHECKING:
    from collections.abc import Mapping

EVENTS = "events.amazonaws.com"
SNS = "sns.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Maybe:
    """A condition key that AWS either sends with this value, or does not send."""

    value: str


@dataclass(frozen=True, slots=True)
class Holds:
    """A condition key with several values, of which one is known."""

    value: str


@dataclass(frozen=True, slots=True)
class Unsure:
    """A condition key that AWS may send, with any value."""


UNSURE: Final = Unsure()

#: What is known of a condition key that a request carries.
Known = str | Maybe | Holds | Unsure

#: Keys that a delivery by EventBridge or SNS never carries: it comes through no VPC endpoint, tags nothing,
#: and no person makes it. Prefixes end with a slash.
#: Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
_NEVER = frozenset(
    {
        "aws:calledvia",
        "aws:calledviafirst",
        "aws:calledvialast",
        "aws:ec2instancesourceprivateipv4",
        "aws:ec2instancesourcevpc",
        "aws:federatedprovider",
        "aws:multifactorauthage",
        "aws:sourceip",
        "aws:sourcevpc",
        "aws:sourcevpcarn",
        "aws:sourcevpce",
        "aws:sourcevpceaccount",
        "aws:sourcevpceorgid",
        "aws:sourcevpceorgpaths",
        "aws:tagkeys",
        "aws:username",
        "aws:vpcsourceip",
        "sts:externalid",
    }
)
_NEVER_PREFIXES = ("aws:requesttag/", "saml:", "cognito-identity.amazonaws.com:", "accounts.google.com:")
#: Keys that only a request of a role in an organization, or of a role, carries.
_ROLE_ONLY = frozenset({"aws:principalorgid", "aws:principalorgpaths"})
#: Keys that only a request of an AWS service carries.
_SERVICE_ONLY = frozenset(
    {
        "aws:principalservicename",
        "aws:principalservicenameslist",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
    }
)


@dataclass(frozen=True, slots=True)
class Request:
    """The request of one delivery, as IAM evaluates it.

    Attributes:
        principal: a role's ARN, or a service's name.
        action: ``sqs:SendMessage``.
        resource: the target's ARN.
        context: condition keys in lower case, with what is known of them; None for one that is not sent.
    """

    principal: str
    action: str
    resource: str
    context: Mapping[str, Known | None] = field(default_factory=dict)

    @property
    def by_service(self) -> bool:
        """Whether an AWS service makes the request itself, without a role."""
        return self.principal.endswith(".amazonaws.com")

    @property
    def sender(self) -> str:
        """Who makes the request, in plain English."""
        return self.principal if self.by_service else describe(f"role:{self.principal}")

    def without(self, key: str) -> Request:
        """The same request, which certainly does not carry one condition key."""
        return replace(self, context={**self.context, key: None})

    def key_use(self, action: str, key: str, more: Mapping[str, Known]) -> Request:
        """The request to use a KMS key that this request causes."""
        return replace(self, action=action, resource=key, context={**self.context, **more})

    def known(self, key: str) -> Known | None:
        """What is known of a condition key in lower case; None if the request certainly does not carry it."""
        if key in self.context:
            return self.context[key]
        absent = _ROLE_ONLY if self.by_service else _SERVICE_ONLY
        if key in _NEVER or key in absent or key.startswith(_NEVER_PREFIXES):
            return None
        if self.by_service and key.startswith("aws:principaltag/"):
            return None
        return UNSURE
