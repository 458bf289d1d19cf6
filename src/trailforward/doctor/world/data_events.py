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
        evidence: ``documented``, or ``uncertain`` if it could not be verified which calls are data events.
        source: URL of the page.
        open: names of calls of which it could not be verified.
        missing: what could not be verified, in a few words; empty if nothing.
    """

    service: str
    type: str
    data: tuple[str, ...]
    management: tuple[str, ...]
    evidence: str
    source: str
    open: tuple[str, ...] = ()
    missing: str = ""

    def category(self, event_name: str) -> str | None:
        """``Management`` or ``Data``; None if it is not certain."""
        if _among(event_name, self.data):
            return "Data" if self.evidence == "documented" else None
        certain = _among(event_name, self.management) and not _among(event_name, self.open)
        return "Management" if certain else None


@cache
def data_events() -> tuple[DataEvents, ...]:
    """All services whose data events are listed, each with its source."""
    return tuple(map(_row, _table()["service"]))


def _row(raw: dict[str, Any]) -> DataEvents:
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()
    }
    return DataEvents(**fields)


def category_of(service: str, event_name: str) -> str | None:
    """``Management`` or ``Data``, as CloudTrail records an API call; None if that is not certain.

    Args:
        service: the ``eventSource``.
        event_name: the ``eventName``.
    """
    row = _rows().get(service)
    if row is None:
        return None if service in _unlisted() else "Management"
    return row.category(event_name)


def resource_type(service: str) -> str:
    """The value of ``resources.type`` in a service's data events; empty if it is not certain."""
    row = _rows().get(service)
    return row.type if row else ""


def _among(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@cache
def _rows() -> dict[str, DataEvents]:
    return {row.service: row for row in data_events()}


@cache
def _unlisted() -> frozenset[str]:
    return frozenset(_table()["unlisted"]["services"])


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("data_events.toml").read_text("utf-8"))
