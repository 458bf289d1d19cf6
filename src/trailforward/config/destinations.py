"""Destinations alone, as in ``TRAILFORWARD_TO``: each becomes a table, named after the destination."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from trailforward import formats, sinks
from trailforward.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME_CHARACTERS = 56


def tables(
    destinations: Sequence[str],
    format: str,  # noqa: A002  # named as the setting is
    problems: list[Problem],
    label: str = "",
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """A table per destination, by name; and what to call it in a problem, by its key.

    Args:
        destinations: as given.
        format: of all of them.
        problems: added to.
        label: of the place that lists the destinations; empty, or ending in a separator.
    """
    if format not in formats.BUILT_IN:
        # Once, not for each destination.
        problems.append(
            Problem("format", "there is no such format", f"use one of {', '.join(formats.BUILT_IN)}")
        )
        format = "raw"  # noqa: A001
    named: dict[str, dict[str, Any]] = {}
    written: dict[str, str] = {}
    for number, destination in enumerate(destinations, 1):
        place = f"{label}destination {number}"
        if destination in destinations[: number - 1]:
            problems.append(Problem(place, "listed twice", "list each destination once"))
            continue
        kind = sinks.type_of(destination)
        name = _name(kind, destination, named)
        written[f"sinks.{name}"] = place
        named[name] = {"to": destination, "format": format}
        if kind == "http" and not formats.load(format).json:
            named[name]["batch"] = "single"  # such a format fits no array
    return named, written


def _name(kind: str | None, destination: str, taken: dict[str, Any]) -> str:
    """``kinesis-cloudsec``, ``http-siem.example.com``: names a resource or host, never a user or password."""
    match kind:
        case None:
            resource = ""
        case "http":
            from urllib.parse import urlsplit

            try:
                resource = urlsplit(destination).hostname or ""
            except ValueError:
                resource = ""
        case "stdout":
            resource = ""
        case "s3":
            resource = destination.removeprefix("s3://").partition("/")[0].partition("?")[0]
        case _:
            resource = re.split("[:/]", destination)[-1]
    base = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{kind or 'unknown'}-{resource}")[:_NAME_CHARACTERS].strip("-")
    name, count = base, 1
    while name in taken:
        count += 1
        name = f"{base}-{count}"
    return name
