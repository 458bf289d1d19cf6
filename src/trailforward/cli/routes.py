"""``trailforward routes``: the ready-made routes, and their patterns ready to paste."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from trailforward.detections import Detection


def routes(
    name: Annotated[str | None, typer.Argument(help="Print this one's pattern, as JSON and TOML.")] = None,
    as_json: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--json", help="Print JSON for programs.")
    ] = False,
) -> None:
    """List the ready-made routes, or print one: a configuration takes it with use = "NAME"."""
    from trailforward import detections

    known = detections.load_all()
    if name is not None and name not in known:
        alike = get_close_matches(name, known, 3, 0.4) or known
        typer.echo(f"There is no ready-made route {name!r}; there is {', '.join(alike)}.", err=True)
        raise typer.Exit(2)
    if as_json:
        chosen = _plain(known[name]) if name else [_plain(route) for route in known.values()]
        typer.echo(json.dumps(chosen, indent=2))
    elif name:
        _show(known[name])
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("name", no_wrap=True)
        table.add_column("takes")
        for route in known.values():
            table.add_row(route.name, route.title)
        Console().print(table)
        typer.echo('trailforward routes NAME prints a pattern; a configuration says use = "NAME".', err=True)


def _plain(route: Detection) -> dict[str, Any]:
    return {
        "name": route.name,
        "title": route.title,
        "why": route.why,
        "pattern": json.loads(route.pattern),
        "tests": [dict(test) for test in route.tests],
    }


def _show(route: Detection) -> None:
    from trailforward.cli._toml import tables

    typer.echo(f"# {route.title}. {route.why}\n")
    typer.echo("# An EventBridge rule's event pattern:\n")
    typer.echo(f"{route.pattern}\n")
    typer.echo("# In trailforward.toml, by name:\n")
    typer.echo(f'[[routes]]\nname = "{route.name}"\nuse = "{route.name}"\nsinks = ["…"]\n')
    typer.echo("# Or in full, to change it:\n")
    typer.echo(f'[[routes]]\nname = "{route.name}"\nsinks = ["…"]\n')
    typer.echo(tables("routes.pattern", json.loads(route.pattern)))
