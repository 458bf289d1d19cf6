"""Data events: which calls CloudTrail records as data events; see ``data_events.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class DataEvents:
    """The data events of one service.

    Attributes:
        service: the ``eventSource``.
        type: the value of ``resources.type``; empty if the service has several.
        data: names of calls that are data events; ``*`` is a wildcard.
        management: names of calls that are not.
        evidence: ``documented`` or ``uncertain``.
        source: URL of the page that says so, or ``memory``.
    """

    service: str
    type: str
    data: tuple[str, ...]
    management: tuple[str, ...]
    evidence: str
    source: str

    def names(self, event_name: str) -> bool:
        """Whether a call is among the data events."""
        return any(fnmatchcase(event_name, pattern) for pattern in self.data)


@cache
def data_events() -> tuple[DataEvents, ...]:
    """All services whose data events are listed, each with its source."""
    return tuple(
        DataEvents(**{**row, "data": tuple(row["data"]), "management": tuple(row["management"])})
        for row in _table()["service"]
    )


def category_of(service: str, event_name: str) -> str | None:
    """``Management`` or ``Data``, as CloudTrail records an API call; None if that is not certain.

    Args:
        service: the ``eventSource``.
        event_name: the ``eventName``.
    """
    row = _rows().get(service)
    if row is None:
        return None if service in _unlisted() else "Management"
    if row.names(event_name):
        return "Data" if row.evidence == "documented" else None
    named = any(fnmatchcase(event_name, pattern) for pattern in row.management)
    return "Management" if named else None


def resource_type(service: str) -> str:
    """The value of ``resources.type`` in a service's data events; empty if it is not certain."""
    row = _rows().get(service)
    return row.type if row else ""


@cache
def _rows() -> dict[str, DataEvents]:
    return {row.service: row for row in data_events()}


@cache
def _unlisted() -> frozenset[str]:
    return frozenset(_table()["unlisted"]["services"])


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("data_events.toml").read_text("utf-8"))
