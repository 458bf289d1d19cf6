"""Places: the account and the Region that each instance of a plan is in.

The Region is that of the instance's ``region`` argument (version 6 of the AWS provider), else that of its
ARN, else that of its provider. The account is that of the ARN, else that of another instance of the same
provider, else that of the role that the provider assumes.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from trailforward.doctor.world.links import read_arn
from trailforward.doctor.world.unknown import is_unknown, unknown

if TYPE_CHECKING:
    from trailforward.arn import Arn
    from trailforward.doctor.plan.configuration import Configuration, Provider
    from trailforward.doctor.plan.document import Instance, Plan
    from trailforward.doctor.plan.references import References

_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+", re.ASCII)
#: Arguments of a provider that decide whose credentials it has.
_IDENTITY = (
    "access_key",
    "assume_role",
    "assume_role_with_web_identity",
    "profile",
    "shared_config_files",
    "shared_credentials_files",
)
#: Types whose ``arn`` is that of something else.
_OTHERS_ARN = ("aws_cloudwatch_event_target", "aws_sns_topic_policy")


class Place(NamedTuple):
    """An account and a Region; either may be a text that stands for an unknown value."""

    account: str
    region: str

    @property
    def known(self) -> bool:
        """Whether both are known."""
        return not is_unknown(self.account) and not is_unknown(self.region)


class Places:
    """Where the instances of a plan are.

    Args:
        plan: the plan.
        configuration: its configuration.
        references: resolves the providers' arguments.
        account: the account of providers whose account the plan does not say; empty if not given.
        region: the Region of providers whose Region the plan does not say; empty if not given.

    Attributes:
        assumed: whether ``account`` was needed.
        accounts: identity of a provider to its account.
    """

    def __init__(
        self, plan: Plan, configuration: Configuration, references: References, account: str, region: str
    ) -> None:
        self._configuration = configuration
        self._references = references
        self._region = region
        self.assumed = False
        self._places: dict[int, Place] = {}
        instances = [one for one in (*plan.instances.values(), *plan.gone) if one.type.startswith("aws_")]
        self.accounts = self._read_accounts(instances, account)

    def _read_accounts(self, instances: list[Instance], account: str) -> dict[str, str]:
        """The account of each provider's identity."""
        found: dict[str, str] = {}
        identities: dict[str, Provider] = {}
        for one in instances:
            provider = self._configuration.provider(one)
            identity = _identity(provider)
            identities.setdefault(identity, provider)
            if (known := _own_account(one)) is not None:
                found.setdefault(identity, known)
        for identity, provider in identities.items():
            if identity not in found and (role := self._role_account(provider)) is not None:
                found[identity] = role
        left = [
            identity
            for identity, provider in identities.items()
            if identity not in found and "assume_role" not in provider.expressions
        ]
        # With several sets of credentials, the given account is that of the provider without any.
        default = next(
            (identity for identity in left if identity == "{}"), left[0] if len(left) == 1 else None
        )
        if default is not None:
            self.assumed = True
            found[default] = account
        return found

    def of(self, instance: Instance) -> Place:
        """The place of an instance."""
        key_of = id(instance)  # a replaced instance has the address of its successor
        if key_of not in self._places:
            provider = self._configuration.provider(instance)
            account = _own_account(instance) or self.accounts.get(_identity(provider))
            region = self._region_of(instance, provider)
            self._places[key_of] = Place(
                account or unknown(f"the account of the provider {provider.key}"),
                region or unknown(f"the Region of the provider {provider.key}"),
            )
        return self._places[key_of]

    def _region_of(self, instance: Instance, provider: Provider) -> str | None:
        own = instance.values.get("region")
        if isinstance(own, str) and own:
            if _REGION.fullmatch(own):
                return own
            found = self._references.argument(instance, ("region",))
            return (
                found
                if isinstance(found, str) and _REGION.fullmatch(found)
                else own
                if is_unknown(own)
                else None
            )
        arn = _own_arn(instance)
        if arn is not None and arn.region:
            return arn.region
        if "region" not in provider.expressions:
            return self._region or None
        given = self._references.resolve(provider.expressions["region"], provider.module)
        return given if isinstance(given, str) and _REGION.fullmatch(given) else None

    def _role_account(self, provider: Provider) -> str | None:
        """The account of the role that a provider assumes, or the only one that it allows."""
        assumed = provider.expressions.get("assume_role")
        first = assumed[0] if isinstance(assumed, list) and assumed else assumed
        role = (
            self._references.resolve(first.get("role_arn"), provider.module)
            if isinstance(first, dict)
            else None
        )
        arn = read_arn(role) if isinstance(role, str) else None
        if arn is not None:
            return arn.account or None
        allowed = self._references.resolve(provider.expressions.get("allowed_account_ids"), provider.module)
        if isinstance(allowed, list) and len(allowed) == 1 and _ACCOUNT.fullmatch(str(allowed[0])):
            return str(allowed[0])
        return None


def _identity(provider: Provider) -> str:
    """The arguments that decide whose credentials a provider has, as text."""
    held = {name: provider.expressions[name] for name in _IDENTITY if provider.expressions.get(name)}
    return json.dumps(held, sort_keys=True, default=str)


def _own_arn(instance: Instance) -> Arn | None:
    """The ARN of an instance, if it is known."""
    if instance.mode == "data" or instance.type in _OTHERS_ARN:
        return None
    text = instance.values.get("arn")
    return read_arn(text) if isinstance(text, str) and not is_unknown(text) else None


def _own_account(instance: Instance) -> str | None:
    if instance.mode == "data":
        account = instance.values.get("account_id")
        known = instance.type == "aws_caller_identity" and isinstance(account, str)
        return account if known and _ACCOUNT.fullmatch(str(account)) else None
    arn = _own_arn(instance)
    return arn.account if arn is not None and _ACCOUNT.fullmatch(arn.account) else None
