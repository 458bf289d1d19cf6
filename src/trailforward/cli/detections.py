"""``trailforward detections``: lists the detections, prints their patterns, and counts their hits."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from trailforward.cli._completion import complete_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.detections import Detection


def detections(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Print this detection, or list those of this set: set:NAME.",
            autocompletion=complete_name,
        ),
    ] = None,
    hits: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="Count the events of a file that each detection matches. Repeatable."
        ),
    ] = None,
    markdown: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--markdown", help="Print all of them as a page of the documentation.")
    ] = False,
    as_json: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--json", help="Print JSON for programs.")
    ] = False,
) -> None:
    """List the detections, or print one of them. A route uses a detection with use = "NAME".

    Exit status: 0 the detections were printed, 2 the name is unknown or a file cannot be read.
    """
    from trailforward import detections as shipped

    if markdown:
        from trailforward.cli._detections_page import page

        typer.echo(page(shipped.load_all().values()), nl=False)
        return
    chosen = _chosen(name)
    if hits:
        from trailforward.cli._detection_hits import count

        found = count(chosen, hits)
        _show_hits(found.hits, found.events, as_json=as_json)
        raise typer.Exit(2 if found.broken else 0)
    one = next(iter(chosen.values())) if name in chosen else None
    if as_json:
        made = _to_json(one) if one else [_to_json(detection) for detection in chosen.values()]
        typer.echo(json.dumps(made, indent=2))
    elif one:
        _show(one)
    else:
        _show_all(chosen)


def _chosen(name: str | None) -> Mapping[str, Detection]:
    """The detections that a name asks for: all, those of a set, or one."""
    from trailforward import detections as shipped

    known = shipped.load_all()
    if name is None:
        return known
    names = [*known, *(f"{shipped.SET_PREFIX}{each}" for each in shipped.SETS)]
    if name not in names:
        similar = get_close_matches(name, names, 3, 0.4) or names
        typer.echo(f"No detection is named {name!r}. Use one of {', '.join(similar)}.", err=True)
        raise typer.Exit(2)
    wanted = name.removeprefix(shipped.SET_PREFIX)
    if wanted == name:
        return {name: known[name]}
    return {each.name: each for each in known.values() if wanted in each.sets}


def _to_json(detection: Detection) -> dict[str, Any]:
    return {
        "name": detection.name,
        "title": detection.title,
        "severity": detection.severity,
        "description": detection.description,
        "tags": list(detection.tags),
        "reference": detection.reference,
        "cis": detection.cis or None,
        "sets": list(detection.sets),
        "needs": detection.needs or None,
        "noise": detection.noise or None,
        "pattern": json.loads(detection.pattern),
        "tests": [dict(test) for test in detection.tests],
    }


def _show_all(chosen: Mapping[str, Detection]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("severity", no_wrap=True)
    table.add_column("detects")
    for detection in chosen.values():
        table.add_row(detection.name, detection.severity, detection.title)
    Console().print(table)
    typer.echo(
        'trailforward detections NAME prints the pattern; a route uses it with use = "NAME", '
        'or all detections of a set with use = "set:NAME".',
        err=True,
    )


def _show_hits(hits: Mapping[str, int], events: int, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"events": events, "hits": dict(hits)}, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("detection", no_wrap=True)
    table.add_column("hits", justify="right")
    table.add_column("of 1,000 events", justify="right")
    for name, count in sorted(hits.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{count:,}", f"{1000 * count / max(events, 1):.1f}")
    Console().print(table)
    typer.echo(f"{events:,} events", err=True)


def _show(detection: Detection) -> None:
    from trailforward.cli._toml import tables

    typer.echo(f"# {detection.title}. {detection.description}")
    typer.echo(f"# Severity {detection.severity}, {', '.join(detection.tags)}, {detection.reference}\n")
    typer.echo("# An EventBridge rule's event pattern:\n")
    typer.echo(f"{detection.pattern}\n")
    typer.echo("# In trailforward.toml, by name:\n")
    typer.echo(f'[[routes]]\nname = "{detection.name}"\nuse = "{detection.name}"\nsinks = ["…"]\n')
    typer.echo("# Or in full, to change it:\n")
    typer.echo(f'[[routes]]\nname = "{detection.name}"\nseverity = "{detection.severity}"')
    typer.echo(f'title = {json.dumps(detection.title)}\nsinks = ["…"]\n')
    typer.echo(tables("routes.pattern", json.loads(detection.pattern)))
