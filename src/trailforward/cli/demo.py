"""``trailforward demo``: the main job on a local AWS."""

from __future__ import annotations

import typer

from trailforward.errors import MissingExtraError


def demo() -> None:
    """Play events of several Regions through a local AWS to four destinations, and check every byte."""
    from trailforward.demo import play

    try:
        code = play.run()
    except MissingExtraError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(code)
