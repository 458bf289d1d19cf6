"""Regions: where CloudTrail records global services and console sign-ins; see ``regions.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trailforward.doctor.world.call import Call

US_EAST_1 = "us-east-1"


@dataclass(frozen=True, slots=True)
class GlobalService:
    """A service whose calls CloudTrail records in one Region, whatever Region the caller uses.

    Attributes:
        service: the ``eventSource``.
        partition: ``aws``, ``aws-us-gov`` or ``aws-cn``.
        region: where calls are recorded; empty if it varies.
        evidence: ``documented`` or ``uncertain``.
        source: the documentation page, or ``memory``.
        endpoint: the only endpoint that the row applies to (STS), or None.
        about: further remarks.
    """

    service: str
    partition: str
    region: str
    evidence: str
    source: str
    endpoint: str | None = None
    about: str = ""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Where CloudTrail records one kind of console sign-in.

    Attributes:
        who: ``root user`` or ``IAM user``.
        endpoint: the sign-in endpoint.
        regions: the sign-in is recorded in one of these; empty means the Region of the endpoint.
        evidence: ``documented`` or ``uncertain``.
        source: the documentation page.
        about: further remarks.
    """

    who: str
    endpoint: str
    regions: tuple[str, ...]
    evidence: str
    source: str
    about: str = ""


def partition_of(region: str) -> str:
    """The partition that a Region belongs to, derived from its name."""
    if region.startswith("us-gov-"):
        return "aws-us-gov"
    return "aws-cn" if region.startswith("cn-") else "aws"


@cache
def global_services() -> tuple[GlobalService, ...]:
    """All rows about global services, each with its source."""
    return tuple(GlobalService(**row) for row in _table()["global"])


@cache
def sign_ins() -> tuple[SignIn, ...]:
    """All rows about console sign-ins, each with its source."""
    return tuple(SignIn(**{**row, "regions": tuple(row["regions"])}) for row in _table()["signin"])


def sign_in_regions() -> tuple[str, ...]:
    """Every Region that may record a sign-in at a global endpoint; each one needs a rule."""
    return tuple(sorted({region for row in sign_ins() for region in row.regions}))


def event_region(call: Call) -> tuple[str, GlobalService | None]:
    """The Region whose default bus receives the event of a call.

    Returns:
        The Region, and the table row that applies to this call, if any. An uncertain row does not change the
        Region.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
    """
    if call.is_put_events:
        return call.region, None
    row = _rows().get((partition_of(call.region), call.service))
    if row is None or not row.region or (row.endpoint and row.endpoint != call.endpoint):
        return call.region, None
    return (row.region if row.evidence == "documented" else call.region), row


@cache
def _rows() -> dict[tuple[str, str], GlobalService]:
    return {(row.partition, row.service): row for row in global_services()}


def _table() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("regions.toml").read_text("utf-8"))
