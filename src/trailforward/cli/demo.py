"""``trailforward demo``: forwards events through a local AWS and checks what arrives."""

from __future__ import annotations

import typer

from trailforward.errors import MissingExtraError


def demo() -> None:
    """Forward events of several Regions through a local AWS to four destinations, and compare every byte.

    Exit status: 0 every event arrived unchanged, 1 one did not, 2 the extra demo is not installed.
    """
    from trailforward.demo import run

    try:
        code = run.run()
    except MissingExtraError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(code)
