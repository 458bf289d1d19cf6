"""``trailforward validate``: is a configuration right, and does it say what was meant?"""

from __future__ import annotations

from typing import Annotated

import typer

from trailforward.cli._input import load_config
from trailforward.errors import ConfigError, Problem


def validate(
    config: Annotated[
        str | None,
        typer.Argument(
            metavar="[CONFIG]",
            help="A trailforward.toml, ssm:NAME or s3://…; none: the environment, or ./trailforward.toml.",
        ),
    ] = None,
    strict: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--strict", help="End with 1 if there is a lint.")
    ] = False,
) -> None:
    """Check a configuration: every key, pattern and test. Lints are printed, one per line.

    Ends with 0 if the configuration is valid, 1 with --strict if there are lints, 2 if it is wrong.
    """
    from trailforward.config.lint import lint
    from trailforward.testing import route_tests

    loaded = load_config(config)
    problems: list[Problem] = []
    tests = route_tests.cases(loaded.config, folder=loaded.folder, problems=problems)
    if problems:
        typer.echo(str(ConfigError(problems)), err=True)
        raise typer.Exit(2)
    lints = lint(loaded.config)
    for found in lints:
        typer.echo(str(found))
    counts = [
        _count(len(loaded.config.sinks), "sink"),
        _count(len(loaded.config.routes), "route"),
        _count(len(tests), "test"),
        _count(len(lints), "lint"),
    ]
    typer.echo(f"{loaded.name} is valid: {', '.join(counts)}", err=True)
    if strict and lints:
        raise typer.Exit(1)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
