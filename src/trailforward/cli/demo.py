"""``trailforward demo``: the main job on a local AWS."""

from __future__ import annotations

import typer

from trailforward.errors import MissingExtraError


def demo() -> None:
    """Play events of several Regions through a local AWS to four destinations, and check every byte."""
    try:
        from trailforward.demo import play
    except ModuleNotFoundError:
        typer.echo(str(MissingExtraError("the demo", "demo")), err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(play.run())
