"""Where CloudTrail records a call: global services and console sign-ins (``regions.toml``)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trailforward.doctor.call import Call

US_EAST_1 = "us-east-1"


@dataclass(frozen=True, slots=True)
class GlobalService:
    """A service that records its calls in one Region, whatever the caller's.

    Attributes:
        service: its ``eventSource``.
        partition: ``aws``, ``aws-us-gov`` or ``aws-cn``.
        region: where; empty where it differs from case to case.
        evidence: ``documented`` or ``uncertain``.
        source: where the fact stands.
        endpoint: the only endpoint that it holds for (STS), or None.
        about: what else there is to know.
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
    """Where one kind of console sign-in is recorded: in one of ``regions``; empty is the endpoint's own."""

    who: str
    endpoint: str
    regions: tuple[str, ...]
    evidence: str
    source: str
    about: str = ""


def partition_of(region: str) -> str:
    """The partition of a Region, by its name."""
    if region.startswith("us-gov-"):
        return "aws-us-gov"
    return "aws-cn" if region.startswith("cn-") else "aws"


@cache
def global_services() -> tuple[GlobalService, ...]:
    """The table of global services, with its source column."""
    return tuple(GlobalService(**row) for row in _table()["global"])


@cache
def sign_ins() -> tuple[SignIn, ...]:
    """The table of console sign-ins, with its source column."""
    return tuple(SignIn(**{**row, "regions": tuple(row["regions"])}) for row in _table()["signin"])


def sign_in_regions() -> tuple[str, ...]:
    """Every Region that a sign-in at a global endpoint may be recorded in: all of them need a rule."""
    return tuple(sorted({region for row in sign_ins() for region in row.regions}))


def event_region(call: Call) -> tuple[str, GlobalService | None]:
    """The Region whose default bus gets the event.

    Returns:
        The Region, and the row of the table that speaks of this call, if any. An uncertain row does not
        move the event.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
    """
    if call.forged:
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
