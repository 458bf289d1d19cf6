"""Settings: the environment of the daily doctor's function, which sam/template.yaml sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from trailforward.errors import TrailforwardError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "TRAILFORWARD_DOCTOR_"
ORGANIZATION = "organization"


class DailyDoctorError(TrailforwardError):
    """A run that cannot begin, that failed, or that Lambda has to continue."""


class Settings(NamedTuple):
    """What the daily doctor checks, and where it writes.

    Attributes:
        stack: the name of the stack, which metrics and notifications show.
        bucket: the name of the bucket for snapshots and reports.
        destinations: ARNs where events should arrive.
        topic: ARN of the SNS topic that gets the notifications; empty for none.
        accounts: the IDs of other accounts to read.
        whole_organization: whether to read every active account of the organization.
        role: the name of the role to assume in other accounts.
        external_id: the external ID of that role.
        regions: the Regions to check; empty for every enabled Region.
    """

    stack: str
    bucket: str
    destinations: tuple[str, ...]
    topic: str = ""
    accounts: tuple[str, ...] = ()
    whole_organization: bool = False
    role: str = ""
    external_id: str = ""
    regions: tuple[str, ...] = ()

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Reads the environment.

        Raises:
            DailyDoctorError: a variable is missing; the text names it.
        """

        def get(name: str) -> str:
            return environ.get(_PREFIX + name, "").strip()

        def listed(name: str) -> tuple[str, ...]:
            return tuple(part for part in get(name).replace(",", " ").split() if part)

        missing = [_PREFIX + name for name in ("BUCKET", "DESTINATIONS") if not get(name)]
        whole = get("ACCOUNTS") == ORGANIZATION
        if (whole or listed("ACCOUNTS")) and not get("ROLE"):
            missing.append(f"{_PREFIX}ROLE")
        if missing:
            raise DailyDoctorError(f"Set these environment variables: {', '.join(missing)}")
        return cls(
            stack=get("STACK") or "trailforward",
            bucket=get("BUCKET"),
            destinations=listed("DESTINATIONS"),
            topic=get("TOPIC"),
            accounts=() if whole else listed("ACCOUNTS"),
            whole_organization=whole,
            role=get("ROLE"),
            external_id=get("EXTERNAL_ID"),
            regions=listed("REGIONS"),
        )
