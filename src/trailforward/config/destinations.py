"""Destinations without TOML, as in ``TRAILFORWARD_TO``: each becomes a sink, named after the destination."""

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
    """Returns name → table for the destinations, and key → how a problem names the destination.

    Args:
        destinations: ARNs or URLs, as the user wrote them.
        format: the format for all of them.
        problems: gets the problems found here.
        label: prefix for the names of destinations in problems: empty, or ending with a separator.
    """
    if not formats.known(format):
        # Report it once, not once per destination.
        problems.append(Problem("format", "unknown format", f"use one of {', '.join(formats.names())}"))
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
        # Without a format, a sink has its own default: Security Hub accepts findings only.
        named[name] = {"to": destination} | ({"format": format} if format != "raw" else {})
        if kind == "http" and not formats.load(format).json:
            named[name]["batch"] = "single"  # an array holds only JSON
    return named, written


def _name(kind: str | None, destination: str, taken: dict[str, Any]) -> str:
    """Makes a unique name from the resource or the host, never from a user name or password.

    Examples: ``kinesis-cloudsec``, ``http-siem.example.com``.
    """
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
        case "eventbridge-v2":  # the ID follows the name
            resource = destination.split("/")[1]
        case "lambda" | "stepfunctions":  # a version or an alias may follow
            resource = ":".join(destination.split(":")[6:7])
        case _:
            resource = re.split("[:/]", destination)[-1]
    base = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{kind or 'unknown'}-{resource}")[:_NAME_CHARACTERS].strip("-")
    name, count = base, 1
    while name in taken:
        count += 1
        name = f"{base}-{count}"
    return name
