"""Options and arguments that several commands share, and the configuration that they select."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from trailforward.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.config import Config

#: ``--to``: destinations.
To = Annotated[
    list[str] | None,
    typer.Option("--to", metavar="ARN|URL", help="A destination. Repeat the option for more destinations."),
]

#: ``--config``: a configuration instead of ``--to``.
ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="PATH",
        help="A trailforward.toml, ssm:NAME, or s3://BUCKET/KEY. "
        "Without --to and --config: the environment variables.",
    ),
]

#: ``[FILE]...``: files of events.
Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE]...",
        help="Files of events: NDJSON, JSON, or CloudTrail log files, gzipped or not. "
        "Without a file, or with -: standard input.",
    ),
]


def environment_with(config: str | None) -> Mapping[str, str]:
    """Returns the environment variables, with ``--config`` instead of the configuration in them."""
    return {**os.environ, "TRAILFORWARD_TO": "", "TRAILFORWARD_CONFIG": config} if config else os.environ


def selected_config(to: list[str] | None, config: str | None, format: str = "raw") -> Config:  # noqa: A002
    """Returns the configuration that ``--to`` or ``--config`` selects, else that of the environment.

    Args:
        to: destinations.
        config: a path, ``ssm:NAME``, or ``s3://BUCKET/KEY``.
        format: the format for the destinations in ``to``.

    Raises:
        typer.Exit: with status 2, after printing what is wrong.
    """
    from trailforward.config import Config

    if to and config:
        typer.echo("Use either --to or --config, not both.", err=True)
        raise typer.Exit(2)
    try:
        return Config.to(*to, format=format) if to else Config.from_env(environment_with(config))
    except (ConfigError, MissingExtraError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
