"""Places: the accounts and Regions in which the canary calls."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from trailforward.arn import Arn

if TYPE_CHECKING:
    from collections.abc import Mapping


class Place(NamedTuple):
    """One account and Region.

    Attributes:
        account: the account ID.
        region: the Region.
    """

    account: str
    region: str

    def __str__(self) -> str:
        return f"{self.region} of account {self.account}"


class Setup(NamedTuple):
    """What the environment variables of the canary's function say.

    Attributes:
        service: dimension ``service`` of the metrics: the name of the stack.
        regions: the Regions to call in.
        own_role: ARN of the function's role.
        roles: ARNs of the roles to assume in other accounts.
        topic: ARN of the topic that is notified; empty for none.
        destination: ARN of the queue where the events should arrive.
        region: the function's Region.
    """

    service: str
    regions: tuple[str, ...]
    own_role: str
    roles: tuple[str, ...]
    topic: str
    destination: str
    region: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Setup:
        """Reads the variables that sam/template.yaml sets.

        Raises:
            KeyError: a variable is missing.
        """
        return cls(
            environ["CANARY_SERVICE"],
            tuple(environ["CANARY_REGIONS"].split(",")),
            environ["CANARY_ROLE"],
            tuple(filter(None, environ.get("CANARY_ROLE_ARNS", "").split(","))),
            environ.get("CANARY_TOPIC", ""),
            environ["CANARY_DESTINATION"],
            environ["AWS_REGION"],
        )

    @property
    def accounts(self) -> dict[str, str]:
        """Account → ARN of its role; this function's own account first."""
        return {Arn.parse(role).account: role for role in (self.own_role, *self.roles)}

    @property
    def places(self) -> tuple[Place, ...]:
        """Every Region of every account."""
        return tuple(Place(account, region) for account in self.accounts for region in self.regions)

    @property
    def digest(self) -> str:
        """Changes when the places change: what a run with other places did proves nothing about these."""
        text = " ".join(f"{account}/{region}" for account, region in sorted(self.places))
        return hashlib.sha256(text.encode()).hexdigest()[:8]
