"""``trailforward detections``: lists the detections, and prints their patterns for a configuration."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from trailforward.detections import Detection


def detections(
    name: Annotated[
        str | None, typer.Argument(help="Print the pattern of this detection, as JSON and TOML.")
    ] = None,
    as_json: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--json", help="Print JSON for programs.")
    ] = False,
) -> None:
    """List the detections, or print one of them. A route uses a detection with use = "NAME".

    Exit status: 0 the detections were printed, 2 the name is unknown.
    """
    from trailforward import detections as shipped

    known = shipped.load_all()
    if name is not None and name not in known:
        similar = get_close_matches(name, known, 3, 0.4) or known
        typer.echo(f"No detection is named {name!r}. Use one of {', '.join(similar)}.", err=True)
        raise typer.Exit(2)
    if as_json:
        chosen = _to_json(known[name]) if name else [_to_json(detection) for detection in known.values()]
        typer.echo(json.dumps(chosen, indent=2))
    elif name:
        _show(known[name])
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("name", no_wrap=True)
        table.add_column("detects")
        for detection in known.values():
            table.add_row(detection.name, detection.title)
        Console().print(table)
        typer.echo(
            'trailforward detections NAME prints the pattern; a route uses it with use = "NAME".', err=True
        )


def _to_json(detection: Detection) -> dict[str, Any]:
    return {
        "name": detection.name,
        "title": detection.title,
        "why": detection.why,
        "pattern": json.loads(detection.pattern),
        "tests": [dict(test) for test in detection.tests],
    }


def _show(detection: Detection) -> None:
    from trailforward.cli._toml import tables

    typer.echo(f"# {detection.title}. {detection.why}\n")
    typer.echo("# An EventBridge rule's event pattern:\n")
    typer.echo(f"{detection.pattern}\n")
    typer.echo("# In trailforward.toml, by name:\n")
    typer.echo(f'[[routes]]\nname = "{detection.name}"\nuse = "{detection.name}"\nsinks = ["…"]\n')
    typer.echo("# Or in full, to change it:\n")
    typer.echo(f'[[routes]]\nname = "{detection.name}"\nsinks = ["…"]\n')
    typer.echo(tables("routes.pattern", json.loads(detection.pattern)))
