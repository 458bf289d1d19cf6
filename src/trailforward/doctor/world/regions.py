"""Regions: where CloudTrail records global services and console sign-ins; see ``regions.toml``."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from functools import cache, lru_cache
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
        partition: the name of a partition.
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


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of AWS: Regions with accounts and an IAM of their own.

    Attributes:
        name: ``aws-cn``.
        regions: a regular expression for the names of its Regions.
        global_region: the Region of its global endpoints.
    """

    name: str
    regions: str
    global_region: str


@cache
def partitions() -> tuple[Partition, ...]:
    """All partitions, AWS's first one first."""
    return tuple(Partition(**row) for row in _table()["partition"])


@lru_cache(maxsize=1024)
def partition_of(region: str) -> str:
    """The partition that a Region belongs to, derived from its name; ``aws`` for a name of no partition."""
    return next((one.name for one in partitions() if re.fullmatch(one.regions, region)), partitions()[0].name)


def global_region(partition: str) -> str:
    """The Region of a partition's global endpoints."""
    return next(one.global_region for one in partitions() if one.name == partition)


def always_enabled(region: str) -> bool:
    """Whether no account can disable a Region.

    Source: https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
    """
    return region in _defaults()


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
    partition = partition_of(call.region)
    row = _rows().get((partition, call.service)) or _elsewhere(partition, call.service)
    if row is None or not row.region or (row.endpoint and row.endpoint != call.endpoint):
        return call.region, None
    return (row.region if row.evidence == "documented" else call.region), row


@lru_cache(maxsize=1024)
def _elsewhere(partition: str, service: str) -> GlobalService | None:
    """The row for a service that is known to be global in AWS's first partition, but has no row in this one.

    Its calls are believed to be recorded in the Region of the partition's global endpoints.
    """
    row = _rows().get((partitions()[0].name, service))
    if row is None or row.evidence != "documented" or row.partition == partition:
        return None
    return replace(
        row,
        partition=partition,
        region=global_region(partition),
        evidence="uncertain",
        source="endpoints of botocore",
    )


@cache
def _rows() -> dict[tuple[str, str], GlobalService]:
    return {(row.partition, row.service): row for row in global_services()}


@cache
def _defaults() -> frozenset[str]:
    return frozenset(_table()["default"]["regions"])


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("regions.toml").read_text("utf-8"))
