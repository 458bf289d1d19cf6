"""``trailforward samples``: prints the sample events of the testing kit."""

from __future__ import annotations

import json
import sys
from difflib import get_close_matches
from typing import Annotated

import typer

from trailforward.cli._completion import complete_sample


def samples(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Print these events only, in this order.",
            autocompletion=complete_sample,
        ),
    ] = None,
    as_list: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--list", help="List the names instead, each with a description.")
    ] = False,
) -> None:
    """Print sample CloudTrail events as NDJSON, each exactly as EventBridge writes it.

    Exit status: 0 the events were printed, 2 a name is unknown.
    """
    from trailforward.testing import samples as kit

    known = kit.names()
    chosen = names or known
    unknown = [name for name in chosen if name not in known]
    for name in unknown:
        similar = get_close_matches(name, known, 3, 0.4)
        hint = (
            f"Similar names: {', '.join(similar)}." if similar else "`trailforward samples --list` lists all."
        )
        typer.echo(f"No sample is named {name!r}. {hint}", err=True)
    if unknown:
        raise typer.Exit(2)
    if as_list:
        width = max(map(len, chosen))
        for name in chosen:
            typer.echo(f"{name:<{width}}  {_description(kit.load(name))}")
        return
    for name in chosen:
        sys.stdout.buffer.write(kit.load(name) + b"\n")
    sys.stdout.buffer.flush()


def _description(sample: bytes) -> str:
    """Says what an event reports: the call, the service, and the Region."""
    event = json.loads(sample)
    detail = event["detail"]
    what = detail.get("eventName") or detail.get("type") or event["detail-type"]
    return f"{what} ({detail.get('eventSource', event['source'])}) in {event['region']}"
