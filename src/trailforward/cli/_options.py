"""Options and arguments that several commands share, and the configuration that they select."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from trailforward.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from trailforward.config import Config

#: The file that is used if neither an argument nor the environment names a configuration.
DEFAULT = "trailforward.toml"

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
        "Without --to and --config: the environment variables, or ./trailforward.toml.",
    ),
]

#: ``[CONFIG]``: a configuration as an argument.
ConfigArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[CONFIG]",
        help="A trailforward.toml, ssm:NAME, or s3://BUCKET/KEY. "
        "Without it: the environment variables, or ./trailforward.toml.",
    ),
]

#: ``[CONFIG]...``: several configurations.
ConfigArguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[CONFIG]...",
        help="Each a trailforward.toml, ssm:NAME, or s3://BUCKET/KEY. "
        "Without one: the environment variables, or ./trailforward.toml.",
    ),
]

#: ``[FILE]...``: files of events.
Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE]...",
        help="Files of events, or folders of them: NDJSON, JSON, or CloudTrail log files, gzipped or not. "
        "Without a file, or with -: standard input.",
    ),
]

#: ``[INPUT]...``: files of events, and buckets.
Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[INPUT]...",
        help="Files of events, or folders of them: NDJSON, JSON, or CloudTrail log files, gzipped or not. "
        "With --since, s3://BUCKET/PREFIX with CloudTrail's log files. Without an input, or with -: standard "
        "input.",
    ),
]


class Loaded(NamedTuple):
    """A valid configuration.

    Attributes:
        config: the configuration.
        name: how messages name the configuration; never its text, which may contain a misplaced secret.
        folder: the folder of its file; the current folder if it is not a file.
        where: the value of ``TRAILFORWARD_CONFIG`` that selects it; empty for destinations without TOML.
    """

    config: Config
    name: str
    folder: Path
    where: str


def load_config(
    config: str | None,
    to: list[str] | None = None,
    format: str = "raw",  # noqa: A002  # named as the setting is
) -> Loaded:
    """Loads the configuration by the rule that all commands share, and prints which one it is.

    The first of these that exists is used: the argument (``to`` or ``config``), the environment variables
    (``TRAILFORWARD_TO`` or ``TRAILFORWARD_CONFIG``), ``./trailforward.toml``.

    Args:
        config: a path, ``ssm:NAME``, ``s3://BUCKET/KEY``, or TOML text.
        to: destinations.
        format: the format for the destinations in ``to``.

    Raises:
        typer.Exit: with status 2, after printing every problem.
    """
    from trailforward.config import Config

    if to and config:
        typer.echo("Use either --to or --config, not both.", err=True)
        raise typer.Exit(2)
    environ, name = dict(os.environ), "--to"
    if not to:
        where, name, more = _found(config)
        if where is not None:
            environ |= {"TRAILFORWARD_TO": "", "TRAILFORWARD_CONFIG": where}
        typer.echo(f"Configuration: {name}{more}", err=True)
    try:
        loaded = Config.to(*to, format=format) if to else Config.from_env(environ)
    except (ConfigError, MissingExtraError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    where = "" if to else environ.get("TRAILFORWARD_CONFIG", "").strip()
    is_file = os.path.isfile(where)  # noqa: PTH113  # TOML text may be too long for pathlib
    return Loaded(loaded, name, Path(where).parent if is_file else Path(), where)


def _found(config: str | None) -> tuple[str | None, str, str]:
    """Returns the value for ``TRAILFORWARD_CONFIG`` (None to use the environment), its name, and details."""
    if config:
        return config, _shown(config), ""
    variables = [
        name for name in ("TRAILFORWARD_TO", "TRAILFORWARD_CONFIG") if os.environ.get(name, "").strip()
    ]
    beside = " (./trailforward.toml is not used)" if Path(DEFAULT).is_file() else ""
    if variables == ["TRAILFORWARD_CONFIG"]:
        shown = _shown(os.environ["TRAILFORWARD_CONFIG"].strip())
        beside = "" if Path(DEFAULT).is_file() and _same_file(shown) else beside
        return None, "TRAILFORWARD_CONFIG", f", {shown}{beside}"
    if variables:
        return None, " and ".join(variables), beside
    if beside:
        return DEFAULT, DEFAULT, ""
    typer.echo(
        f"There is no configuration: neither an argument, nor TRAILFORWARD_CONFIG, nor TRAILFORWARD_TO, "
        f"nor ./{DEFAULT}. Fix: name a configuration, or run this in the folder of {DEFAULT}.",
        err=True,
    )
    raise typer.Exit(2)


def _same_file(path: str) -> bool:
    return os.path.isfile(path) and os.path.samefile(path, DEFAULT)  # noqa: PTH113, PTH121


def _shown(where: str) -> str:
    """Returns a path, ``ssm:NAME``, or ``s3://BUCKET/KEY`` as it is; TOML text is never shown."""
    named = where.startswith(("ssm:", "s3://")) or os.path.isfile(where)  # noqa: PTH113
    return where if named or not set("\n=") & set(where) else "TOML text"
